"""What a model is, for people and for the page: its rows, classes and card."""

from typing import Any

import numpy as np

from trainer.server.catalogue import Model
from trainer.serving import model_card
from trainer.tables.category_column import CategoryColumn
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle
from trainer.tables.time_column import TimeColumn

# Words of a column that are told; a page offers no more.
MOST_WORDS = 1000


def short(model: Model) -> dict[str, Any]:
    """Returns a model's name, its version and what it is asked."""
    return {
        "name": model.name,
        "version": str(model.version),
        "problem": model.problem.type,
        "runtime": model.runtime,
    }


def full(model: Model) -> dict[str, Any]:
    """Returns all that a person who tries it should see."""
    split, scores = next(iter(model.run.own_scores.items()), (None, {}))
    problem, layout, data = model.problem, model.layout, model.run.data
    return short(model) | {
        "data": data["name"],
        # A folder of this machine is nobody else's business.
        "origin": data["name"] if data.get("folder") else data["origin"],
        "examples": data["examples"],
        "kind": data["kind"],
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "largest": data.get("largest"),
        "output_name": problem.output_name,
        "labels": list(problem.labels) if problem.has_labels else [],
        "outputs": problem.outputs,
        "step": model.run.step,
        "columns": columns(layout.encoding, data),
        "split": split,
        "scores": scores,
        "per_class": model.run.own_detail.get("per_class", []),
        "card": model_card.without_folders(model.run.card_text, data),
    }


def columns(
    encoding: Encoding | None, data: dict[str, Any]
) -> list[dict[str, Any]]:
    """Returns what is known of each column; [] of images.

    Numbers have "least", "median" and "greatest" of the training rows, as far
    as they are known, texts their "words".
    """
    ranges = data.get("ranges") or {"least": [], "greatest": []}
    ends = list(zip(ranges["least"], ranges["greatest"], strict=True))
    if encoding is None:
        return [
            _ranged(
                {"name": f"column {place}", "kind": "number"}, *map(_own, pair)
            )
            for place, pair in enumerate(ends)
        ]
    of_feature = dict(zip(encoding.features, ends, strict=False))
    return [_column(c, of_feature.get(c.name)) for c in encoding.inputs]


def _column(column: Any, ends: tuple[float, float] | None) -> dict[str, Any]:
    found = {"name": column.name, "may_be_missing": column.marks_missing}
    if isinstance(column, CategoryColumn):
        words = list(column.categories[:MOST_WORDS])
        return found | {
            "kind": "category",
            "words": words,
            "takes_others": column.groups_rare,
        }
    if isinstance(column, TimeColumn):
        return found | {"kind": "time", "form": column.form.told}
    assert isinstance(column, NumberColumn)
    found |= {"kind": "number", "median": _own(column.fill)}
    style = column.style
    if isinstance(style, NumberStyle) and not style.is_plain:
        found |= {"kind": "text", "form": style.told}
    if ends is None or column.curve is not None:
        return found
    return _ranged(found, *(_own(end) + column.origin for end in ends))


def _ranged(
    found: dict[str, Any], least: float, greatest: float
) -> dict[str, Any]:
    return found | {"least": least, "greatest": greatest}


def _own(value: float) -> float:
    """Returns a number by the fewest digits that give its float32 back."""
    if value % 1 == 0:
        return value
    found = np.float32(value)
    return float(str(found)) if found == value else value
