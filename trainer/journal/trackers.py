"""Which services that keep experiments a run is told to."""

import importlib.util

from trainer.journal.tracking import Tracker
from trainer.journal.tracking import Tracking
from trainer.process.arguments import nearest
from trainer.process.exits import UserError
from trainer.process.extras import missing_package

KINDS = ("mlflow", "wandb")


def opened(log_to: str | None) -> list[Tracking]:
    """Makes what tells trackers of a run, and asks none of them yet.

    Args:
      log_to: "mlflow:URI" or "wandb[:PROJECT]", or several parted by commas.

    Raises:
      UserError: there is no such tracker, or its package is missing.
    """
    return [
        _tracking(text.strip()) for text in (log_to or "").split(",") if text
    ]


def _tracking(text: str) -> Tracking:
    kind, _, place = text.partition(":")
    if kind not in KINDS:
        remedy = nearest(kind, KINDS) or "name one of them"
        raise UserError(
            f"--log_to={text} must be mlflow:URI or wandb[:PROJECT]; {remedy}"
        )
    if kind == "mlflow" and not place:
        raise UserError(
            "--log_to=mlflow must name where: mlflow:http://HOST:PORT, or"
            " mlflow:sqlite:///FILE"
        )
    if importlib.util.find_spec(kind) is None:
        raise missing_package(f"--log_to={text}", kind, kind)
    return Tracking(kind, lambda: _make(kind, place))


def _make(kind: str, place: str) -> Tracker:
    if kind == "mlflow":
        from trainer.journal.mlflow_tracker import MlflowTracker

        return MlflowTracker(place)
    from trainer.journal import wandb_tracker

    return wandb_tracker.WandbTracker(place or wandb_tracker.DEFAULT_PROJECT)
