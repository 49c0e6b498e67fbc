"""An evaluation as tables for people."""

from typing import Any

from trainer.problem import baselines
from trainer.process.columns import between
from trainer.process.columns import lay_out
from trainer.process.columns import number

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
    head = (
        f"{found['workdir']}, step {found['step']}: {data['name']}{own},"
        f" {found['split']} split, {values['examples']} rows"
    )
    parts = [
        "\n".join(filter(None, [head, found["note"], *data["notes"]])),
        _metrics(values, found["intervals"]),
    ]
    if "baselines" in found:
        parts.append("\n".join(baselines.lines(found["baselines"])))
    if "per_class" in found:
        parts.append(_classes(found["per_class"]))
    if "confusion" in found:
        parts.append(_confusion(found["per_class"], found["confusion"]))
    if len(found.get("per_output", ())) > 1:
        parts.append(_outputs(found["per_output"]))
    if "calibration" in found:
        parts.append(_calibration(found["calibration"]))
    return "\n\n".join(parts)


def _metrics(values: dict[str, float], intervals: dict[str, Any]) -> str:
    rows = [["metric", "value", "95 % interval"]]
    rows += [
        [name, number(value), between(intervals.get(name), nothing="")]
        for name, value in values.items()
        if name != "examples"
    ]
    return lay_out(rows)


def _classes(per_class: list[dict[str, Any]]) -> str:
    rows = [["class", "precision", "recall", "f1", "support", "recall's 95 %"]]
    rows += [
        [
            row["class"],
            *(number(row[name]) for name in ("precision", "recall", "f1")),
            str(row["support"]),
            between(row["recall_interval"], nothing=""),
        ]
        for row in per_class
    ]
    return lay_out(rows)


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
        return lay_out(rows)
    rows = [["class", "predicted", "rows"]]
    rows += [
        [pair["class"], pair["predicted"], str(pair["rows"])]
        for pair in confusion["most_confused"]
    ]
    return lay_out(rows, left=2)


def _outputs(per_output: list[dict[str, Any]]) -> str:
    names = ("mae", "rmse", "mean_error")
    rows = [["output", *names]]
    rows += [
        [str(row["output"]), *(number(row[name]) for name in names)]
        for row in per_output
    ]
    return lay_out(rows)


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
    return f"{words} bins of equal width\n{lay_out(rows)}"
