"""Pickles are read without building anything they name."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tintype.learn.data import plain_pickle
from tintype.learn.data.plain_pickle import PlainPickleError, loads

PLAIN = {
    b"labels": [0, 1, -7, 2**40, True, None, 1.5],
    "names": (b"cat", "Gro\u00df", (), (1,), (1, 2), (1, 2, 3), [[]], {}),
    3: {"x": {b"y": [b""[:0] + b"z"]}},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_are_read_from_every_protocol(protocol: int):
    assert loads(pickle.dumps(PLAIN, protocol)) == PLAIN


def test_texts_of_python_2_are_bytes():
    assert loads(b"(dp1\nS'cafe'\np2\nI12\nsS'b'\n(lp3\nI01\naL7L\naF1.5\nas.") == {
        b"cafe": 12,
        b"b": [True, 7, 1.5],
    }
    assert loads(rb"S'a\*b\q'" + b"\n.") == rb"a\*b\q"
    assert loads(b"\x80\x02}U\x03ab\xffT\x01\x00\x00\x00zs.") == {b"ab\xff": b"z"}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("code", ["u1", "<i8", ">f4", "b1", "c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numbers_are_read(protocol: int, code: str, order: str):
    array = np.asarray(np.arange(12).reshape(3, 4), dtype=code, order=order)  # type: ignore[call-overload]
    both = loads(pickle.dumps([array, array], protocol))
    assert isinstance(both, list)
    assert both[0] is both[1]
    assert both[0].dtype == array.dtype
    assert np.array_equal(both[0], array)


def test_a_list_may_contain_itself():
    value = loads(b"\x80\x02]q\x00h\x00a.")
    assert isinstance(value, list)
    assert value[0] is value


def _named(module: bytes, name: bytes) -> bytes:
    return b"c" + module + b"\n" + name + b"\n"


def _pointers() -> bytes:
    """An array of objects laid over bytes that somebody chose."""
    code = b"\x80\x05" + _named(b"numpy", b"ndarray") + b"(K\x01\x85"
    code += _named(b"numpy", b"dtype") + b"\x8c\x02O8\x85R"
    return code + b"\x96" + struct.pack("<Q", 8) + b"A" * 8 + b"tRK\x00Ns."


def _array(code: bytes, shape: bytes, raw: bytes) -> bytes:
    """An array as `pickle` writes it, of any type, shape and bytes."""
    made = _named(b"numpy.core.multiarray", b"_reconstruct") + _named(b"numpy", b"ndarray")
    kind = _named(b"numpy", b"dtype") + b"(U" + bytes([len(code)]) + code + b"K\x00K\x01tR"
    state = b"(K\x01" + shape + kind + b"\x89C" + bytes([len(raw)]) + raw + b"tb."
    return b"\x80\x04" + made + b"K\x00\x85C\x01b\x87R" + state


def test_the_arrays_of_these_tests_are_read():
    assert np.array_equal(loads(_array(b"u1", b"K\x03\x85", b"abc")), np.array([97, 98, 99]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_pointers(), "'O8'"),
        (_array(b"O8", b"K\x01\x85", b"A" * 8), "'O8'"),
        (_array(b"V8", b"K\x01\x85", b"A" * 8), "not numbers"),
        (_array(b"u1", b"K\x09\x85", b"A" * 8), "do not match"),
        (_array(b"u1", b"J\xff\xff\xff\xff\x85", b"A" * 8), "do not match"),
        (_array(b"u1", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", b"A"), "do not"),
        (_array(b"u1", b"(" + b"K\x01" * 40 + b"t", b"A"), "do not match"),
        (pickle.dumps(np.array([object()])), "'O8'"),
        (pickle.dumps(np.zeros(2, [("a", "u1")])), "not numbers"),
        (_named(b"os", b"system") + b"(S'true'\ntR.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "os.system"),
        (b"(ios\nsystem\n.", "INST"),
        (b"(S'x'\nios\nsystem\n.", "INST"),
        (b"\x80\x02]q\x00(h\x00h\x00tb.", "something that is not an array"),
        (b"\x80\x02)R.", "value is missing"),
        (_named(b"numpy", b"ndarray") + b".", "part of an array"),
        (b"]" + _named(b"numpy", b"dtype") + b"a.", "part of an array"),
        (_named(b"numpy", b"dtype") + b"(U\x02O8tR.", "'O8'"),
        (_named(b"_codecs", b"encode") + b"(X\x01\x00\x00\x00aU\x03hextR.", "unknown way"),
        (b"Pnumber\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
        (pickle.dumps({1, 2}), "EMPTY_SET"),
        (pickle.dumps(bytearray(b"x"), 5), "BYTEARRAY8"),
        (b"}(K\x01u.", "key has no value"),
        (b"})K\x01s.", "neither a string nor a number"),
        (b"K\x01K\x02.", "one value"),
        (b"h\x05.", "not stored"),
        (b"e.", "mark is missing"),
        (b"(K\x01", "does not end|exhausted"),
        (b"B\xff\xff\xff\x7fabc", "damaged"),
        (b"\x8a\x09" + b"\xff" * 8 + b"\x7f.", "more than 63 bits"),
        (b"L" + b"9" * 5000 + b"L\n.", "damaged"),
        (b"", "damaged"),
        (b"no pickle", "damaged|plain data"),
        (_named(b"numpy", b"ndarray" + bytes(100)) + b".", r"it refers to 'numpy\.ndarray"),
        (_named(b"numpy", b"dtype") + b"(U\x40" + b"\x01" * 64 + b"tR.", "not numbers"),
        (b"(cx" + b"\x0c" * 90 + b"\ny\n.", "it refers to"),
    ],
)
def test_everything_else_is_refused_in_one_line(data: bytes, says: str):
    with pytest.raises(PlainPickleError, match=says) as caught:
        loads(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_large_file_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = pickle.dumps(b"x" * 2000)
    assert loads(data) == b"x" * 2000
    monkeypatch.setattr(plain_pickle, "MAX_BYTES", 1 << 10)
    with pytest.raises(PlainPickleError, match="more than 0 MB"):
        loads(data)


def test_a_bomb_of_shared_tuples_takes_no_time():
    doubled = b"\x80\x02)" + b"".join(b"q%cq%ch%c\x86" % (n, n, n) for n in range(100))
    value = loads(doubled + b".")
    assert isinstance(value, tuple)
    with pytest.raises(PlainPickleError, match="neither a string"):
        loads(b"\x80\x02}" + doubled[2:] + b"Ns.")


SEEDS = [
    pickle.dumps({b"label_names": [b"cat"], b"data": np.zeros((2, 3), np.uint8)}, protocol)
    for protocol in (2, 4)
] + [pickle.dumps(PLAIN, protocol) for protocol in (0, 5)]
PLAIN_TYPES = (type(None), bool, int, float, str, bytes, list, tuple, dict, np.ndarray)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_pickles_are_read_or_refused(data: st.DataObject):
    changed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed)))
        cut = data.draw(st.integers(0, 4))
        changed[at : at + cut] = data.draw(st.binary(max_size=6))
    _read_or_refused(bytes(changed))


OPCODES = b"(.012NIKMJLU]}e)t\x85\x86\x87lda" + b"suqhRbc\x93\x94\x8c\x96C\x88\x89G\x80"


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.sampled_from([bytes([code]) for code in OPCODES])
        | st.sampled_from([_named(*name.split()) for name in (b"numpy dtype", b"numpy ndarray")])
        | st.binary(max_size=3),
        max_size=30,
    )
)
@example([_pointers()])
def test_programs_of_known_instructions_are_read_or_refused(parts: list[bytes]):
    _read_or_refused(b"".join(parts) + b".")


def _read_or_refused(data: bytes) -> None:
    try:
        value = loads(data)
    except PlainPickleError:
        return
    assert isinstance(value, PLAIN_TYPES)
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufc"


def _encoded_again_and_again(text: str, times: int) -> bytes:
    """A text in the memo, and calls that each make bytes of it."""
    stored = text.encode()
    code = b"\x80\x02X" + struct.pack("<I", len(stored)) + stored + b"q\x000"
    call = _named(b"_codecs", b"encode") + b"h\x00X\x06\x00\x00\x00latin1\x86R"
    return code + b"]" + b"(" + call * times + b"e."


def test_calls_make_no_more_bytes_than_the_pickle_has():
    assert loads(_encoded_again_and_again("x" * 1000, 1)) == [b"x" * 1000]
    with pytest.raises(PlainPickleError, match="more bytes than it has"):
        loads(_encoded_again_and_again("x" * 100_000, 1000))


def test_a_pickle_has_so_many_instructions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plain_pickle, "_MAX_INSTRUCTIONS", 100)
    assert loads(b"\x80\x02](" + b"}" * 90 + b"e.") == [{}] * 90
    with pytest.raises(PlainPickleError, match="more than 100 instructions"):
        loads(b"\x80\x02](" + b"}" * 100 + b"e.")
