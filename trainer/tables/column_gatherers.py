"""Gathers a column's cells, block by block, until it is known what they are."""

import array
import collections
import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from trainer.tables import cells
from trainer.tables import readings
from trainer.tables.cell_text import TypedBool
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import PlainNumbers
from trainer.tables.readings import TEXTS
from trainer.tables.readings import Texts
from trainer.tables.readings import Unclear
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import Places
from trainer.tables.time_form import TimeForm

# So many different texts tell how a column is read; more are not held.
MOST_HELD = 50_000
# Labels of more texts are no classes.
MAX_CLASSES = 1000
# Longer texts are prose.
MAX_TEXT_CHARACTERS = 256
# So many numbers or times among a column's texts are no categories.
MAX_NUMBERS_IN_TEXT = 20
# A text among fewer different numbers is a code, as they are.
NUMBERS_A_SLIP = 5
# The last of some levels, such as 5+, > 5 and "10 or more".
_OPEN_ENDED = re.compile(r"\d\s*\+|[>\u2265]\s*\d|\d\s+(?:or|and) ")
# Whole numbers of fewer digits are not rounded in 64 bits.
_ID_DIGITS = 16
# Numbers of a narrower spread are held in 64 bits.
LEAST_STEPS = 1024
# Of so many texts it is looked whether they are numbers or times.
_SAMPLE = 2000
# Of so many numbers it is looked whether most are merged.
_MOST_KEPT = 500
_DATE = re.compile(r"(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4})\b.*")
_DTYPES = {"f": np.float32, "d": np.float64, "i": np.int32, "q": np.int64}


class Values:
    """Gathers numbers or times, until a cell turns out to be text.

    Attributes:
      text: the first cell that is text, and its line; None for none.
    """

    def __init__(
        self,
        reading: PlainNumbers | NumberStyle | TimeForm,
        is_target: bool,
        *,
        is_wide: bool = False,
    ) -> None:
        """Begins a column.

        Args:
          reading: how its cells are read.
          is_target: whether it is the labels.
          is_wide: whether numbers are held in 64 bits, as labels are.
        """
        self.text: str | None = None
        self.problem: str | None = None
        self._reading = reading
        self._is_target = is_target
        self._is_whole = is_target
        is_time = isinstance(reading, TimeForm)
        self._values = array.array(
            "q" if is_time else "fd"[is_target or is_wide]
        )
        self._least, self._greatest = np.inf, -np.inf
        # Evenly spaced values in 64 bits, each of so many.
        self._some, self._stride, self._count = np.empty(0), 1, 0
        has_points = isinstance(reading, PlainNumbers) or (
            isinstance(reading, NumberStyle)
            and (reading.decimal, reading.group) == (".", "")
        )
        self._points: tuple[str, str] | None = ("", "") if has_points else None
        is_plain = isinstance(reading, PlainNumbers)
        self._months: dict[str, str] | None = {} if is_plain else None

    def add(self, texts: Sequence[str], places: Places) -> None:
        """Adds a block's cells, and where each stands."""
        if self.text is not None:
            return
        try:
            values = self._reading.read(texts)
        except ValueError:
            at = cells.first_text(texts)
            self.text = f"{short(texts[at])} in {places.told(at)}"
            del self._values[:]
            return
        except cells.BadCellError as error:
            shown = short(texts[error.index])
            self.problem = self.problem or (
                f"has {shown} in {places.told(error.index)}, and {error}"
            )
            return
        if self._is_target:
            self.note_labels(texts)
        self.note_points(texts)
        self.extend(values)

    def extend(self, values: np.ndarray) -> None:
        """Adds values that were read."""
        dtype = _DTYPES[self._values.typecode]
        if dtype == np.float32:
            self._least = np.fmin(self._least, np.fmin.reduce(values))
            self._greatest = np.fmax(self._greatest, np.fmax.reduce(values))
            self._keep_some(values)
        self._values.frombytes(values.astype(dtype).tobytes())

    @property
    def is_coarse(self) -> bool:
        """Whether 32 bits, which hold the numbers, lose their spread."""
        return is_coarse(self._least, self._greatest) or is_merged(self._some)

    def _keep_some(self, values: np.ndarray) -> None:
        more = values[-self._count % self._stride :: self._stride]
        self._count += len(values)
        self._some = np.concatenate([self._some, more])
        while len(self._some) > _MOST_KEPT:
            self._some = self._some[::2].copy()
            self._stride *= 2

    def note_points(self, texts: Sequence[str]) -> None:
        """Looks whether points may part thousands, or months from years."""
        if self._months is not None:
            months = readings.months_by_a_point(texts)
            self._months = None if months is None else self._months | months
        if self._points is not None:
            found = readings.thousands_by_a_point(texts)
            self._points = found and (
                self._points[0] or found[0],
                self._points[1] or found[1],
            )

    def note_labels(self, texts: Sequence[str]) -> None:
        """Looks whether a target's cells are labels, and whole numbers."""
        reading = self._reading
        if isinstance(reading, TimeForm):
            self.problem = "holds times; labels must be numbers or names"
            return
        if isinstance(reading, NumberStyle):
            there = [t for t in texts if not cells.is_missing_number(t)]
            texts = [reading.plain(text) for text in there]
        self._is_whole = self._is_whole and cells.are_whole(texts)

    def finish(self) -> TableColumn:
        """Returns the column of all blocks."""
        if self.text is not None:
            return TableColumn(
                np.empty(0, np.float32),
                problem=f"has {self.text}, where training rows have numbers",
            )
        values = np.frombuffer(self._values, _DTYPES[self._values.typecode])
        thousands, hundreds = self._points or ("", "")
        return TableColumn(
            values,
            is_whole=self._is_whole,
            problem=self.problem,
            reading=self._reading,
            thousands=thousands,
            hundreds=hundreds,
            month=self._month,
        )

    @property
    def _month(self) -> str:
        """A number that is a month; one or two may be decimals by chance."""
        months = self._months or {}
        found = [months[month] for month in months if month[0] == "0"]
        found += months.values() if len(months) > 2 else ()
        return found[0] if found else ""


