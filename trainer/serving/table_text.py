"""An evaluation as tables for people."""

from typing import Any

# A wider matrix does not fit a page: its greatest entries are shown.
MOST_MATRIX_COLUMNS = 12


def of_evaluation(found: dict[str, Any]) -> str:
    """Returns what `strata evaluate` prints.

    Args:
      found: its JSON values.
    """
    data = found["data"]
    own = "" if data["is_the_runs_own"] else ", not the run's own data"
    (values,) = found["evaluation"].values()
    parts = [
        f"{found['workdir']}, step {found['step']}: {data['name']}{own},"
        f" {found['split']} split, {values['examples']} rows",
        _metrics(values, found["intervals"]),
    ]
    if "per_class" in found:
        parts.append(_classes(found["per_class"]))
    if "confusion" in found:
        parts.append(_confusion(found["per_class"], found["confusion"]))
    if len(found.get("per_output", ())) > 1:
        parts.append(_outputs(found["per_output"]))
    if "calibration" in found:
        parts.append(_calibration(found["calibration"]))
    return "\n\n".join(parts)


def grid(rows: list[list[str]], left: int = 1) -> str:
    """Returns rows of cells as columns, the first `left` of them flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float) -> str:
    """Four decimals, and four digits of what is smaller or larger."""
    size = abs(value)
    return f"{value:.4f}" if 0.01 <= size < 1e5 or not size else f"{value:.5g}"


def span(interval: list[float] | None) -> str:
    """An interval, or nothing where there is none."""
    if interval is None:
        return ""
    return f"{number(interval[0])} to {number(interval[1])}"


def _metrics(values: dict[str, float], intervals: dict[str, Any]) -> str:
    rows = [["metric", "value", "95 % interval"]]
    rows += [
        [name, number(value), span(intervals.get(name))]
        for name, value in values.items()
        if name != "examples"
    ]
    return grid(rows)


def _classes(per_class: list[dict[str, Any]]) -> str:
    rows = [["class", "precision", "recall", "f1", "support", "recall's 95 %"]]
    rows += [
        [
            row["class"],
            *(number(row[name]) for name in ("precision", "recall", "f1")),
            str(row["support"]),
            span(row["recall_interval"]),
        ]
        for row in per_class
    ]
    return grid(rows)


def _confusion(
    per_class: list[dict[str, Any]], confusion: dict[str, Any]
) -> str:
    matrix = confusion.get("matrix", ())
    if 0 < len(matrix) <= MOST_MATRIX_COLUMNS:
        names = [row["class"] for row in per_class]
        rows = [["class \\ predicted", *names]]
        rows += [
            [name, *map(str, counts)]
            for name, counts in zip(names, matrix, strict=True)
        ]
        return grid(rows)
    rows = [["class", "predicted", "rows"]]
    rows += [
        [pair["class"], pair["predicted"], str(pair["rows"])]
        for pair in confusion["most_confused"]
    ]
    return grid(rows, left=2)


def _outputs(per_output: list[dict[str, Any]]) -> str:
    names = ("mae", "rmse", "mean_error")
    rows = [["output", *names]]
    rows += [
        [str(row["output"]), *(number(row[name]) for name in names)]
        for row in per_output
    ]
    return grid(rows)


def _calibration(calibration: dict[str, Any]) -> str:
    rows = [["probability", "rows", "mean", "right"]]
    rows += [
        [
            f"{row['above']:.2f} to {row['to']:.2f}",
            str(row["rows"]),
            number(row["mean_probability"]),
            number(row["right"]),
        ]
        for row in calibration["bins"]
    ]
    error = number(calibration["ece"])
    words = f"expected calibration error: {error}, in {calibration['bins_of']}"
    return f"{words} bins of equal width\n{grid(rows)}"
