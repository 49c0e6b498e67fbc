"""Where a run is told of beside its workdir and the terminal."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from trainer.journal.tracking import Tracking


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outlets:
    """What flags ask for; nothing by default.

    Attributes:
      metrics: shows numbers to Prometheus, each worker's its own.
      on_alert: a URL or a command that is told of alerts.
      trackings: tell services that keep experiments.
    """

    metrics: "CollectorRegistry | None" = None
    on_alert: str | None = None
    trackings: "Sequence[Tracking]" = ()


NOWHERE = Outlets()
