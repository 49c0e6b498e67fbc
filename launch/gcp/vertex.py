"""Machines and images of Vertex AI's jobs.

cloud.google.com/vertex-ai/docs/training/configure-compute; the names of
accelerators are those that gcloud 528 knows.
"""

import argparse
import re
from typing import Any

from trainer.launch.command_line import LauncherParser
from trainer.launch.gcp import gpus
from trainer.launch.gcp import names
from trainer.process.arguments import nearest
from trainer.process.exits import UserError

# What machines with GPUs of their own have, which Vertex AI wants told.
_OWN = {
    "g2-standard": "NVIDIA_L4",
    "a2-highgpu": "NVIDIA_TESLA_A100",
    "a2-megagpu": "NVIDIA_TESLA_A100",
    "a2-ultragpu": "NVIDIA_A100_80GB",
    "a3-highgpu": "NVIDIA_H100_80GB",
    "a3-megagpu": "NVIDIA_H100_MEGA_80GB",
    "a3-ultragpu": "NVIDIA_H200_141GB",
    "a4-highgpu": "NVIDIA_B200",
}
_ADDED = (
    "NVIDIA_TESLA_P100",
    "NVIDIA_TESLA_V100",
    "NVIDIA_TESLA_P4",
    "NVIDIA_TESLA_T4",
)
_NETWORK = re.compile(r"projects/[^/]+/global/networks/[^/]+")
_TENSORBOARD = re.compile(r"projects/[^/]+/locations/[^/]+/tensorboards/[^/]+")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*(@sha256:[0-9a-f]{64})?")
# Google's prebuilt images, such as tf-gpu.2-17.py310; older ones say no Python.
_PREBUILT = re.compile(
    r".*-docker\.pkg\.dev/vertex-ai/training/[^:]*?(?:\.[a-z]+(3)(\d+))?(:.*)?"
)
# What is in an image: Strata, or what installs it.
CONTAINER, EXECUTOR = "container", "executor"


def add_flags(parser: LauncherParser) -> None:
    """Adds the flags that jobs of Vertex AI alone have."""
    add = parser.flag
    add("--region", "REGION", "where; needed", required=True)
    add(
        "--machine_type",
        "TYPE",
        "such as g2-standard-8 (L4) or n1-standard-8; needed",
        required=True,
    )
    add(
        "--accelerator",
        "TYPE",
        "GPUs that an n1 machine gets, such as type=NVIDIA_TESLA_T4,count=2",
    )
    gpus.add_size(parser, "--replicas")
    add("--image", "IMAGE", "that holds Strata, as launch/Dockerfile makes it")
    add(
        "--executor_image",
        "IMAGE",
        "in place of it, one of Google's prebuilt images of Python 3.11 or"
        " newer, into which the code of the commit is installed",
    )
    add(
        "--network",
        "NAME",
        "projects/NUMBER/global/networks/NAME to be peered with; none by"
        " default",
    )
    add(
        "--tensorboard",
        "NAME",
        "projects/P/locations/R/tensorboards/N, which shows the curves; needs"
        " --service_account",
    )


def machines_of(wanted: argparse.Namespace) -> dict[str, Any]:
    """Returns what those flags ask for, as fields of a request.

    Raises:
      UserError: one of them cannot be meant.
    """
    accelerator, count = _gpus_of(wanted.machine_type, wanted.accelerator)
    gpus.warn_of(wanted.machine_type)
    if wanted.replicas > gpus.MOST_VMS:
        raise UserError(
            f"--replicas={wanted.replicas} must be {gpus.MOST_VMS} or fewer"
        )
    if not 100 <= wanted.disk_gb <= 64000:
        raise UserError(f"--disk_gb={wanted.disk_gb} must be from 100 to 64000")
    for flag, form, text in (
        ("network", _NETWORK, "projects/NUMBER/global/networks/NAME"),
        ("tensorboard", _TENSORBOARD, "projects/P/locations/R/tensorboards/N"),
    ):
        value = getattr(wanted, flag)
        if value is not None and not form.fullmatch(value):
            raise UserError(f"--{flag}={value!r} must be {text}")
    if wanted.tensorboard and not wanted.service_account:
        raise UserError(
            "--tensorboard needs --service_account=EMAIL, by which Vertex AI"
            " writes to it; add that, or leave --tensorboard out"
        )
    return {
        "zones": (names.region_of(wanted.region),),
        "machine_type": wanted.machine_type,
        "image": _image_of(wanted),
        "num_vms": wanted.replicas,
        "disk_gb": wanted.disk_gb,
        "gpus": count,
        "accelerator": accelerator,
        "network": wanted.network,
        "tensorboard": wanted.tensorboard,
    }


def _gpus_of(
    machine_type: str, accelerator: str | None
) -> tuple[str | None, int]:
    """Returns the GPUs of a machine; a job of Vertex AI may have none."""
    own = _OWN.get("-".join(machine_type.split("-")[:2]))
    if own is not None:
        return own, gpus.gpus_of(machine_type, accelerator).count
    if accelerator is None:
        return None, 0
    match = re.fullmatch(
        r"(?:type=)?([A-Z0-9_]+)(?:,count=([1-9]\d?))?", accelerator
    )
    if not match:
        raise UserError(
            f"--accelerator={accelerator!r} must be TYPE or type=TYPE,count=N,"
            " such as type=NVIDIA_TESLA_T4,count=2"
        )
    known = (*_ADDED, *_OWN.values())
    if match[1] not in known:
        remedy = nearest(match[1], known) or "name one of them"
        raise UserError(
            f"--accelerator={accelerator!r} is none of"
            f" {', '.join(dict.fromkeys(known))}; {remedy}"
        )
    return match[1], int(match[2] or 1)


def _image_of(wanted: argparse.Namespace) -> tuple[str, str]:
    """Returns an image, and whether Strata is in it.

    Raises:
      UserError: there is none, or one that cannot run it.
    """
    given = {CONTAINER: wanted.image, EXECUTOR: wanted.executor_image}
    chosen = {use: image for use, image in given.items() if image}
    if len(chosen) != 1:
        raise UserError(
            "--image=IMAGE that holds Strata (launch/Dockerfile makes it), or"
            " else --executor_image=IMAGE, must be given, and not both"
        )
    ((use, image),) = chosen.items()
    flag = "--image" if use == CONTAINER else "--executor_image"
    if not _IMAGE.fullmatch(image):
        raise UserError(
            f"{flag}={image!r} must be HOST/NAME[:TAG][@sha256:DIGEST], in"
            " small letters"
        )
    match = _PREBUILT.fullmatch(image)
    if match and use == CONTAINER:
        raise UserError(
            f"--image={image} is one of Google's and holds no Strata; name it"
            " by --executor_image"
        )
    if match and int(match[2] or 0) < 11:
        raise UserError(
            f"--executor_image={image} has a Python before 3.11, which Strata"
            " needs: of Google's TensorFlow images the newest is tf-gpu.2-17"
            " with Python 3.10; name one whose name ends with .py311 or later,"
            " or make launch/Dockerfile and name it by --image"
        )
    return image, use