class Cells:
    """Gathers cells that are no plain numbers, each different one by a number.

    All of them together settle what they are: numbers or times as people write
    them, or texts. After MOST_HELD different ones that is settled by these.
    """

    text = None

    def __init__(
        self,
        is_target: bool,
        turned: str,
        wish: str | None = None,
        *,
        known: Texts | None = None,
        is_wide: bool = False,
    ) -> None:
        """Begins a column.

        Args:
          is_target: whether it is the labels.
          turned: its first cell that is no plain number, and its line; or "".
          wish: what config.data.read_as says of it.
          known: how an earlier run read them, as texts; or None.
          is_wide: whether numbers are held in 64 bits.
        """
        self._is_target = is_target
        self._turned = turned
        self._wish = wish if known is None else "text"
        self._texts_reading = known or TEXTS
        self._is_wide = is_wide
        self._is_named_text = wish == "text"
        self._most = None if self._wish == "text" else MOST_HELD
        # A typed cell in a tuple, beside a text that looks alike.
        self._numbers: dict[str | tuple[str], int] = {}
        self._indices = array.array("i")
        self._values: Values | None = None
        self._left_out: str | None = None
        self._unclear: Unclear | None = None
        self._rows = 0

    def add(self, texts: Sequence[str], places: Places) -> None:
        """Adds a block's cells, and where each stands."""
        self._rows += len(texts)
        if self._values is not None and any(map(_is_long_id, texts)):
            self._leave_out()
        elif self._values is not None:
            self._values.add(texts, places)
        elif not (self._left_out or self._unclear):
            known = self._numbers
            self._indices.extend(
                [
                    known.setdefault(
                        text if type(text) is str else (text,), len(known)
                    )
                    for text in texts
                ]
            )
            if self._most is not None and len(known) > self._most:
                self._settle_early()

    @property
    def _texts(self) -> list[str]:
        """The different cells, in the order of their numbers."""
        return [k if isinstance(k, str) else k[0] for k in self._numbers]

    def _settle_early(self) -> None:
        found = self._settled()
        if isinstance(found, NumberStyle | TimeForm):
            self._values = self._read_as(found)
        elif isinstance(found, Unclear):
            self._unclear = found
        else:
            texts = [text.strip() for text in self._texts]
            problem = _slip_of(texts, self._turned)
            if problem and not _are_ids(texts):
                self._unclear = Unclear(problem, ("text",))
            else:
                self._leave_out()
        self._numbers, self._indices = {}, array.array("i")

    def _leave_out(self) -> None:
        self._values = None
        self._left_out = f"has more than {self._most:,} different texts"

    def _settled(self) -> NumberStyle | TimeForm | Unclear | None:
        there = [t for t in self._texts if not cells.is_missing_number(t)]
        return readings.settle(there, self._wish) if there else None

    def _read_as(self, reading: NumberStyle | TimeForm) -> Values:
        """Returns what was gathered as numbers or times."""
        texts = self._texts
        try:
            found = reading.read(texts)
        except cells.BadCellError as error:
            values = Values(reading, self._is_target)
            shown = short(texts[error.index])
            values.problem = f"has {shown}, and {error}"
            return values
        rows = found[np.frombuffer(self._indices, np.int32)]
        is_wide = self._is_wide or (
            isinstance(reading, NumberStyle)
            and (
                is_coarse(np.nanmin(found), np.nanmax(found)) or is_merged(rows)
            )
        )
        values = Values(reading, self._is_target, is_wide=is_wide)
        if self._is_target:
            values.note_labels(texts)
        values.note_points(texts)
        values.extend(rows)
        return values

    @property
    def is_coarse(self) -> bool:
        """Whether 32 bits, which hold the numbers, lose their spread."""
        return self._values is not None and self._values.is_coarse

    def finish(self) -> TableColumn:
        """Returns the column of all blocks."""
        if self._values is not None:
            return self._values.finish()
        if self._left_out:
            return self._without_values(self._left_out)
        found = self._unclear or self._settled()
        if isinstance(found, NumberStyle | TimeForm):
            return self._read_as(found).finish()
        if self._unclear:
            column = self._without_values(self._unclear.problem)
        else:
            column = self._as_texts()
        if isinstance(found, Unclear):
            return dataclasses.replace(
                column, problem=found.problem, remedies=found.remedies
            )
        return column

    def _without_values(self, why: str) -> TableColumn:
        return TableColumn(
            np.full(self._rows, -1, np.int32),
            (),
            problem=f"{why}, no classes" if self._is_target else None,
            reading=TEXTS,
            left_out=why,
        )

    def _as_texts(self) -> TableColumn:
        missing = self._texts_reading.missing
        if self._is_target:  # A class is called so where nothing is found.
            missing -= {"none"}
        texts = self._texts
        looks = [*map(self._look, texts)]
        categories = sorted(t for t in {*looks} if t.casefold() not in missing)
        longest = max((len(text.strip()) for text in texts), default=0)
        if longest > MAX_TEXT_CHARACTERS and self._wish != "text":
            return self._without_values(
                f"holds texts of up to {longest} characters"
            )
        place = {text: index for index, text in enumerate(categories)}
        lookup = np.array([place.get(look, -1) for look in looks], np.int32)
        indices = np.frombuffer(self._indices, np.int32)
        values = lookup[indices] if len(indices) else indices
        problem = self._too_many(categories)
        remedies: tuple[str, ...] = ()
        if not problem and self._wish != "text":
            counts = np.bincount(values[values >= 0]).tolist()
            rows = dict(zip(categories, counts, strict=True))
            problem = _problem_of(rows, self._turned)
            if problem and not self._is_target and _are_ids(categories):
                return self._without_values(f"{problem}, as ids do")
            remedies = ("text",) if problem else ()
        return TableColumn(
            values,
            tuple(categories),
            problem=problem,
            reading=self._texts_reading,
            remedies=remedies,
            is_named_text=self._is_named_text,
        )

    def _look(self, text: str) -> str:
        # A truth that came typed stays one, and has no blanks.
        if isinstance(text, TypedBool):
            return text
        return self._texts_reading.look(text)

    def _too_many(self, categories: Sequence[str]) -> str | None:
        if not self._is_target or len(categories) <= MAX_CLASSES:
            return None
        shown = ", ".join(map(short, categories[:3]))
        return f"has more than {MAX_CLASSES} different texts ({shown} ...)" + (
            f", the first {self._turned}" if self._turned else ""
        )


