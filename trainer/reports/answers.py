"""The part of a run's page on its answers: classes, mistakes and values."""

import numpy as np

from trainer.finished.stored_run import Line
from trainer.finished.stored_run import StoredRun
from trainer.process import columns
from trainer.reports.pages import Chart
from trainer.reports.pages import Picture
from trainer.reports.pages import Section
from trainer.reports.pages import Table

# Of a row, that are shown beside what was made of it.
MOST_CELLS = 8


def classes(run: StoredRun) -> Section:
    from trainer.charts import drawings
    from trainer.charts import matrices

    detail = run.detail
    section = Section(f"Classes ({detail.get('split')} split)")
    confusion = detail.get("confusion", {})
    per_class = detail.get("per_class", [])
    if "matrix" in confusion:
        labels = [row["class"] for row in per_class]
        section.charts.append(
            Chart(
                matrices.matrix(labels, np.array(confusion["matrix"])),
                "Confusion matrix: true class down, predicted across",
            )
        )
    if "calibration" in detail:
        found = detail["calibration"]
        section.charts.append(
            Chart(
                drawings.calibration(found["bins"], found["ece"]),
                f"Calibration: expected error {columns.shown(found['ece'])};"
                " dashed is perfect, and a larger point is of more rows",
            )
        )
    if curves := [c for c in detail.get("curves", []) if c["recall"]]:
        named = {c["label"]: (c["recall"], c["precision"]) for c in curves[:8]}
        section.charts.append(
            Chart(
                drawings.lines("precision", named, x="recall"),
                "Precision by recall",
            )
        )
    names = ["class", "precision", "recall", "f1", "support"]
    if per_class:
        rows = [
            [
                *(row[name] for name in names),
                columns.between(row["precision_interval"]),
                columns.between(row["recall_interval"]),
            ]
            for row in per_class
        ]
        head = [*names, "precision (95 %)", "recall (95 %)"]
        section.tables.append(Table("Per class", head, rows))
    return section


def mistakes(run: StoredRun) -> Section:
    section = Section(f"Worst mistakes ({run.detail.get('split')} split)")
    found = run.detail.get("mistakes", [])
    pictures = [row for row in found if row["picture"]]
    if any(row.get("why") for row in pictures):
        section.text = (
            "Beside each: red pixels pushed the answer to the mistake, blue"
            " ones held it back, counted from an empty image (integrated"
            " gradients)."
        )
    section.pictures = [
        Picture(
            [row["picture"], *filter(None, [row.get("why")])],
            f"{row['true']}, taken for {row['predicted']}"
            f" ({columns.shown(row['how_wrong'])}); row {row['row']}",
        )
        for row in pictures
    ]
    if found and not pictures:
        head = ["row", "true", "predicted", "how wrong", "as the file has it"]
        rows = [
            [
                _place(row),
                row["true"],
                row["predicted"],
                row["how_wrong"],
                _cells(row),
            ]
            for row in found
        ]
        if not any(_cells(row) for row in found):
            head, rows = head[:-1], [row[:-1] for row in rows]
        section.tables = [Table("Rows it was surest of", head, rows)]
    return section


def _place(mistake: Line) -> str | int:
    """Says where a row is to be found."""
    if "line" in mistake:
        return f"{mistake['file']}, line {mistake['line']}"
    return mistake["row"]


def _cells(mistake: Line) -> str:
    """Returns a row's first cells, with their names; "" where none is known."""
    cells = list(mistake.get("cells", {}).items())
    told = ", ".join(f"{name} {text}" for name, text in cells[:MOST_CELLS])
    return f"{told}, …" if len(cells) > MOST_CELLS else told


def values(run: StoredRun) -> Section:
    from trainer.charts import drawings

    section = Section(f"Values ({run.detail.get('split')} split)")
    if points := run.detail.get("points"):
        words = "Predicted by true value; dashed is perfect"
        section.charts = [Chart(drawings.points(points), words)]
    if outputs := run.detail.get("per_output"):
        head = list(outputs[0])
        rows = [list(row.values()) for row in outputs]
        section.tables = [Table("Per output", head, rows)]
    return section


def columns_told(run: StoredRun) -> Section:
    """Says which columns of a table the network answers by, and how."""
    from trainer.charts import explanations

    found = run.detail.get("columns", {})
    section = Section("Columns that it answers by")
    if "left_out" in found:
        section.text = f"Left out: {found['left_out']}."
    if "importance" not in found:
        return section
    rows, metric = (
        f"{found['rows']:,} {run.detail['split']} rows",
        found["metric"],
    )
    section.text = (
        f"How far {metric} falls when a column is shuffled among {rows}, and"
        " tells nothing; with 95 % intervals over these rows. A column whose"
        " interval holds 0 may be of no use, or others may say the same. Beside"
        " it: the mean answer as one column changes and the rest of each row"
        " stays. Both tell of the network, not of causes."
    )
    drawn = explanations.importance(metric, found["importance"])
    more = len(found["importance"]) - explanations.MOST_COLUMNS
    caption = f"Permutation importance, {rows}"
    caption += f"; {more} columns of less are left out" * (more > 0)
    section.charts = [Chart(drawn, caption)]
    encoding = run.record["data"]["encoding"] or {"target": "answer"}
    answer = "chance" if run.problem.has_labels else encoding["target"]
    title = f"mean {answer}"
    if run.problem.has_labels and run.problem.outputs == 1:
        title += f" of {run.problem.labels[-1]}"
    for each in found["dependence"]:
        values = each["values"]
        if each["is_time"]:
            values = np.array(values, "datetime64[s]").astype(object).tolist()
        if len(values) < 2:
            continue
        drawn = explanations.dependence(
            each["column"], values, each["outputs"], title
        )
        section.charts.append(Chart(drawn, f"{title} by {each['column']}"))
    return section
