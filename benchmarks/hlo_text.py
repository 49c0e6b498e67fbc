"""What XLA's text of a program tells; standard library alone."""

import re

# NAME = SHAPE OPERATION(...: a tuple's shape stands in parentheses.
_INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?[\w.-]+ = (\(.*?\)|\S+) ([a-z][\w-]*)\(", re.MULTILINE
)
_CALL = re.compile(r'custom_call_target="([^"]*)"')
_DYNAMIC_OPERATIONS = ("dynamic-reshape", "set-dimension-size")
_ROOT = re.compile(
    r"^  ROOT (?P<name>%\S+) = (?P<shape>\(.*?\)) tuple\((?P<results>.*?)\).*$",
    re.MULTILINE,
)
_RESULT = re.compile(r"(f32\[[\d,]*\](?:\{[\d,]*\})?) (%[\w.-]+)")
_ADDITION = """\
%added (added_a: f32[], added_b: f32[]) -> f32[] {
  %added_a = f32[] parameter(0)
  %added_b = f32[] parameter(1)
  ROOT %sum = f32[] add(f32[] %added_a, f32[] %added_b)
}
"""


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


def summed_over(text: str, replicas: int) -> str:
    """Adds a sum over all replicas to each float32 result of a program.

    Args:
      text: of a program whose root is a tuple.
      replicas: that run it.
    """
    head, entry = text.split("\nENTRY ", 1)
    root = _ROOT.search(entry)
    assert root is not None
    everyone = "{{" + ",".join(map(str, range(replicas))) + "}}"
    lines, results = [], []
    for i, (shape, name) in enumerate(_RESULT.findall(root["results"])):
        lines.append(
            f"  %summed.{i} = {shape} all-reduce({shape} {name}),"
            f" replica_groups={everyone}, to_apply=%added"
        )
        results.append(f"{shape} %summed.{i}")
    last = (
        f"  ROOT {root['name']} = {root['shape']} tuple({', '.join(results)})"
    )
    entry = entry.replace(root[0], "\n".join([*lines, last]))
    return f"{head}\n\n{_ADDITION}\nENTRY {entry}"
