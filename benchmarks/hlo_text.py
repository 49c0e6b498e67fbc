"""What XLA's text of a program tells; standard library alone."""

import re

# NAME = SHAPE OPERATION(...: a tuple's shape stands in parentheses.
_INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?[\w.-]+ = (\(.*?\)|\S+) ([a-z][\w-]*)\(", re.MULTILINE
)
_CALL = re.compile(r'custom_call_target="([^"]*)"')
_DYNAMIC_OPERATIONS = ("dynamic-reshape", "set-dimension-size")


def operations(text: str) -> list[str]:
    """Returns the kind of each operation."""
    return [kind for _, kind in _INSTRUCTION.findall(text)]


def foreign_calls(text: str) -> list[str]:
    """Names the calls to code outside of XLA, of which TPUs know few."""
    return sorted(set(_CALL.findall(text)))


def dynamic_shapes(text: str) -> list[str]:
    """Names the operations whose shape is known only as they run."""
    return sorted(
        f"{kind} {shape}"
        for shape, kind in set(_INSTRUCTION.findall(text))
        if "<=" in shape or kind in _DYNAMIC_OPERATIONS
    )