def is_coarse(least: float, greatest: float, steps: int = LEAST_STEPS) -> bool:
    """Tells whether float32 parts a range of numbers into too few steps."""
    if not least < greatest:
        return False
    step = np.spacing(np.float32(max(abs(least), abs(greatest))))
    return bool(step * steps > greatest - least)


def is_merged(values: np.ndarray) -> bool:
    """Tells whether float32 merges what most rows have, whatever few have.

    A single 0 among seconds since 1970 makes their range as wide as any.

    Args:
      values: float64 [rows], NaN where missing.
    """
    there = np.sort(values[~np.isnan(values)])
    middle = there[len(there) // 4 : 1 + 3 * len(there) // 4]
    if not len(middle):
        return False
    if not is_coarse(middle[0], middle[-1], LEAST_STEPS // 2):
        return False
    amid = np.unique(middle)
    return 2 * len(np.unique(amid.astype(np.float32))) <= len(amid)


def _problem_of(rows: Mapping[str, int], turned: str) -> str | None:
    """Says what texts that are no categories are.

    Args:
      rows: how many have each text.
      turned: the first cell that is no plain number, and its line; or "".
    """
    categories = list(rows)
    if not categories:
        return None
    if problem := _slip_of(categories, turned):
        return problem
    sample = categories[:: 1 + len(categories) // _SAMPLE]
    kind, slips = _slips({text: rows[text] for text in sample})
    if slips:
        return f"has {kind}, and {_first(slips, turned)}"
    if all(map(_DATE.fullmatch, categories)):
        return (
            f"holds dates ({short(categories[0])}) that are written in more"
            " than one way, or are no days"
        )
    return None


def _slip_of(categories: Sequence[str], turned: str) -> str | None:
    """Says which text keeps a column of numbers or times from being such."""
    sample = categories[:: 1 + len(categories) // _SAMPLE]
    for kind, is_such in (
        ("numbers", _is_number),
        ("times", readings.looks_like_time),
    ):
        others = [text for text in sample if not is_such(text)]
        count = len(sample) - len(others)
        if count > max(MAX_NUMBERS_IN_TEXT, len(others)):
            # A few of many are seldom among some.
            others = others or [t for t in categories if not is_such(t)]
            if others:
                return f"has {kind}, and {_first(others, turned)}"
            usual, odd = _unlike(sample)
            return (
                f"has {kind} that are written in more than one way"
                f" ({short(usual)}, {short(odd)})"
            )
    return None


def _slips(rows: Mapping[str, int]) -> tuple[str, list[str]]:
    """Finds the texts that alone keep a column from being numbers or times.

    A code beside numbers that are codes, too, is as frequent as they are, or
    it is the last of them, such as 5+.
    """
    there = [text for text in rows if not cells.is_missing_number(text)]
    kinds = {
        text: readings.unit_of(text) or readings.looks_like_time(text)
        for text in there
    }
    counts = collections.Counter(kind for kind in kinds.values() if kind)
    if not counts:
        return "", []
    usual, count = counts.most_common(1)[0]
    slips = [text for text in there if kinds[text] != usual]
    rows_of_slips = sum(rows[text] for text in slips)
    rows_of_each = (sum(rows[t] for t in there) - rows_of_slips) / count
    are_slips = (
        rows_of_slips == len(slips)  # each in a single row
        and 2 * rows_of_slips < rows_of_each
        and count >= NUMBERS_A_SLIP * len(slips)
        and not any(map(_OPEN_ENDED.search, slips))
    )
    return (
        "times" if usual is True else "numbers",
        slips if are_slips else [],
    )


def _unlike(texts: Sequence[str]) -> tuple[str, str]:
    """Finds a text of which most have the marks, and one of the fewest.

    Where all have the same marks, their digits' places tell them apart.
    """
    marks = {text: re.sub(r"[-+\d]+", "", text) for text in texts}
    if len(set(marks.values())) == 1:
        marks = {text: re.sub(r"\d", "0", text) for text in texts}
    counts = collections.Counter(marks.values())
    usual = max(texts, key=lambda text: counts[marks[text]])
    others = [text for text in texts if marks[text] != marks[usual]]
    odd = min(
        others or texts,
        key=lambda text: (counts[marks[text]], -len(marks[text])),
    )
    return usual, odd


def _are_ids(categories: Sequence[str]) -> bool:
    """Tells whether too many are neither numbers nor times to be slips."""
    others = sum(
        not (_is_number(text) or readings.looks_like_time(text))
        for text in categories
    )
    return others > max(MAX_NUMBERS_IN_TEXT, len(categories) // 10)


def _first(others: Sequence[str], turned: str) -> str:
    """Names a cell of others, with its line where that is known."""
    is_other = any(turned.startswith(f"{short(text)} in") for text in others)
    return turned if is_other else short(others[0])


def _is_number(text: str) -> bool:
    return cells.is_number(text) or readings.unit_of(text) is not None


def _is_long_id(text: str) -> bool:
    return len(text) >= _ID_DIGITS and readings.is_id(text)


def short(text: str) -> str:
    """Quotes a cell for a message of one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
