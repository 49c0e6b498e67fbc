"""The lines of metrics.jsonl and timing.jsonl, each held against its sum.

`sums.jsonl` has a line for each (step, split), written before the two that it
is of, with the first digits of their SHA-256. Workdirs of earlier versions
have none, and their lines are taken as they are.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
from typing import Any

from trainer.process.exits import tell
from trainer.storage.files import write_atomically
from trainer.storage.json_files import check
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import parse
from trainer.workdir import schemas

METRICS, TIMING, SUMS = "metrics.jsonl", "timing.jsonl", "sums.jsonl"
SUM_DIGITS = 16
MOST_TOLD = 3
_SCHEMAS: dict[str, Any] = {
    METRICS: schemas.MetricsLine,
    TIMING: schemas.TimingLine,
    SUMS: schemas.SumsLine,
}
Key = tuple[int, str]


@dataclasses.dataclass
class Lines:
    """What a file of lines holds.

    Attributes:
      path: of the file.
      by_key: {(step, split): (the line's value, its bytes without the end)},
        in the file's order; what is damaged is left out.
      wrong: what is, in words.
    """

    path: pathlib.Path
    by_key: dict[Key, tuple[dict[str, Any], bytes]] = dataclasses.field(
        default_factory=dict
    )
    wrong: list[str] = dataclasses.field(default_factory=list)

    @property
    def values(self) -> list[dict[str, Any]]:
        """The lines' values."""
        return [value for value, _ in self.by_key.values()]

    def tell(self) -> None:
        """Says in a line what is wrong, if anything is."""
        if not self.wrong:
            return
        told = "; ".join(self.wrong[:MOST_TOLD])
        more = len(self.wrong) - MOST_TOLD
        rest = f"; and {more} more" if more > 0 else ""
        tell(
            f"{self.path} is damaged, and what is wrong left out: {told}{rest}"
        )

    def keep_aside(self) -> None:
        """Copies the file as it is, before it is written anew without them."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        with contextlib.suppress(FileNotFoundError):
            write_atomically(aside, self.path.read_bytes())


def sum_of(line: bytes) -> str:
    """Returns what sums.jsonl says of a line, given without its end."""
    return hashlib.sha256(line).hexdigest()[:SUM_DIGITS]


def read(
    folder: pathlib.Path,
    name: str,
    *,
    is_over: bool = False,
    last_step: int | None = None,
) -> Lines:
    """Reads a file's lines, and those that are damaged in words.

    Args:
      folder: the workdir.
      name: METRICS or TIMING.
      is_over: whether nobody writes there, so that no line is on its way.
      last_step: what stands from a line of a later step on is left out
        without a word.
    """
    found = _parsed(folder / name, is_over, last_step)
    if not (folder / SUMS).exists():
        return found
    sums = _parsed(folder / SUMS, is_over, last_step)
    expected = {
        key: value[name]
        for key, (value, _) in sums.by_key.items()
        if value[name] is not None
    }
    # Its line may not be written yet.
    newest = None if is_over else next(reversed(expected), None)
    # The final scores' lines are of an earlier step than those before them.
    is_past_sums = False
    for key in [*found.by_key]:
        if expected.get(key) == sum_of(found.by_key[key][1]):
            is_past_sums |= key == newest
            continue
        del found.by_key[key]
        # The sums of a bucket may be a little older than the lines.
        if key in expected or not is_past_sums:
            words = "was altered" if key in expected else "has no sum"
            found.wrong.append(f"the line of {_name(key)} {words}")
            expected.pop(key, None)
    for key in expected.keys() - found.by_key.keys() - {newest}:
        found.wrong.append(f"the line of {_name(key)} is missing")
    found.wrong += [f"{SUMS}: {words}" for words in sums.wrong]
    return found


def _name(key: Key) -> str:
    step, split = key
    return f"step {step}, {split if split.isprintable() else repr(split)}"


def _parsed(path: pathlib.Path, is_over: bool, last_step: int | None) -> Lines:
    """Reads the lines that are of the file's schema."""
    found, data = Lines(path), b""
    with contextlib.suppress(FileNotFoundError):
        data = path.read_bytes()
    *whole, torn = data.split(b"\n")
    for number, line in enumerate(whole, 1):
        try:
            value = _value_of(line, path.name)
        except DamagedError as error:
            found.wrong.append(f"line {number}: {error}")
            continue
        key = (value["step"], value["split"])
        if last_step is not None and key[0] > last_step:
            # What follows was written later, the final scores of an earlier
            # step with it.
            break
        if key in found.by_key:
            found.wrong.append(f"line {number} is a second of {_name(key)}")
        else:
            found.by_key[key] = (value, line)
    # Killed while it was written, where it is not to this moment.
    if torn and is_over:
        found.wrong.append(f"line {len(whole) + 1} is torn")
    return found


def _value_of(line: bytes, name: str) -> dict[str, Any]:
    value: dict[str, Any] = parse(line, _SCHEMAS[name])
    if name != SUMS:
        numbers = {k: v for k, v in value.items() if k != "split"}
        check(numbers, dict[str, int | float])
    return value
