"""GPU machines of Compute Engine, and the images that they start from.

As known in 2025-08, and not yet held against the documents that say it now:
cloud.google.com/compute/docs/accelerator-optimized-machines and
cloud.google.com/compute/docs/gpus.
"""

import dataclasses
import difflib
import re

from trainer.process.exits import UserError


@dataclasses.dataclass(frozen=True)
class Gpus:
    """What a machine has of GPUs.

    Attributes:
      count: of each machine.
      model: as NVIDIA calls it.
      accelerator: as `--accelerator` calls it, or None where the machine's
        type alone implies it.
      needs_gvnic: whether the machine takes that network card alone.
    """

    count: int
    model: str
    accelerator: str | None = None
    needs_gvnic: bool = False


def _sizes(pattern: str, counts: dict[str, int], model: str) -> dict[str, Gpus]:
    return {pattern.format(k): Gpus(n, model) for k, n in counts.items()}


TYPES = {
    **_sizes(
        "a2-highgpu-{}", {"1g": 1, "2g": 2, "4g": 4, "8g": 8}, "A100 40GB"
    ),
    **_sizes("a2-megagpu-{}", {"16g": 16}, "A100 40GB"),
    **_sizes(
        "a2-ultragpu-{}", {"1g": 1, "2g": 2, "4g": 4, "8g": 8}, "A100 80GB"
    ),
    "a3-highgpu-8g": Gpus(8, "H100 80GB", needs_gvnic=True),
    **_sizes(
        "g2-standard-{}",
        {"4": 1, "8": 1, "12": 1, "16": 1, "24": 2, "32": 1, "48": 4, "96": 8},
        "L4",
    ),
}
# Machines that GPUs are added to, by their cores.
N1_CORES = {f"n1-standard-{cores}": cores for cores in (1, 2, 4, 8, 16, 32, 96)}
# The most cores of a machine with so many of them.
ACCELERATORS = {
    "nvidia-tesla-t4": {1: 48, 2: 48, 4: 96},
    "nvidia-tesla-v100": {1: 12, 2: 24, 4: 48, 8: 96},
}
_ACCELERATOR = re.compile(r"(?:type=)?([a-z0-9-]+)(?:,count=(\d{1,2}))?")


@dataclasses.dataclass(frozen=True)
class Image:
    """An image family, with what stands in it."""

    family: str
    project: str
    driver: str
    python: str
    source: str


# Ubuntu 24.04 with NVIDIA's driver and nothing else: CUDA's libraries come
# with tensorflow[and-cuda].
IMAGE = Image(
    family="ubuntu-accelerator-2404-amd64-with-nvidia-580",
    project="ubuntu-os-accelerator-images",
    driver="580",
    python="3.12",
    source="as public projects name it; to be held against"
    " cloud.google.com/compute/docs/images/os-details",
)


def near(value: str, known: list[str]) -> str:
    """Returns the question for what was meant, or the request to name one."""
    found = difflib.get_close_matches(value, known, n=1)
    return f"did you mean {found[0]}?" if found else "name one of them"


def gpus_of(machine_type: str, accelerator: str | None) -> Gpus:
    """Returns the GPUs of a machine.

    Args:
      machine_type: as `--machine_type` gives it.
      accelerator: as `--accelerator` gives it, such as nvidia-tesla-t4 or
        type=nvidia-tesla-t4,count=2.

    Raises:
      UserError: one is not in the tables, or they do not fit.
    """
    if machine_type in N1_CORES:
        return _added(machine_type, accelerator)
    if machine_type not in TYPES:
        known = [*TYPES, *N1_CORES]
        raise UserError(
            f"--machine_type={machine_type!r} is no known machine for GPUs"
            f" ({', '.join(known)}); {near(machine_type, known)}"
        )
    if accelerator is not None:
        raise UserError(
            f"--accelerator={accelerator!r} does not fit"
            f" --machine_type={machine_type}, which has"
            f" {TYPES[machine_type].count} {TYPES[machine_type].model} by"
            " itself; leave --accelerator out"
        )
    return TYPES[machine_type]


def _added(machine_type: str, accelerator: str | None) -> Gpus:
    known = ", ".join(ACCELERATORS)
    if accelerator is None:
        raise UserError(
            f"--machine_type={machine_type} has no GPU by itself; add"
            f" --accelerator=TYPE of {known}, or name another machine"
        )
    match = _ACCELERATOR.fullmatch(accelerator)
    if not match or match[1] not in ACCELERATORS:
        name = match[1] if match else accelerator
        raise UserError(
            f"--accelerator={accelerator!r} must be TYPE or"
            f" type=TYPE,count=N, TYPE one of {known};"
            f" {near(name, [*ACCELERATORS])}"
        )
    name, count = match[1], int(match[2] or 1)
    most_cores = ACCELERATORS[name].get(count)
    if most_cores is None:
        counts = ", ".join(map(str, ACCELERATORS[name]))
        raise UserError(
            f"--accelerator={accelerator!r}: a machine has {counts} of"
            f" {name}; set count to one of these"
        )
    if N1_CORES[machine_type] > most_cores:
        raise UserError(
            f"--machine_type={machine_type} is too large for {count} of"
            f" {name}, which go with {most_cores} cores at most; name a"
            " smaller one, or more of them"
        )
    model = name.rpartition("-")[2].upper()
    return Gpus(count, model, f"type={name},count={count}")
