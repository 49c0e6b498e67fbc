"""Cells that are numbers, and those that only look so."""

import pytest

from trainer.tables import cells

ZEROS = "0" * 5000


@pytest.mark.parametrize("sign", ["", "-", "+"])
def test_zeros_before_a_number_are_none_of_its_digits(sign):
    even, odd = sign + ZEROS + str(2**53), sign + ZEROS + str(2**53 + 1)
    value = float(f"{sign}9007199254740992")
    assert cells.numbers([even, sign + ZEROS]).tolist() == [value, 0]
    assert not cells.is_number(odd)
    with pytest.raises(ValueError, match=ZEROS):
        cells.numbers(["1", odd])


def test_a_number_of_thousands_of_digits_is_too_large():
    with pytest.raises(cells.BadCellError, match="must be finite") as held:
        cells.numbers(["1", "9" * 5000])
    assert held.value.index == 1
