"""TPU VMs: types of accelerator, and the images that they start from.

cloud.google.com/tpu/docs/runtimes and
cloud.google.com/tpu/docs/supported-tpu-configurations, as of 2025-08.
"""

import dataclasses
import re

from launch.gcp.machines import near
from trainer.process.exits import UserError

# What requirements-tpu.txt pins.
TENSORFLOW = "2.20.0"


@dataclasses.dataclass(frozen=True)
class Family:
    """One generation of TPUs.

    Attributes:
      sizes: what follows the name in an accelerator's type; of one host.
      slices: the same, of several hosts.
      runtime: the plain Ubuntu image.
    """

    sizes: tuple[int, ...]
    slices: tuple[int, ...]
    runtime: str


_CORES = (32, 128, 256, 512)
FAMILIES = {
    "v2": Family((8,), _CORES, "tpu-ubuntu2204-base"),
    "v3": Family((8,), (*_CORES, 1024, 2048), "tpu-ubuntu2204-base"),
    "v4": Family(
        (8,), (16, 32, 64, *_CORES[1:], 1024, 2048), "tpu-ubuntu2204-base"
    ),
    "v5litepod": Family(
        (1, 4, 8), (16, 32, 64, 128, 256), "v2-alpha-tpuv5-lite"
    ),
    "v5p": Family((8,), (16, 32, 64, 128, 256, 512, 1024), "v2-alpha-tpuv5"),
    "v6e": Family((1, 4, 8), (16, 32, 64, 128, 256), "v2-alpha-tpuv6e"),
}
ONE_HOST = [f"{name}-{n}" for name, f in FAMILIES.items() for n in f.sizes]
SLICES = [f"{name}-{n}" for name, f in FAMILIES.items() for n in f.slices]
# Images whose hosts all run TensorFlow's servers, by its version. On a slice
# that is driven from its worker 0 it must be the very one that is locked.
SLICE_IMAGES = {
    "2.17.0": "tpu-vm-tf-2.17.0-pod-pjrt",
    "2.18.0": "tpu-vm-tf-2.18.0-pod-pjrt",
    "2.19.0": "tpu-vm-tf-2.19.0-pod-pjrt",
}
PLAIN = sorted({family.runtime for family in FAMILIES.values()})
_RUNTIME = re.compile(r"tpu-vm-tf-(\d+\.\d+\.\d+)(-pod)?(-pjrt)?")


def runtime_of(accelerator_type: str, runtime: str | None) -> str:
    """Returns the image for an accelerator.

    Args:
      accelerator_type: such as v5litepod-8.
      runtime: as the user names it; None for the accelerator's own.

    Raises:
      UserError: the accelerator or the image is not in the tables, they do
        not fit, or the accelerator has several hosts.
    """
    if accelerator_type not in (*ONE_HOST, *SLICES):
        raise UserError(
            f"--accelerator_type={accelerator_type!r} is none of"
            f" {', '.join(ONE_HOST)} (one host), nor a known slice;"
            f" {near(accelerator_type, [*ONE_HOST, *SLICES])}"
        )
    if accelerator_type in SLICES and TENSORFLOW not in SLICE_IMAGES:
        raise UserError(
            f"--accelerator_type={accelerator_type} has several hosts, which"
            f" need an image with TensorFlow {TENSORFLOW}, as"
            " launch/requirements-tpu.txt locks it; the known images have"
            f" {', '.join(SLICE_IMAGES)}. Name one host's, such as"
            f" {ONE_HOST[0]}"
        )
    own = FAMILIES[accelerator_type.partition("-")[0]].runtime
    if runtime is None or runtime == own:
        return own
    if _RUNTIME.fullmatch(runtime):
        raise UserError(
            f"--runtime_version={runtime} brings a TensorFlow of its own; name"
            f" the plain image, {own}, or leave it out"
        )
    if runtime in PLAIN:
        raise UserError(
            f"--runtime_version={runtime} is not for"
            f" --accelerator_type={accelerator_type}; name {own}, or leave it"
            " out"
        )
    raise UserError(
        f"--runtime_version={runtime!r} is none of {', '.join(PLAIN)};"
        f" {near(runtime, PLAIN)}"
    )
