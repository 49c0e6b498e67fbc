"""Slurm's short form of host names, written out. Standard library alone.

`rack[1-2]-n[08-11]` stands for eight hosts, in the order that `scontrol show
hostnames` prints them.
"""

import itertools
import re

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
# A name's parts: brackets with what they hold, or plain text.
_PARTS = re.compile(r"\[([^][]+)\]|([^][,\s]+)")
# A comma between names, not one within brackets.
_BETWEEN = re.compile(r",(?![^\[]*\])")


def expand(text: str) -> list[str]:
    """Returns each host's name.

    Args:
      text: such as SLURM_STEP_NODELIST holds.

    Raises:
      ValueError: it is not of that form.
    """
    return [host for name in _BETWEEN.split(text) for host in _hosts(name)]


def _hosts(name: str) -> list[str]:
    parts = list(_PARTS.finditer(name))
    if not name or "".join(part[0] for part in parts) != name:
        raise ValueError(f"{name!r} is no host's name")
    choices = [_numbers(p[1]) if p[1] else [p[2]] for p in parts]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _numbers(ranges: str) -> list[str]:
    """Writes out `08-11,20`; a first zero says how wide the numbers are."""
    found = []
    for text in ranges.split(","):
        match = _RANGE.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no range of numbers")
        first, last = match[1], match[2] or match[1]
        found += [
            str(number).zfill(len(first))
            for number in range(int(first), int(last) + 1)
        ]
    return found
