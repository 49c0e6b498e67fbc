"""What a run's page says first: what was learnt, how well, and from what."""

from typing import Any

from trainer.finished.stored_run import StoredRun
from trainer.problem import baselines
from trainer.problem.problem import Problem
from trainer.process import columns

# Names of more classes are not listed.
MOST_NAMED = 4


def title(run: StoredRun) -> str:
    """Says what was learnt, such as "iris.csv: species from 4 columns"."""
    data = run.record["data"]
    return f"{data['name']}: {_answer(run.problem, data)} from {_rows(data)}"


def _answer(problem: Problem, data: dict[str, Any]) -> str:
    """Says what is answered."""
    if data["encoding"]:
        return str(data["encoding"]["target"])
    if not problem.has_labels:
        count = problem.outputs
        return "a value" if count == 1 else f"{count} values"
    names, count = problem.labels, len(problem.labels)
    if problem.has_class:
        told = f"{', '.join(names[:-1])} or {names[-1]}"
        return told if count <= MOST_NAMED else f"one of {count} classes"
    return ", ".join(names) if count <= MOST_NAMED else f"{count} labels"


def _rows(data: dict[str, Any]) -> str:
    """Says what a row holds."""
    shape = data["x"]["shape"]
    if data["encoding"]:
        count = len(data["encoding"]["columns"])
        return f"{count} column{'s' * (count > 1)}"
    if data["kind"] == "image" and len(shape) > 1:
        return f"images of {shape[0]} × {shape[1]} pixels"
    sizes = " × ".join(map(str, shape))
    return f"{sizes} numbers"


def score(run: StoredRun) -> str:
    """Says the final score in a sentence; "" while the run goes on."""
    name, value = run.problem.score, run.final.get(run.problem.score)
    if value is None:
        return ""
    split, interval = run.final_split, run.intervals.get(name)
    rows = f"{run.final['examples']:,} {split} rows"
    if name == "accuracy":
        told = f"{100 * value:.2f} % of {rows} are right"
        ends = [f"{100 * end:.2f}" for end in interval or ()]
        told += f" (95 %: {' to '.join(ends)} %)" if interval else ""
    else:
        told = f"{name} {columns.shown(value)} on {rows}"
        told += f" (95 %: {columns.between(interval)})" if interval else ""
    held = run.result.get("baselines", {}).values()
    if not all(map(baselines.beats_guessing, held)):
        told += ", no better than guessing"
    return told


def lead(run: StoredRun) -> str:
    """Says how the run went, for who has seen none before."""
    rows, result = run.record["data"]["examples"], run.result
    held = [f"{rows[k]:,} {k} rows" for k in rows if k != "train"]
    told = (
        f"Run {run.name} ({run.problem.type}): trained on {rows['train']:,}"
        f" rows, with {' and '.join(held) or 'none'} held out. "
    )
    if not result:
        return f"{told}It is not finished."
    told += (
        f"{result['status'].capitalize()} after {result['epoch']:,} epochs"
        f" ({result['step']:,} steps), in {result['wall_secs']:,.1f} s on"
    )
    topology = run.record["topology"]
    if topology["replicas"] > 1:
        told += (
            f" {topology['replicas']} replicas in {topology['workers']}"
            " process(es) of"
        )
    return f"{told} {run.record['processor']}."
