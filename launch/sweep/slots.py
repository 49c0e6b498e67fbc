"""What each of several trials at a time has of this machine."""

import dataclasses
import os

from trainer.launch.local import gpus


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where one trial at a time runs.

    Attributes:
      environment: all variables of its processes.
      cores: that they run on; () for all that this process has.
    """

    environment: dict[str, str]
    cores: tuple[int, ...] = ()


def slots_of(parallel: int) -> list[Slot]:
    """Shares out this machine's cores, and its GPUs where there are some."""
    own = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    if parallel == 1:
        return [Slot(own)]
    slots = [Slot(own)] * parallel
    if names := gpus():
        slots = [
            Slot({**own, "CUDA_VISIBLE_DEVICES": ",".join(share)})
            for share in shares(names, parallel)
        ]
    if not hasattr(os, "sched_getaffinity"):
        return slots
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    return [
        dataclasses.replace(slot, cores=tuple(map(int, share)))
        for slot, share in zip(slots, shares(cores, parallel), strict=True)
    ]


def shares(names: list[str], parallel: int) -> list[list[str]]:
    """Deals names out to slots, one after another.

    Args:
      names: of GPUs or cores.
      parallel: slots; more than there are names share them.
    """
    if len(names) < parallel:
        return [[names[i % len(names)]] for i in range(parallel)]
    return [names[i::parallel] for i in range(parallel)]
