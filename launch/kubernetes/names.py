"""Names, paths and amounts in the forms that Kubernetes takes.

kubernetes.io/docs/concepts/overview/working-with-objects/names and
kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
"""

import re
from collections.abc import Iterable
from fractions import Fraction

from trainer.launch.command_line import LABEL_CHARS
from trainer.launch.kubernetes.request import Volume
from trainer.process.exits import UserError
from trainer.storage.names import is_remote

SUBDOMAIN_CHARS = 253
# RFC 1123.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
# github.com/distribution/reference: [host[:port]/]path[:tag][@digest].
_IMAGE = re.compile(
    r"([A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?(:[0-9]+)?/)?"
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:\w[\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
# An image's own, which a volume would hide.
_SYSTEM_FOLDERS = ("/bin", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")
_UNITS_BYTES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def check_label(flag: str, value: str | None) -> None:
    """Checks the name of something else in the cluster; None is none.

    Raises:
      UserError: it is of another form.
    """
    if value is None:
        return
    if not _LABEL.fullmatch(value) or len(value) > LABEL_CHARS:
        raise UserError(
            f"{flag}={value!r} must be {LABEL_CHARS} or fewer of a-z, 0-9 and"
            " -, and neither begin nor end with -"
        )


def has_digest(flag: str, image: str) -> bool:
    """Says whether an image's name can only ever mean the same image.

    Raises:
      UserError: it is no image's name.
    """
    match = _IMAGE.fullmatch(image)
    if not match:
        raise UserError(
            f"{flag}={image!r} must be [HOST/]NAME[:TAG][@sha256:DIGEST], the"
            " name in small letters"
        )
    return match["digest"] is not None


def volume_of(
    flag: str, text: str | None, own_folders: Iterable[str]
) -> Volume | None:
    """Reads CLAIM:PATH; None is none.

    Args:
      flag: that gave it.
      text: to read.
      own_folders: that go with a pod. One that is mounted within a volume has
        what is written there go with the pod, too.

    Raises:
      UserError: it is of another form, or would hide the image's own folders,
        or a pod's own would hide it.
    """
    if text is None:
        return None
    claim, _, path = text.partition(":")
    if not _SUBDOMAIN.fullmatch(claim) or len(claim) > SUBDOMAIN_CHARS:
        raise UserError(
            f"{flag}={text!r} must be CLAIM:PATH, CLAIM the name of a"
            " PersistentVolumeClaim (a-z, 0-9, - and .)"
        )
    parts = path.split("/")[1:]
    is_whole = path.startswith("/") and all(parts) and ":" not in path
    if not is_whole or {".", ".."} & set(parts):
        raise UserError(
            f"{flag}={text!r} must be CLAIM:PATH, PATH a whole path such as"
            " /shared"
        )
    if any(_is_within(path, folder) for folder in _SYSTEM_FOLDERS):
        raise UserError(
            f"{flag}={text!r} would hide a folder of the image; mount it"
            " elsewhere, such as at /shared"
        )
    for folder in own_folders:
        if _is_within(folder, path):
            raise UserError(
                f"{flag}={text!r} must not hold {folder}, which goes with its"
                " pod; mount it elsewhere, such as at /shared"
            )
    return Volume(claim, path)


def check_workdir(workdir: str, volume: Volume | None) -> None:
    """Checks that all pods see a workdir, and those that are made later.

    Raises:
      UserError: it would be a folder of one pod.
    """
    if is_remote(workdir):
        return
    if volume is None:
        raise UserError(
            f"--volume=CLAIM:PATH is missing, and --workdir={workdir} would be"
            " lost with its pod; name a claim that all pods share, or a workdir"
            " on gs://"
        )
    if not _is_within(workdir, volume.path) or ".." in workdir.split("/"):
        raise UserError(
            f"--workdir={workdir} must be within {volume.path}, where --volume"
            " is mounted"
        )


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def cores_of(flag: str, text: str) -> Fraction:
    """Reads cores, such as 4, 0.5 or 500m.

    Raises:
      UserError: it is no such amount, or none.
    """
    match = re.fullmatch(r"(\d{1,6})(m?)|\d{1,6}\.\d{1,3}", text, re.ASCII)
    if not match or not (cores := Fraction(text.removesuffix("m"))):
        raise UserError(f"{flag}={text!r} must be cores, such as 4 or 500m")
    return cores / 1000 if match[2] else cores


def bytes_of(flag: str, text: str) -> int:
    """Reads an amount of memory, such as 4Gi or 512M.

    Raises:
      UserError: it is no such amount.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)([A-Za-z]*)", text, re.ASCII)
    if not match or match[2] not in _UNITS_BYTES:
        near = {unit.lower(): unit for unit in _UNITS_BYTES}
        unit = match[2].lower().removesuffix("b") if match else ""
        meant = f"{match[1]}{near[unit]}" if match and unit in near else "4Gi"
        raise UserError(
            f"{flag}={text!r} must be a number and one of"
            f" {', '.join(filter(None, _UNITS_BYTES))}; did you mean {meant}?"
        )
    return int(Fraction(match[1]) * _UNITS_BYTES[match[2]])
