"""TPU VMs of one host: types of accelerator, and the images they start from.

cloud.google.com/tpu/docs/runtimes and
cloud.google.com/tpu/docs/supported-tpu-configurations, as of 2025-08.
"""

import argparse
import re
from typing import Any
from typing import NamedTuple

from trainer.launch.command_line import LauncherParser
from trainer.launch.gcp import names
from trainer.process.arguments import nearest
from trainer.process.exits import UserError


class Family(NamedTuple):
    """One generation of TPUs.

    Attributes:
      sizes: what follows the name in the type of an accelerator of one host.
      runtime: the plain Ubuntu image.
    """

    sizes: tuple[int, ...]
    runtime: str


FAMILIES = {
    "v2": Family((8,), "tpu-ubuntu2204-base"),
    "v3": Family((8,), "tpu-ubuntu2204-base"),
    "v4": Family((8,), "tpu-ubuntu2204-base"),
    "v5litepod": Family((1, 4, 8), "v2-alpha-tpuv5-lite"),
    "v5p": Family((8,), "v2-alpha-tpuv5"),
    "v6e": Family((1, 4, 8), "v2-alpha-tpuv6e"),
}
ONE_HOST = {
    f"{name}-{size}": family.runtime
    for name, family in FAMILIES.items()
    for size in family.sizes
}
PLAIN = sorted(set(ONE_HOST.values()))
_OWN_TENSORFLOW = re.compile(r"tpu-vm-tf-(\d+\.\d+\.\d+)(-pod)?(-pjrt)?")


def add_flags(parser: LauncherParser) -> None:
    """Adds the flags that TPU VMs alone have."""
    parser.flag(
        "--accelerator_type",
        "TYPE",
        "such as v5litepod-8 or v2-8; needed",
        required=True,
    )
    parser.flag(
        "--runtime_version",
        "IMAGE",
        "the accelerator's plain Ubuntu by default",
    )
    parser.flag(
        "--wait_hours",
        "H",
        "how long the request may wait in its queue; 6 by default",
        type=float,
        default=6.0,
    )


def machines_of(wanted: argparse.Namespace) -> dict[str, Any]:
    """Returns what those flags ask for, as fields of a request.

    Raises:
      UserError: one of them cannot be meant.
    """
    runtime = runtime_of(wanted.accelerator_type, wanted.runtime_version)
    return {
        "machine_type": wanted.accelerator_type,
        "image": (runtime, ""),
        "num_vms": 1,
        "wait_secs": names.seconds_of("--wait_hours", wanted.wait_hours),
    }


def runtime_of(accelerator_type: str, runtime: str | None) -> str:
    """Returns the image for an accelerator.

    Args:
      accelerator_type: such as v5litepod-8.
      runtime: as the user names it; None for the accelerator's own.

    Raises:
      UserError: the accelerator or the image is not in the tables, or they do
        not fit.
    """
    if accelerator_type not in ONE_HOST:
        raise UserError(
            f"--accelerator_type={accelerator_type!r} is none of"
            f" {', '.join(ONE_HOST)}, the TPUs of one host: several hosts are"
            " driven by TensorFlow's servers on each of them, which crash or"
            " hang in its last releases for TPUs (tensorflow#82208, #93618);"
            f" {nearest(accelerator_type, ONE_HOST) or 'name one of them'}"
        )
    own = ONE_HOST[accelerator_type]
    if runtime is None or runtime == own:
        return own
    if _OWN_TENSORFLOW.fullmatch(runtime):
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
        f" {nearest(runtime, PLAIN) or 'name one of them'}"
    )
