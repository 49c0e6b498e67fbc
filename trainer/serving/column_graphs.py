"""What each kind of a table's columns does to cells, in TensorFlow.

The same as in `trainer.sources`, to the bit; only few cells that are refused
there may pass here, such as ids that 64 bits round and week 53 of a short year.
"""

import abc
from collections.abc import Collection
from typing import Any
from typing import Generic
from typing import TypeVar

import numpy as np
import tensorflow as tf

from trainer.tables import calendar_arithmetic
from trainer.tables import cells as cells_lib
from trainer.tables import time_form
from trainer.tables.category_column import CategoryColumn
from trainer.tables.cell_patterns import NO_WIDTH
from trainer.tables.cell_patterns import only
from trainer.tables.cell_patterns import SPACE
from trainer.tables.column import Column
from trainer.tables.curves import Curve
from trainer.tables.curves import SignedLog
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import PLAIN_NUMBER
from trainer.tables.time_column import SINCE
from trainer.tables.time_column import TimeColumn
from trainer.tables.time_column import wave

C = TypeVar("C", bound=Column)


class ColumnGraph(abc.ABC, Generic[C]):
    """A column's features from its cells; a kind is a subclass."""

    def __init__(self, column: C) -> None:
        self._column = column

    def missing(self, text: tf.Tensor) -> tf.Tensor:
        """Tells which stripped texts hold no value: bool [rows]."""
        is_error = tf.strings.regex_full_match(text, cells_lib.ERROR)
        return is_error | _is_one_of(text, cells_lib.MISSING_NUMBER)

    def __call__(self, cells: tf.Tensor) -> tf.Tensor:
        """Returns float32 [rows, features] of string [rows]."""
        text = self.stripped(cells)
        missing = self.missing(text)
        parts = self.features(text, missing)
        if self._column.marks_missing:
            parts.append(missing)
        return tf.stack([tf.cast(part, tf.float32) for part in parts], axis=1)

    def stripped(self, cells: tf.Tensor) -> tf.Tensor:
        """Returns cells' texts, as `features` takes them."""
        return tf.strings.regex_replace(cells, f"^{SPACE}+|{SPACE}+$", "")

    @abc.abstractmethod
    def features(self, text: tf.Tensor, missing: tf.Tensor) -> list[tf.Tensor]:
        """Returns the features of values, each [rows].

        Args:
          text: string [rows], without spaces at its ends.
          missing: bool [rows].
        """


class NumberGraph(ColumnGraph[NumberColumn]):
    """Of numbers."""

    def features(self, text: tf.Tensor, missing: tf.Tensor) -> list[tf.Tensor]:
        style, fill = self._column.style, self._column.fill
        pattern = PLAIN_NUMBER
        if isinstance(style, NumberStyle):
            pattern = style.pattern
        is_number = missing | tf.strings.regex_full_match(text, pattern)
        plain = _held(
            text, is_number, f"column {self._column.name}: must be a number"
        )
        if isinstance(style, NumberStyle):
            plain = _plain_number(style, plain)
        plain = tf.where(missing, "0", plain)
        # Rounded once: from decimals to 64 bits, as Python reads them.
        number = tf.strings.to_number(plain, tf.float64)
        is_finite = tf.abs(number) <= cells_lib.LARGEST
        rule = f"column {self._column.name}: {cells_lib.TOO_LARGE}"
        number = _held(number, is_finite, rule)
        number = tf.where(missing, tf.constant(fill, tf.float64), number)
        number = tf.cast(number - self._column.origin, tf.float32)
        if self._column.curve is not None:
            number = _curved(self._column.curve, tf.cast(number, tf.float64))
        return [number]


