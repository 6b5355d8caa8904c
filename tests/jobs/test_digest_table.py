import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.jobs.digest_table import DigestTable, digest

KEYS = st.integers(1, 2**64 - 1) | st.sampled_from([1, 1025, 2049, 2**63 + 1])


@given(st.lists(st.tuples(KEYS, st.integers(0, 2**64 - 1)), max_size=200))
def test_it_is_a_dictionary(pairs: list[tuple[int, int]]) -> None:
    table, wanted = DigestTable(), {}
    for key, value in pairs:
        table.put(key, value)
        wanted[key] = value
    assert len(table) == len(wanted)
    assert {key: table.get(key) for key in wanted} == wanted
    assert table.get(digest(b"other")) == wanted.get(digest(b"other"))


def test_it_grows_and_takes_less_than_fifty_bytes_per_entry() -> None:
    table = DigestTable()
    for number in range(20_000):
        table.put(digest(b"%d" % number), number)
    assert all(table.get(digest(b"%d" % number)) == number for number in range(0, 20_000, 17))
    size = sum(sys.getsizeof(part) for part in (table._keys, table._values))
    assert size / 20_000 < 50


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 100])
def test_no_digest_is_zero(data: bytes) -> None:
    assert 0 < digest(data) < 2**64
    assert digest(data) == digest(data) != digest(data + b"1")
