"""Writes what `make bench` found into README and docs, and draws it.

  python -m benchmarks.bench_docs

Tables stand between a comment that names them and one that ends them, so that
no figure is copied by hand. Reads benchmarks/results.json.
"""

import functools
import json
import re
import statistics
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

from benchmarks import bench_table
from benchmarks.bench_table import OURS
from benchmarks.bench_table import Row
from benchmarks.contestants import COURSE
from benchmarks.contestants import ROOT
from trainer.process.clock import WORDS

RESULTS = ROOT / "benchmarks" / "results.json"
CHART = ROOT / "docs" / "images" / "speed.png"
PAGES = (ROOT / "README.md", ROOT / "docs" / "speed.md")


def setting(found: dict[str, Any]) -> Iterator[str]:
    """Yields the command, the counts, the machine and the versions."""
    versions = ", ".join(f"{n} {v}" for n, v in found["versions"].items())
    machine, recipe = found["machine"], found["recipe"]
    peers = min(len(ran["wall_secs"]) for ran in recipe.values())
    ours = len(recipe[OURS]["wall_secs"])
    turns = len(found["in_turn"][COURSE.name])
    yield (
        f"By `python -m benchmarks.bench --data_dir=DIR --rounds={peers}"
        f" --starts={ours - peers} --turns={turns}` on {machine['cores']} cores"
        f" of an {machine['processor']}: ratios are medians of {turns}"
        f" neighbours, whole processes of {peers} runs, of {ours} for Strata"
        f" and the course script; {versions}; threads of PyTorch, found"
        f" beforehand: {max(found['threads'].values())}."
    )


# Of a contestant's row: the title, and what stands there.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "": lambda row: bench_table.label(row.name),
    "seconds an epoch": lambda row: f"{row.epoch_secs:.2f}",
    "spread": lambda row: "–".join(f"{secs:.2f}" for secs in row.spread),
    "against Strata": lambda row: _given(row.against, "{:.2f} ×"),
    "quartiles": lambda row: "–".join(f"{x:.2f}" for x in row.quartiles or ()),
    "whole process": lambda row: _given(row.process_secs, "{:.1f} s"),
    "peak memory": lambda row: _given(row.peak_bytes, "{:,.0f} MB", 1e-6),
    "accuracy": lambda row: _given(row.accuracy, "{:.2f} %", 100),
}
SHORT = (
    "",
    "seconds an epoch",
    "against Strata",
    "whole process",
    "peak memory",
)


def contestants(
    found: dict[str, Any], titles: Collection[str] = SHORT
) -> Iterator[str]:
    """Yields a table of all contestants, with some columns."""
    yield _line(*titles).replace("|  |", "| |")
    yield "|---|" + "---:|" * (len(titles) - 1)
    for row in bench_table.rows(found):
        yield _line(*(COLUMNS[title](row) for title in titles))


def bars(found: dict[str, Any]) -> Iterator[str]:
    """Yields a table of what Strata is held to."""
    yield "| what | found | bar | |"
    yield "|---|---:|---:|---|"
    for bar in bench_table.bars(found):
        kind = "≤" if bar.is_most else "≥"
        verdict = "met" if bar.is_met else "**missed**"
        yield _line(
            bar.words, f"{bar.found:.2f}", f"{kind} {bar.bar:g}", verdict
        )


def sooner(found: dict[str, Any]) -> Iterator[str]:
    """Yields how long mnist_fast and the course script train, and score."""
    yield "| | seconds of training | spread | accuracy | least |"
    yield "|---|---:|---:|---:|---:|"
    for name, ran in found["to_accuracy"].items():
        secs, scores = ran["fit_secs"], ran["accuracy"]
        yield _line(
            "`mnist_fast`" if name != COURSE.name else bench_table.label(name),
            f"{statistics.median(secs):.2f}",
            f"{min(secs):.2f}–{max(secs):.2f}",
            f"{100 * statistics.mean(scores):.2f} %",
            f"{100 * min(scores):.2f} %",
        )


def parts(found: dict[str, Any]) -> Iterator[str]:
    """Yields where the seconds of Strata's whole process go."""
    yield "| what | seconds |"
    yield "|---|---:|"
    for name, secs in bench_table.parts(found).items():
        yield _line(WORDS.get(name, name), f"{secs:.2f}")


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "setting": setting,
    "short": contestants,
    "full": functools.partial(contestants, titles=COLUMNS),
    "bars": bars,
    "sooner": sooner,
    "parts": parts,
}


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _given(figure: float | None, form: str, scale: float = 1) -> str:
    return "" if figure is None else form.format(scale * figure)


def filled(page: str, found: dict[str, Any]) -> str:
    """Returns a page with its tables as they were found.

    Raises:
      KeyError: the page names a table that there is not.
    """

    def table(match: re.Match[str]) -> str:
        lines = "\n".join(TABLES[match["name"]](found))
        return f"{match['begin']}\n{lines}\n{match['end']}"

    return re.sub(
        r"(?P<begin><!-- bench: (?P<name>\w+) -->)\n.*?(?P<end><!-- end -->)",
        table,
        page,
        flags=re.DOTALL,
    )


def draw(found: dict[str, Any]) -> None:
    """Draws an epoch against Strata's, and seconds of the whole process.

    The spread beside is of quartiles on the left, of extremes on the right.
    """
    from matplotlib.figure import Figure

    from trainer.charts.drawings import COLOURS

    figure = Figure(figsize=(9.0, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = sorted(bench_table.rows(found), key=lambda row: row.against or 1.0)
    for place, row in enumerate(rows):
        colour = COLOURS[0] if row.name == OURS else "#bbbbbb"
        _bar(
            left, place, row.against or 1.0, row.quartiles or (1.0, 1.0), colour
        )
        if row.process_secs is not None:
            secs = found["recipe"][row.name]["wall_secs"]
            _bar(right, place, row.process_secs, (min(secs), max(secs)), colour)
    ours = next(row for row in rows if row.name == OURS)
    left.set(xlabel=f"an epoch, times Strata's of {ours.epoch_secs:.2f} s")
    right.set(xlabel="seconds of the whole process")
    left.set_yticks(range(len(rows)), [row.name for row in rows])
    left.invert_yaxis()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.15)
    machine = found["machine"]
    figure.suptitle(
        "The course recipe (784-784-10, batch 128, RMSprop, float32),"
        f" {machine['cores']} cores of an {machine['processor']}",
        fontsize=10,
    )
    figure.savefig(CHART, dpi=110)


def _bar(
    axes: Any, place: int, middle: float, ends: tuple, colour: str
) -> None:
    low, high = ends
    axes.barh(
        place,
        middle,
        color=colour,
        xerr=[[middle - low], [high - middle]],
        ecolor="#555555",
    )
    axes.text(high, place, f" {middle:.2f}", va="center", fontsize=8)


def write(found: dict[str, Any]) -> None:
    """Writes the pages' tables and the chart."""
    for path in PAGES:
        path.write_text(filled(path.read_text(), found))
    draw(found)


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()))
