"""A sweep on one page: how it went, which fields mattered, and the best ten."""

import os
import pathlib
from typing import Any
from typing import TYPE_CHECKING

from trainer.launch.sweep import winner
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.progress import counts_of
from trainer.launch.sweep.search import END
from trainer.launch.sweep.stored import Outcome
from trainer.launch.sweep.sweep import Sweep
from trainer.process.columns import between
from trainer.process.columns import number
from trainer.reports import pages
from trainer.reports.pages import Chart
from trainer.reports.pages import Section
from trainer.reports.pages import Table

if TYPE_CHECKING:
    import optuna

FILE = "sweep.html"
BEST = 10
# Trials with a score, below which nothing is said of fields.
LEAST_TRIALS = 4


def write(sweep: Sweep, outcome: Outcome | None) -> None:
    """Writes the page, where the extra `report` is installed.

    Args:
      sweep: that is told of.
      outcome: how it ended; None while it goes on.
    """
    if not pages.is_possible():
        return
    plan, workdir = sweep.plan, sweep.workdir
    trials = sweep.search.trials()
    told = ", ".join(
        f"{n} {name}" for name, n in counts_of(trials).items() if n
    )
    scored = sweep.search.ranked()
    sections = [
        _end(plan, outcome) if outcome else Section("Score"),
        Section("Trials", charts=_charts(sweep, scored)),
        Section(
            f"The best {min(BEST, len(scored))}",
            tables=[_table(sweep, scored[:BEST], "by validation score")],
        ),
        Section(
            "All trials",
            tables=[_table(sweep, trials, "all trials", is_folded=True)],
        ),
    ]
    if outcome:
        command = winner.command_of(plan, outcome, workdir)
        sections.insert(1, Section("The winner", command=command))
    pages.write(
        workdir / FILE,
        workdir.absolute().name,
        f"A sweep for {plan.metric} of {plan.rows.get('validation', 0):,}"
        f" validation rows: {told or 'no trial yet'}.",
        sections,
        _score(plan, outcome),
    )


def _score(plan: Plan, outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    test = [v for v in outcome["test"] if v is not None]
    if not test:
        return ""
    return f"test {plan.metric} {number(sum(test) / len(test))}"


def _end(plan: Plan, outcome: Outcome) -> Section:
    """Tells the scores that the winner was chosen by, and the test rows'."""
    interval = between(outcome["test_interval"])
    rows: list[list[Any]] = [
        [name or "the run", validation, test]
        for name, validation, test in zip(
            [pathlib.PurePath(m).name for m in outcome["members"]],
            outcome["validation"],
            outcome["test"],
            strict=True,
        )
    ]
    if len(rows) > 1:
        test = [v for v in outcome["test"] if v is not None]
        rows.append(["mean", _mean(outcome["validation"]), _mean(test)])
    looks = outcome["looks"]
    return Section(
        "Score",
        f"Trial {outcome['trial']} is the winner. It was chosen by its"
        " validation score, which is too good therefore; the test rows were"
        " seen by none of the trials, and scored at the end"
        f"{f', {looks} times by now' if looks > 1 else ''}. The test score's"
        f" 95 % interval is {interval}.",
        tables=[
            Table(
                f"{plan.metric} of the winner",
                ["", "validation", "test"],
                rows,
            )
        ],
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _charts(
    sweep: Sweep, scored: "list[optuna.trial.FrozenTrial]"
) -> list[Chart]:
    from trainer.charts import drawings
    from trainer.charts import trials as drawn

    plan = sweep.plan
    if not plan.space or not scored:
        return []
    in_order = sorted(scored, key=lambda trial: trial.number)
    scores = [trial.value or 0.0 for trial in in_order]
    numbered = {t.number: s for t, s in zip(in_order, scores, strict=True)}
    lower = plan.is_lower_better
    charts = [
        Chart(
            drawn.history(plan.metric, numbered, is_lower_better=lower),
            "the validation score of each trial that came to its end",
        )
    ]
    if len(scored) < LEAST_TRIALS:
        return charts
    if importance := sweep.search.importance():
        charts.append(
            Chart(
                drawings.bars("importance", importance),
                "how much of the score's variance each field explains by itself"
                " or with others (fANOVA)",
            )
        )
    columns = {
        name: [trial.params.get(name) for trial in in_order]
        for name in dict.fromkeys(n for t in in_order for n in t.params)
    }
    logs = [
        name
        for name in columns
        if any(
            getattr(t.distributions.get(name), "log", False) for t in in_order
        )
    ]
    drawing = drawn.parallel(
        plan.metric, columns, scores, logs=logs, is_lower_better=lower
    )
    return [*charts, Chart(drawing, "a line a trial; the best is the orange")]


def _table(
    sweep: Sweep,
    trials: "list[optuna.trial.FrozenTrial]",
    caption: str,
    *,
    is_folded: bool = False,
) -> Table:
    plan, rows = sweep.plan, []
    fields = list(plan.space)
    for trial in trials:
        values = sweep.search.values_of(trial)
        end = trial.user_attrs.get(END) or "running"
        score = trial.value if end == "done" else None
        told = [_told(values.get(field)) for field in fields]
        name = os.fspath(plan.folder(trial.number, plan.members[0]).parts[1])
        rows.append([name, score, end, *told])
    heads = [field.rpartition(".")[2] for field in fields]
    head = ["trial", plan.metric, "end", *heads]
    return Table(caption, head, rows, is_folded)


def _told(value: Any) -> Any:
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return float(f"{value:.3g}") if isinstance(value, float) else value
