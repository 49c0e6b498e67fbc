"""What a sweep's workdir says of it: its settings, and its end."""

import itertools
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any
from typing import TypedDict

from trainer.launch.sweep.plan import Plan
from trainer.process.exits import UserError
from trainer.storage import json_files
from trainer.storage.files import make_folder
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import sealed

SETTINGS = "sweep.json"
OUTCOME = "outcome.json"


class Settings(TypedDict):
    """sweep.json: what must be the same each time it goes on."""

    config: dict[str, Any]
    study: dict[str, Any]
    metric: str
    members: list[dict[str, Any]]
    fingerprint: str


class Outcome(TypedDict):
    """outcome.json: the winner, and what it is worth.

    `validation` and `test` are its scores by its members; `test_interval` is
    that of the test score, at 95 %, and `looks` says how many winners were
    ever scored on the test rows. `kept` are the runs that are one model, and
    `kept_test` is its score where they are several.
    """

    trial: int
    metric: str
    validation: list[float]
    test: list[float | None]
    test_interval: list[float] | None
    fields: dict[str, Any]
    members: list[str]
    looks: int
    trials: dict[str, int]
    kept: list[str]
    kept_test: float | None


def begin(workdir: pathlib.Path, plan: Plan) -> None:
    """Notes what runs here, or holds it against what was noted before.

    Raises:
      UserError: another sweep's workdir, a run's, or one that cannot be.
    """
    _check_free(workdir)
    now = json.loads(to_json(plan.to_json()))
    before = read(workdir, SETTINGS, Settings)
    if before is None:
        try:
            make_folder(workdir)
        except OSError as error:
            raise UserError(
                f"--workdir={workdir} cannot be written ({error.strerror});"
                " name another"
            ) from error
        write_atomically(workdir / SETTINGS, to_json(sealed(now)))
        return
    if changes := differences(before, now):
        raise UserError(
            f"--workdir={workdir} belongs to another sweep:"
            f" {'; '.join(changes)}; name another --workdir or take these back"
        )


def _check_free(workdir: pathlib.Path) -> None:
    if os.path.lexists(workdir) and not workdir.is_dir():
        raise UserError(f"--workdir={workdir} is not a folder; name another")
    if (workdir / "config.json").exists():
        raise UserError(
            f"--workdir={workdir} is a run's; name another for the sweep"
        )


def read(workdir: pathlib.Path, name: str, schema: Any) -> Any:
    """Returns what a file of the workdir holds; None where there is none.

    Raises:
      UserError: it does not hold what was written.
    """
    path = workdir / name
    try:
        return json_files.read(path, schema).value
    except FileNotFoundError:
        return None
    except (OSError, DamagedError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); restore it or name another"
            " --workdir"
        ) from error


def write_outcome(workdir: pathlib.Path, outcome: Outcome) -> None:
    """Notes how the sweep ended."""
    write_atomically(workdir / OUTCOME, to_json(sealed(dict(outcome))))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names what differs between two settled sweeps."""
    was, new = _flat(before), _flat(now)
    names = list(itertools.chain(was, (n for n in new if n not in was)))
    return [
        f"{name}: {was.get(name)} -> {new.get(name)}"
        for name in names
        if was.get(name) != new.get(name)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key in ("config", "study", "space"):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
