"""Where Vertex AI wants what a run writes, by the environment it gives.

A job's `baseOutputDirectory` becomes AIP_CHECKPOINT_DIR (BASE/checkpoints/),
AIP_MODEL_DIR (BASE/model/) and AIP_TENSORBOARD_LOG_DIR (BASE/logs/), each
trial's of a tuning below a BASE of its own. BASE is a workdir, then, whose
checkpoints stand where they stand anyway:
cloud.google.com/vertex-ai/docs/training/code-requirements.
"""

import pathlib
from collections.abc import Mapping

from trainer.process.exits import UserError
from trainer.storage.names import local_folder

CHECKPOINTS = "AIP_CHECKPOINT_DIR"
MODEL = "AIP_MODEL_DIR"
EVENTS = "AIP_TENSORBOARD_LOG_DIR"
# The last part of each.
PARTS = {CHECKPOINTS: "checkpoints", MODEL: "model", EVENTS: "logs"}


def workdir(environment: Mapping[str, str]) -> str | None:
    """Returns the workdir of a job of Vertex AI; None elsewhere.

    Raises:
      UserError: a variable is not of the documented form, or they are of two
        jobs.
    """
    bases = {}
    for name, part in PARTS.items():
        given = environment.get(name, "").rstrip("/")
        if not given:
            continue
        base, _, last = given.rpartition("/")
        if last != part or not base:
            raise UserError(
                f"{name}={given} must end with /{part}, as Vertex AI gives it;"
                " mend or unset it, or name --workdir"
            )
        bases[name] = base
    if len(set(bases.values())) > 1:
        told = ", ".join(f"{n}={environment[n]}" for n in bases)
        raise UserError(
            f"{told} are of more than one folder; Vertex AI gives one; mend or"
            " unset them, or name --workdir"
        )
    return bases.get(CHECKPOINTS)


def folder_of(
    name: str, run: pathlib.Path, environment: Mapping[str, str]
) -> pathlib.Path | None:
    """Returns the part of a run's folder that a variable asks for.

    Args:
      name: MODEL or EVENTS.
      run: the folder that the run works on, the chief's copy of a bucket's.
      environment: of the process.

    Returns:
      None where the variable is not set, or asks for another workdir's.
    """
    if not environment.get(name):
        return None
    given = workdir(environment)
    if given is None or local_folder(given).absolute() != run.absolute():
        return None
    return run / PARTS[name]
