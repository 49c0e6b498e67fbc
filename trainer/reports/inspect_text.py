"""What `strata inspect` found, as a page of text."""

from typing import Any

from trainer.problem.problems import type_of
from trainer.process import columns

# More columns or classes are counted, not listed.
MOST_LINES = 40
MOST_CHARACTERS = 28


def of(found: dict[str, Any]) -> str:
    """Returns the text of what trainer.reports.inspect.inspect returned."""
    parts = [_head(found)]
    if "columns" in found:
        parts.append(_table(*_columns(found)))
    else:
        parts.append(_values(found))
    if found.get("labels"):
        parts.append(_labels(found))
    if found["findings"]:
        lines = [f"- {_line(finding)}" for finding in found["findings"]]
        parts.append("\n".join(["look at:", *lines]))
    if found["command"]:
        parts.append(f"train:\n  {found['command']}")
    else:
        parts.append("train: not as it is; see above")
    return "\n\n".join(parts)


def _head(found: dict[str, Any]) -> str:
    rows = ", ".join(
        f"{split} {count:,}" + (" (held out)" * (split in found["held_out"]))
        for split, count in found["rows"].items()
    )
    features = found["features"]
    what = f"{found['kind']}, {sum(found['rows'].values()):,} rows"
    if "x" in found:
        shape = " x ".join(map(str, found["x"]["shape"]))
        what += f" of {found['x']['dtype']} {shape}"
    elif features:
        what += f", {features:,} feature" + "s" * (features != 1)
    lines = [f"data:    {_line(found['name'])}, {what}", f"rows:    {rows}"]
    if "target" in found:
        lines.append(f"label:   {_line(found['target'])}")
    if "problem" in found:
        config = found["config"]
        lines.append(f"problem: {found['problem']}; config: {config}")
        lines += [f"         {p}" for p in found["problem_reason"].split("; ")]
    return "\n".join(lines)


def _columns(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["column", "kind", "missing", "least", "mean", "greatest"]
    rows = []
    for column in found["columns"]:
        if column["problem"]:
            ends = ["unfit", "", ""]
        elif column.get("left_out"):
            ends = ["left out", "", ""]
        elif column["kind"] == "time":
            ends = [column["least"] or "-", "", column["greatest"] or "-"]
        elif column["kind"] == "text":
            texts = list(column["counts"])
            more = ", ..." * (column["texts"] > 3)
            ends = [", ".join(_cut(t, 12) for t in texts[:3]) + more, "", ""]
        else:
            ends = [_number(column[k]) for k in ("least", "mean", "greatest")]
        kind = column["kind"]
        if column.get("texts") and not column["problem"]:
            kind = f"{column['texts']} texts"
        missing = f"{column['missing']:,}" if column["missing"] else "-"
        rows.append([_cut(column["name"]), kind, missing, *ends])
    return header, rows


def _values(found: dict[str, Any]) -> str:
    values = found["values"]
    return (
        f"values:  {_number(values['least'])} to"
        f" {_number(values['greatest'])}, mean {_number(values['mean'])};"
        f" {values['constant_pixels']:,} of {found['features']:,} pixels are"
        " the same in all images"
    )


def _labels(found: dict[str, Any]) -> str:
    labels = found["labels"]
    if not type_of(found["problem"]).has_labels:
        ends = [_number(labels[k]) for k in ("least", "greatest", "mean")]
        return "labels:  {} to {}, mean {}".format(*ends)
    splits = list(found["rows"])
    totals = {s: sum(c[s] for c in labels.values()) or 1 for s in splits}
    rows = [
        [
            _cut(name),
            *(f"{counts[s]:,}" for s in splits),
            f"{100 * counts['train'] / totals['train']:.1f} %",
        ]
        for name, counts in labels.items()
    ]
    return _table(["class", *splits, "of train"], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Lays cells out in columns; a cell with none after it spans its line."""
    more = len(rows) - MOST_LINES
    text = columns.lay_out([header, *rows[:MOST_LINES]], spans=True)
    if more > 0:
        text += f"\nand {more:,} more; --format=json has all"
    return text


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"


def _line(text: str) -> str:
    """Returns a text such that a terminal shows it as it is."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _cut(text: str, most: int = MOST_CHARACTERS) -> str:
    text = _line(text)
    return text if len(text) <= most else text[: most - 3] + "..."
