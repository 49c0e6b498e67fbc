"""How people write numbers: one style a column, settled by all of its cells.

`(1.234,50 €)` is a number to a person. Which mark is the decimal one, which
parts thousands, and which unit stands beside, is told by all of a column's
cells together; a cell that is written otherwise is then a slip.
"""

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.tables import cells
from trainer.tables.cell_patterns import BLANK
from trainer.tables.cell_patterns import MINUS
from trainer.tables.cell_text import TypedNumber

# Marks that part thousands, as patterns. Quotes are Switzerland's.
_GROUPS = {
    "": "",
    ",": ",",
    ".": r"\.",
    " ": BLANK,
    "'": "['\u2019]",
    # Not seen: what stands before three digits may be one.
    "?": "",
}
_DECIMALS = {".": r"\.", ",": ","}
_SYMBOLS = "$€£¥₹₽₩₺₴₫₪₱฿¢￥＄￡￦"
# ISO 4217's, but for ALL, CUP, SOS and TOP, which are words of other codes.
_CODES = (
    "AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND"
    " BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF"
    " DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD"
    " HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF"
    " KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT"
    " MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN"
    " PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP"
    " SLE SRD SSP STN SVC SYP SZL THB TJS TMT TND TRY TTD TWD TZS UAH UGX"
    " USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
# A unit of currency before, or any after: "km/h", "m2", "per cent", "°C".
_BEFORE = f"(?:[A-Z]{{0,3}}[{_SYMBOLS}]|[A-Z]{{3}}|Rs\\.?|Rp\\.?|kr\\.?|Fr\\.?)"
_LETTER = (
    f"[^0-9.,;:'\u2019()[\\]{{}}+*/^{MINUS}"
    "\t-\r\x1c- \x85\xa0\u2000-\u200f\u202a-\u202f]"
)
# Some blanks are letters here: none is tried again, lest it takes a square.
_AFTER = (
    f"(?:{_LETTER}++(?:[ .^*\xa0]{_LETTER}++|[23]?/(?:10+[ \xa0]?)?{_LETTER}++"
    f"|[23]{_LETTER}++|\\^-?[0-9])*[23]?\\.?)"
)
# Fortran's have a D.
_EXPONENT = "(?:[eE][-+]?|[dD][-+])[0-9]+"
# Nothing after blanks begins with one: none is tried again.
_BLANKS = f"{BLANK}*+"
_CELL = re.compile(
    f"{_BLANKS}(?:\\({_BLANKS})?[+{MINUS}]?{_BLANKS}(?P<before>{_BEFORE})?"
    f"{_BLANKS}\\(?[+{MINUS}]?{_BLANKS}"
    f"(?P<body>[0-9.,'\u2019]+(?:{BLANK}[0-9.,'\u2019]+)*+)(?:{_EXPONENT})?"
    f"{_BLANKS}(?P<after>{_AFTER})?{_BLANKS}\\)?{_BLANKS}"
)


def matched(text: str) -> re.Match[str] | None:
    """Returns the parts before, body and after of a number in any style."""
    # "(0,10]" is a range, and no accountant's -0.1.
    is_whole = text.count("(") == text.count(")")
    found = _CELL.fullmatch(text) if is_whole else None
    if found is None:
        return None
    before, after = found["before"] or "", found["after"] or " "
    is_word = before.isalpha() and before.isupper() and before not in _CODES
    # A fraction or a power, as of 1\xbd and 2\xb2, is no unit.
    is_digit = unicodedata.category(after[0])[0] == "N"
    return None if is_word or is_digit else found


@dataclasses.dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written.

    Attributes:
      decimal: mark before decimals, a point or a comma.
      group: mark between thousands, " " for any blank; "" for none; "?" where
        a point before three digits may be it, and is refused.
      before: unit before each number; "" for none.
      after: unit after each number; "" for none.
    """

    decimal: str = "."
    group: str = ""
    before: str = ""
    after: str = ""

    @functools.cached_property
    def body(self) -> str:
        """Pattern of the digits and their marks."""
        mark, point = _GROUPS[self.group], _DECIMALS[self.decimal]
        whole = "[0-9]+"
        if self.group == "?":
            clear = f"{point}(?:[0-9]{{0,2}}|[0-9]{{4,}})"
            other = f"(?:0[0-9]*|[0-9]{{4,}})?{point}[0-9]+"
            return f"(?:{whole}(?:{clear})?|{other})"
        if mark:
            whole += f"|[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
        if mark == ",":  # India's: 12,34,567
            whole += "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
        return f"(?:(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)"

    @functools.cached_property
    def pattern(self) -> str:
        """Pattern of a cell, with the parts minus, body and exponent."""
        return self._pattern(f"{BLANK}*")

    def _pattern(self, blanks: str) -> str:
        before, after = map(re.escape, (self.before, self.after))
        return (
            f"{blanks}(?P<minus>\\(?{blanks}[+{MINUS}]?{blanks}{before}{blanks}"
            f"\\(?[+{MINUS}]?){blanks}(?P<body>{self.body})"
            f"(?P<exponent>(?:{_EXPONENT})?){blanks}{after}{blanks}"
            f"\\)?{blanks}"
        )

    @property
    def negative(self) -> str:
        """Pattern of the part minus where the number is below 0."""
        return f"[^({MINUS}]*[({MINUS}].*"

    @property
    def group_mark(self) -> str:
        """Pattern of the mark between thousands; "" for none."""
        return _GROUPS[self.group]

    @functools.cached_property
    def _compiled(self) -> re.Pattern:
        # RE2 tries nothing again, and does not know the sign that forbids it.
        return re.compile(self._pattern(_BLANKS))

    @functools.cached_property
    def _negative(self) -> re.Pattern:
        return re.compile(self.negative, re.DOTALL)

    def plain(self, text: str) -> str:
        """Returns a cell's number as Python writes it.

        Raises:
          ValueError: it is written in no such style.
        """
        if isinstance(text, TypedNumber):
            return text
        found = self._compiled.fullmatch(text)
        if found is None:
            raise ValueError(text)
        body = found["body"]
        if self.group_mark:
            body = re.sub(self.group_mark, "", body)
        exponent = re.sub("[dD]", "e", found["exponent"])
        sign = "-" if self._negative.fullmatch(found["minus"]) else ""
        return sign + body.replace(",", ".") + exponent

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Returns cells' numbers, float64 [rows], NaN where missing.

        Raises:
          BadCellError: a cell is written otherwise, or is beyond float32.
        """
        values = np.empty(len(texts))
        for index, text in enumerate(texts):
            if cells.is_missing_number(text):
                values[index] = np.nan
                continue
            try:
                values[index] = float(self.plain(text))
            except ValueError:
                raise cells.BadCellError(
                    index, f"must be a number such as {self.example}{self._why}"
                ) from None
            if not abs(values[index]) <= cells.LARGEST:
                raise cells.BadCellError(index, cells.TOO_LARGE)
        return values

    @property
    def example(self) -> str:
        """A number that is written so."""
        body = f"1{self.group.strip('?')}234{self.decimal}5"
        after = f" {self.after}" if self.after else ""
        return repr(self.before + body + after)

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs do."""
        return self == NumberStyle(group="?")

    @property
    def _why(self) -> str:
        """Adds to a refusal what else may be wrong with a cell."""
        if self.group != "?":
            return ""
        return (
            ", as its point may part thousands: other columns have decimal"
            " commas, and no training row has a point here; write 1234 or"
            " 1234.0, or train by config.data.read_as=COLUMN=decimal_comma or"
            " decimal_point"
        )

    @property
    def told(self) -> str:
        """Says in words how the column is read."""
        marks = {".": "a point", ",": "a comma", " ": "a blank", "'": "a quote"}
        words = f"numbers, {marks[self.decimal]} before decimals"
        if self.group_mark:
            words += f" and {marks[self.group]} between thousands"
        units = [unit for unit in (self.before, self.after) if unit]
        if units:
            words += f", in {' '.join(units)!r}"
        return f"{words}, as {self.example}"

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NumberStyle":
        """Returns what `to_json` told.

        Raises:
          ValueError, TypeError: it told something else.
        """
        style = cls(**{key: str(text) for key, text in value.items()})
        if style.decimal not in _DECIMALS or style.group not in _GROUPS:
            raise ValueError(f"number style {value}")
        return style
