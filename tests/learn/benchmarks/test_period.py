"""Old colours, in both blocks."""

import numpy as np
import pytest

from learn.benchmarks.programs import Blend, program

measuring, period = program("measuring"), program("period")


@pytest.mark.parametrize(("size", "expected"), [((100, 140), (64, 90)), ((300, 200), (96, 64))])
def test_the_whole_picture_is_brought_to_a_short_side(size, expected):
    rgb = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    assert period.to_short_side(rgb, 64).shape == (*expected, 3)


def test_the_table_has_floor_ceiling_and_both_blocks(colourful):
    sets = {
        name: [measuring.Named(str(n), colourful(at + n)) for n in range(2)]
        for at, name in ((0, "fsa"), (10, "prokudin"))
    }
    far = {"lpips_vgg": 0.25, "lpips_alex": 0.125}
    found = period.compare([Blend("dull", 0.5)], sets, lambda some, _: [far] * len(some), 64)
    lines = period.table(found).splitlines()
    assert len(lines) == 2 + 2 * 4
    grey, truth, as_it_is, equal = (line.split(" | ") for line in lines[2:6])
    assert grey[2:5] == ["grey", "", "0.00"]
    assert truth[2] == "truth"
    assert as_it_is[2:4] == ["dull, (i) as it is", "1"]
    assert as_it_is[4].startswith("0.5")
    assert as_it_is[5] == "**no**"
    assert equal[3] == "2.00"
    assert equal[4].startswith("1.0")
    assert as_it_is[8] == "0.250 (0.250 to 0.250)"
    facts = period.facts(found)["fsa"]
    assert facts["equal"]["dull"]["delta_e"][0] < facts["default"]["dull"]["delta_e"][0]
