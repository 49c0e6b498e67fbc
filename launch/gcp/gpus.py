"""GPUs of Compute Engine's machines, and the image that these start from.

Which machines there are, and where, is gcloud's to say, which refuses others
before it makes any. What must be known here is how many GPUs a machine has,
since the trainer is to see them all:
cloud.google.com/compute/docs/accelerator-optimized-machines and
cloud.google.com/compute/docs/gpus, as of 2025-08.
"""

import argparse
import dataclasses
import re
import sys
from typing import Any

from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import positive
from trainer.process.exits import UserError


@dataclasses.dataclass(frozen=True)
class Gpus:
    """What a machine has of GPUs.

    Attributes:
      count: of each machine; 0 where its name does not tell.
      accelerator: as gcloud's `--accelerator` takes it, or None where the
        machine's type alone implies it.
      needs_gvnic: whether the machine takes that network card alone.
    """

    count: int
    accelerator: str | None = None
    needs_gvnic: bool = False


# Such as a2-highgpu-4g, which has 4; and g2 and g4 by their cores.
_COUNTED = re.compile(r"(a\d+x?)-[a-z]+-([1-9]\d?)g(-.*)?")
_BY_CORES = re.compile(r"(g[24])-standard-(\d+)")
_GPUS = {
    "g2": {"24": 2, "48": 4, "96": 8},
    "g4": {"96": 2, "192": 4, "384": 8},
}
# Families that take GPUs by --accelerator, and those that take none.
_BARE = re.compile(r"(n1|custom)-.*")
_CPUS = re.compile(
    r"(c[2-4][ad]?|e2|f1|g1|h[34]|m[1-4]|n[24]d?|t2[ad]|x4|z3)-.*"
)
_ACCELERATOR = re.compile(r"(?:type=)?([a-z0-9-]+)(?:,count=([1-9]\d?))?")
# B200, GB200 and RTX PRO 6000: of compute capability 10.0 and 12.0.
_NEWER = re.compile(r"(a4x?|g4)-.*")
# Family and project: Ubuntu 24.04 with NVIDIA's driver 580, Python 3.12 and
# nothing else; CUDA's libraries come with tensorflow[and-cuda]. Still to be
# held against cloud.google.com/compute/docs/images/os-details.
IMAGE = (
    "ubuntu-accelerator-2404-amd64-with-nvidia-580",
    "ubuntu-os-accelerator-images",
)
MOST_VMS = 64


def add_flags(parser: LauncherParser) -> None:
    """Adds the flags that GPU machines alone have."""
    parser.flag(
        "--machine_type",
        "TYPE",
        "such as g2-standard-8 (L4) or a2-highgpu-8g (A100); needed",
        required=True,
    )
    parser.flag(
        "--accelerator",
        "TYPE",
        "GPUs that an n1 machine gets, such as type=nvidia-tesla-t4,count=2",
    )
    add_size(parser, "--num_vms")


def add_size(parser: LauncherParser, count: str) -> None:
    """Adds the flag of this name, of how many machines, and that of disks."""
    parser.flag(
        count,
        "N",
        "machines, a worker each; 1 by default",
        type=positive,
        default=1,
    )
    parser.flag(
        "--disk_gb",
        "N",
        "of each machine; 100 by default",
        type=positive,
        default=100,
    )


def machines_of(wanted: argparse.Namespace) -> dict[str, Any]:
    """Returns what those flags ask for, as fields of a request.

    Raises:
      UserError: one of them cannot be meant.
    """
    found = gpus_of(wanted.machine_type, wanted.accelerator)
    warn_of(wanted.machine_type)
    if wanted.num_vms > MOST_VMS:
        raise UserError(
            f"--num_vms={wanted.num_vms} must be {MOST_VMS} or fewer"
        )
    if not 50 <= wanted.disk_gb <= 65536:
        raise UserError(
            f"--disk_gb={wanted.disk_gb} must be from 50, which the system and"
            " CUDA take, to 65536"
        )
    return {
        "machine_type": wanted.machine_type,
        "image": IMAGE,
        "num_vms": wanted.num_vms,
        "disk_gb": wanted.disk_gb,
        "gpus": found.count,
        "accelerator": found.accelerator,
        "needs_gvnic": found.needs_gvnic,
    }


def warn_of(machine_type: str) -> None:
    """Warns of a machine on whose GPUs training may fail."""
    if not _NEWER.fullmatch(machine_type):
        return
    print(
        f"WARNING: --machine_type={machine_type}: TensorFlow 2.21's wheel has"
        " no kernels for its GPUs; others' runs on such ended with"
        " CUDA_ERROR_INVALID_PTX or INVALID_HANDLE (docs/launch/README.md)."
        " a3-* (H100), a2-* (A100) and g2-* (L4) are those that it was built"
        " for",
        file=sys.stderr,
        flush=True,
    )


def gpus_of(machine_type: str, accelerator: str | None) -> Gpus:
    """Returns the GPUs of a machine.

    Args:
      machine_type: as `--machine_type` gives it.
      accelerator: as `--accelerator` gives it, such as nvidia-tesla-t4 or
        type=nvidia-tesla-t4,count=2.

    Raises:
      UserError: the machine would have none.
    """
    if _CPUS.fullmatch(machine_type):
        raise UserError(
            f"--machine_type={machine_type!r} has no GPU and takes none; name"
            " a2-KIND-Ng or a3-KIND-Ng with N GPUs, g2-standard-N, or"
            " n1-standard-N with --accelerator"
        )
    if _BARE.fullmatch(machine_type):
        return _added(machine_type, accelerator)
    counted = _COUNTED.fullmatch(machine_type)
    by_cores = _BY_CORES.fullmatch(machine_type)
    if accelerator is None:
        if counted:
            return Gpus(int(counted[2]), needs_gvnic=counted[1] != "a2")
        if by_cores:
            return Gpus(_GPUS[by_cores[1]].get(by_cores[2], 1))
        return Gpus(0)
    if counted or by_cores:
        raise UserError(
            f"--accelerator={accelerator!r} does not fit"
            f" --machine_type={machine_type}, which has GPUs by itself; leave"
            " --accelerator out"
        )
    return _added(machine_type, accelerator)


def _added(machine_type: str, accelerator: str | None) -> Gpus:
    if accelerator is None:
        raise UserError(
            f"--machine_type={machine_type} has no GPU by itself; add"
            " --accelerator=TYPE, such as nvidia-tesla-t4, or name another"
            " machine"
        )
    match = _ACCELERATOR.fullmatch(accelerator)
    if not match:
        raise UserError(
            f"--accelerator={accelerator!r} must be TYPE or type=TYPE,count=N,"
            " such as type=nvidia-tesla-t4,count=2"
        )
    count = int(match[2] or 1)
    return Gpus(count, f"type={match[1]},count={count}")
