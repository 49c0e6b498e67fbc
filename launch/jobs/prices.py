"""What jobs cost an hour, where the user gave prices: none are ours."""

import json
import pathlib

from trainer.launch.jobs.job import Job
from trainer.launch.jobs.job import UNKNOWN
from trainer.process.exits import UserError

FILE = pathlib.Path(".strata/prices.json")


def read(file: pathlib.Path = FILE) -> dict[str, float]:
    """Reads {kind of machine: its price of an hour}; {} where there is none.

    Raises:
      UserError: the file is of another form.
    """
    try:
        value = json.loads(file.read_text())
        return {str(kind): _amount(price) for kind, price in value.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{file} must hold prices of an hour, such as"
            f' {{"g2-standard-8": 0.85}} ({error}); mend it'
        ) from None


def _amount(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{value!r} is no price")
    return float(value)


def an_hour(job: Job, prices: dict[str, float]) -> float | None:
    """Returns what a job's machines cost; None where that is not known."""
    if job.state == UNKNOWN or any(
        kind not in prices for kind, _ in job.machines
    ):
        return None
    return sum(prices[kind] * count for kind, count in job.machines)