class CategoryGraph(ColumnGraph[CategoryColumn]):
    """Of texts."""

    def missing(self, text: tf.Tensor) -> tf.Tensor:
        return _is_one_of(text, self._column.reading.missing)

    def stripped(self, cells: tf.Tensor) -> tf.Tensor:
        if self._column.reads_alike:
            cells = tf.strings.regex_replace(cells, NO_WIDTH, "")
            cells = tf.strings.regex_replace(cells, f"{SPACE}+", " ")
        return super().stripped(cells)

    def features(self, text: tf.Tensor, missing: tf.Tensor) -> list[tf.Tensor]:
        # No category is a word for what is missing.
        same = self._same(text)
        if self._column.reads_alike:
            form = cells_lib.WHOLE_FLOAT
            whole = self._same(tf.strings.regex_replace(text, form, r"\1"))
            same = tf.where(tf.reduce_any(same, axis=1)[:, None], same, whole)
            categories = self._column.categories
            for word, place in cells_lib.truths(categories).items():
                is_it = (tf.strings.lower(text) == word)[:, None]
                same |= is_it & (np.arange(len(categories)) == place)
        parts = tf.unstack(same, axis=1)
        if self._column.groups_rare:
            parts.append(~tf.reduce_any(same, axis=1) & ~missing)
        return parts

    def _same(self, text: tf.Tensor) -> tf.Tensor:
        """Tells which category each text is: bool [rows, categories]."""
        return text[:, None] == tf.constant(self._column.looks)[None, :]


class TimeGraph(ColumnGraph[TimeColumn]):
    """Of dates and times."""

    def features(self, text: tf.Tensor, missing: tf.Tensor) -> list[tf.Tensor]:
        column = self._column
        instants = tf.where(
            missing,
            tf.constant(column.fill, tf.int64),
            _instants(column, text, missing),
        )
        cycles = calendar_arithmetic.cycles_of(instants)
        seconds = tf.cast(instants - column.first, tf.float64)
        found = {
            "year": cycles["year"],
            SINCE: seconds / np.float64(calendar_arithmetic.SECOND_US),
        }
        return [
            found[name]
            if name in found
            else tf.gather(wave(name), cycles[name.rsplit(" ", 1)[0]])
            for name in column.kept
        ]


_GRAPHS: dict[type[Column], Any] = {
    NumberColumn: NumberGraph,
    CategoryColumn: CategoryGraph,
    TimeColumn: TimeGraph,
}


def encode(encoding: Encoding, cells: tf.Tensor) -> tf.Tensor:
    """Does in TensorFlow what `Encoding.encode` does.

    Args:
      encoding: of the run.
      cells: string [rows, columns], in the order of the encoding's inputs.

    Returns:
      float32 [rows, features].
    """
    places = {column.name: i for i, column in enumerate(encoding.inputs)}
    parts = [
        _GRAPHS[type(column)](column)(cells[:, places[column.name]])
        for column in encoding.all_columns
    ]
    return tf.concat(parts, axis=1)


def _held(values: tf.Tensor, are_good: tf.Tensor, rule: str) -> tf.Tensor:
    """Returns values, [rows], which must all be good."""
    bad = tf.boolean_mask(values, ~are_good)[:1]
    check = tf.debugging.Assert(tf.reduce_all(are_good), [rule, bad])
    with tf.control_dependencies([check]):
        return tf.identity(values)


def _is_one_of(text: tf.Tensor, words: Collection[str]) -> tf.Tensor:
    """Tells which texts are words, which stand in lower case."""
    text = tf.strings.lower(text)
    return tf.reduce_any(
        text[:, None] == tf.constant(sorted(words))[None, :], axis=1
    )


def _part(pattern: str, name: str, text: tf.Tensor) -> tf.Tensor:
    """Returns a named part of each text; the text where it does not fit."""
    return tf.strings.regex_replace(text, f"^{only(pattern, name)}$", r"\1")


def _plain_number(style: NumberStyle, text: tf.Tensor) -> tf.Tensor:
    """Returns numbers as `tf.strings.to_number` reads them."""
    body = _part(style.pattern, "body", text)
    if style.group_mark:
        body = tf.strings.regex_replace(body, style.group_mark, "")
    body = tf.strings.regex_replace(body, ",", ".")
    minus = _part(style.pattern, "minus", text)
    below_0 = tf.strings.regex_full_match(minus, f"(?s:{style.negative})")
    exponent = _part(style.pattern, "exponent", text)
    exponent = tf.strings.regex_replace(exponent, "[dD]", "e")
    return tf.strings.join([tf.where(below_0, "-", ""), body, exponent])


