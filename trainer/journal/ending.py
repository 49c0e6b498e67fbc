"""The end of a run as people read it: how good, what next, how long."""

import importlib.util
import os
import shlex
from typing import Any

from trainer.config import Config
from trainer.process import clock
from trainer.process.columns import lay_out
from trainer.process.columns import number
from trainer.process.surroundings import own_command
from trainer.workdir.folder import REPORT_FILE


def scores(evaluation: dict[str, dict[str, float]]) -> str:
    """Returns a line a split: its loss and metrics, and how many rows."""
    rows = [
        [split, _said(values), f"on {values['examples']:,.0f} rows"]
        for split, values in evaluation.items()
    ]
    return lay_out(rows, left=3)


def _said(values: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {number(value)}"
        for name, value in values.items()
        if name != "examples"
    )


def next_steps(workdir: str, config: Config) -> str:
    """Returns what a user may type or open now, a line each.

    Args:
      workdir: of the run that is done.
      config: of the run.
    """
    strata, run = own_command(), shlex.quote(workdir)
    runs = shlex.quote(os.path.dirname(workdir) or os.curdir)
    rows = [
        [f"{strata} predict {run} --input=FILE", "answer rows of your own"],
        [f"{strata} evaluate {run}", "score it in full, class by class"],
        [f"{strata} export {run}", "write it for other programs"],
    ]
    if config.log.tensorboard:
        rows.append([f"{strata} tensorboard {runs}", "see the curves"])
    if config.log.report and importlib.util.find_spec("matplotlib"):
        page = os.path.join(workdir, REPORT_FILE)
        rows.insert(0, [page, "the run on one page"])
    lines = lay_out([[f"  {first}", words] for first, words in rows], left=2)
    return f"next:\n{lines}"


def spent(result: dict[str, Any], *, step_secs: float) -> str:
    """Returns how long the run took and where its time went, and its speed.

    Args:
      result: what result.json holds.
      step_secs: mean seconds of a training step in this process.
    """
    secs = result["goodput"]
    speed = "no step was left to take"
    if result.get("status") == "diverged":
        speed = "not told of the steps that diverged"
    if result["examples_per_sec"]:
        rows = f"{result['examples_per_sec']:,.0f} rows/s"
        speed = f"{rows}, {1e3 * step_secs:.3g} ms a step"
    return lay_out(
        [
            ["time", f"{clock.described(secs)}: {clock.listed(secs)}"],
            ["speed", speed],
        ],
        left=2,
    )
