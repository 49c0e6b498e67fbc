"""Which strategy a job takes, before TensorFlow is imported."""

from trainer.cluster.place import Cluster
from trainer.process.exits import UserError

STRATEGIES = (
    "auto",
    "default",
    "one_device",
    "mirrored",
    "multiworker",
    "tpu",
)


def fit_strategy(
    name: str, place: Cluster, devices: int | None, tpu: str | None
) -> str:
    """Chooses "tpu" or "multiworker" for "auto" where one is meant.

    Args:
      name: one of STRATEGIES.
      place: of this process.
      devices: how many local devices to use.
      tpu: a TPU's name or address, or "local".

    Raises:
      UserError: a strategy would silently leave aside what was asked for.
    """
    several = place.workers > 1
    if name == "auto" and (tpu or several):
        name = "tpu" if tpu else "multiworker"
    if name == "multiworker" and not several:
        raise UserError(
            "--strategy=multiworker needs two workers or more, by TF_CONFIG,"
            " Slurm or STRATA_ADDRESSES; for one, --strategy=auto fits"
        )
    if several and name != "multiworker":
        raise UserError(
            f"--strategy={name} is of one process, and there are"
            f" {place.workers} workers; give --cluster=none to leave them"
            " aside, or leave --strategy at auto"
        )
    if tpu and name != "tpu":
        raise UserError(f"--tpu={tpu} does not fit --strategy={name}")
    if devices and name in ("multiworker", "tpu"):
        raise UserError(
            f"--devices={devices} does not fit --strategy={name}, which takes"
            " all devices"
        )
    if devices and devices > 1 and name in ("default", "one_device"):
        raise UserError(
            f"--devices={devices} does not fit --strategy={name}, which takes"
            " one device; --strategy=mirrored takes several"
        )
    return name
