"""Where a run is told of beside its workdir and the terminal."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outlets:
    """What flags ask for; nothing by default.

    Attributes:
      metrics: shows numbers to Prometheus, each worker's its own.
      on_alert: a URL or a command that is told of alerts.
    """

    metrics: "CollectorRegistry | None" = None
    on_alert: str | None = None


NOWHERE = Outlets()