def _curved(curve: Curve, x: tf.Tensor) -> tf.Tensor:
    """Does in TensorFlow what a curve does, on float64 [rows]."""
    if isinstance(curve, SignedLog):
        part = (x - curve.median) / curve.spread
        return tf.sign(part) * tf.math.log1p(tf.abs(part))
    knots = tf.constant(curve.knots, tf.float64)
    most = len(curve.knots) - 2
    place = tf.searchsorted(knots, x, side="right") - 1
    place = tf.clip_by_value(place, 0, most)
    low, high = tf.gather(knots, place), tf.gather(knots, place + 1)
    part = tf.clip_by_value((x - low) / (high - low), 0, 1)
    ranks = tf.constant(curve.ranks, tf.float64)
    first, last = tf.gather(ranks, place), tf.gather(ranks, place + 1)
    return first + part * (last - first)


def _instants(
    column: TimeColumn, text: tf.Tensor, missing: tf.Tensor
) -> tf.Tensor:
    """Returns microseconds since 1970, int64 [rows]; any where missing."""
    form, pattern = column.form, column.form.pattern
    rule = f"column {column.name}: must be a time such as {form.example}"
    is_time = missing | tf.strings.regex_full_match(text, pattern)
    text = _held(text, is_time, rule)
    blank = tf.zeros_like(text)

    def written(name: str) -> tf.Tensor:
        if name not in form.parts:
            return blank
        return tf.where(missing, "", _part(pattern, name, text))

    def number(digits: tf.Tensor, default: int) -> tf.Tensor:
        digits = tf.where(digits == "", str(default), digits)
        return tf.strings.to_number(digits, tf.int64)

    part = {
        name: number(written(name), time_form.DEFAULTS.get(name, 0))
        for name in time_form.NUMBERS
    }
    if "name" in form.parts:
        short = tf.strings.lower(tf.strings.substr(written("name"), 0, 3))
        same = short[:, None] == tf.constant(time_form.MONTHS)[None, :]
        part["month"] = 1 + tf.argmax(same, axis=1)
    halves = written("half") + written("lone_half")
    half = tf.strings.lower(tf.strings.substr(halves + " ", 0, 1))
    part["is_half"] = _mark(halves != "")
    part["is_pm"] = _mark(half == "p")
    part["is_short"] = _mark(tf.strings.length(written("year")) == 2)
    part["is_week"] = _all(text, "week" in form.parts)
    part["is_ordinal"] = _all(text, "ordinal" in form.parts)
    digits = written("fraction") + "0" * time_form.MICRO_DIGITS
    part["micro"] = number(
        tf.strings.substr(digits, 0, time_form.MICRO_DIGITS), 0
    )
    zone = calendar_arithmetic.zone_seconds(part)
    sign = written("zone_sign")
    part["zone_seconds"] = tf.where((sign == "") | (sign == "+"), zone, -zone)
    within = [
        (least <= part[name]) & (part[name] <= most)
        for name, (least, most) in time_form.bounds(part).items()
    ]
    date = (time_form.full_year(part), part["month"], part["day"])
    same = calendar_arithmetic.date_of(calendar_arithmetic.days_of(*date))
    within += [a == b for a, b in zip(same, date, strict=True)]
    is_time = missing | tf.reduce_all(tf.stack(within), axis=0)
    return calendar_arithmetic.instant_of(
        part | {"year": _held(part["year"], is_time, rule)}
    )


def _mark(condition: tf.Tensor) -> tf.Tensor:
    return tf.cast(condition, tf.int64)


def _all(text: tf.Tensor, value: bool) -> tf.Tensor:
    return tf.fill(tf.shape(text), tf.constant(int(value), tf.int64))
