"""GPUs of Compute Engine's machines, and the image that these start from.

Which machines there are, and where, is gcloud's to say, which refuses others
before it makes any. What must be known here is how many GPUs a machine has,
since the trainer is to see them all:
cloud.google.com/compute/docs/accelerator-optimized-machines and
cloud.google.com/compute/docs/gpus, as of 2025-08.
"""

import dataclasses
import re

from trainer.process.exits import UserError


@dataclasses.dataclass(frozen=True)
class Gpus:
    """What a machine has of GPUs.

    Attributes:
      count: of each machine.
      accelerator: as gcloud's `--accelerator` takes it, or None where the
        machine's type alone implies it.
      needs_gvnic: whether the machine takes that network card alone.
    """

    count: int
    accelerator: str | None = None
    needs_gvnic: bool = False


# Such as a2-highgpu-4g, which has 4; and g2 by its cores, 1 where not named.
_COUNTED = re.compile(r"(a\d)-[a-z]+-([1-9]\d?)g")
_G2 = re.compile(r"g2-standard-(\d+)")
_G2_GPUS = {"24": 2, "48": 4, "96": 8}
_ACCELERATOR = re.compile(r"(?:type=)?([a-z0-9-]+)(?:,count=([1-9]\d?))?")
# Family and project: Ubuntu 24.04 with NVIDIA's driver 580, Python 3.12 and
# nothing else; CUDA's libraries come with tensorflow[and-cuda]. Still to be
# held against cloud.google.com/compute/docs/images/os-details.
IMAGE = (
    "ubuntu-accelerator-2404-amd64-with-nvidia-580",
    "ubuntu-os-accelerator-images",
)


def gpus_of(machine_type: str, accelerator: str | None) -> Gpus:
    """Returns the GPUs of a machine.

    Args:
      machine_type: as `--machine_type` gives it.
      accelerator: as `--accelerator` gives it, such as nvidia-tesla-t4 or
        type=nvidia-tesla-t4,count=2.

    Raises:
      UserError: the machine would have none, or a number not known here.
    """
    if machine_type.startswith("n1-"):
        return _added(machine_type, accelerator)
    counted = _COUNTED.fullmatch(machine_type)
    g2 = _G2.fullmatch(machine_type)
    if not counted and not g2:
        raise UserError(
            f"--machine_type={machine_type!r} is no known machine for GPUs;"
            " name a2-KIND-Ng or a3-KIND-Ng with N GPUs, g2-standard-N, or"
            " n1-standard-N with --accelerator"
        )
    if accelerator is not None:
        raise UserError(
            f"--accelerator={accelerator!r} does not fit"
            f" --machine_type={machine_type}, which has GPUs by itself; leave"
            " --accelerator out"
        )
    if counted:
        return Gpus(int(counted[2]), needs_gvnic=counted[1] != "a2")
    assert g2 is not None
    return Gpus(_G2_GPUS.get(g2[1], 1))


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
