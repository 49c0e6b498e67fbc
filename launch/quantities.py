"""Amounts as Kubernetes writes them.

kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
"""

import re
from fractions import Fraction

from trainer.process.exits import UserError

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
