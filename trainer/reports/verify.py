"""`strata verify WORKDIR`: whether what a run wrote is as it was written."""

import argparse
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.storage import json_files
from trainer.storage import staging
from trainer.storage.files import difference
from trainer.storage.json_files import DamagedError
from trainer.storage.names import MANIFEST
from trainer.workdir import checkpoints
from trainer.workdir import lines
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import Workdir
from trainer.workdir.schemas import Files
from trainer.workdir.schemas import SCHEMAS

WHOLE = "whole"
UNSEALED = "readable; an earlier version wrote it without a checksum"


class Finding(NamedTuple):
    """What is known of a file, or of a folder that has a manifest.

    Attributes:
      name: within the workdir.
      words: of how it stands.
      is_good: whether nothing is wrong with it.
    """

    name: str
    words: str
    is_good: bool


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        "strata verify",
        "Checks what a run wrote against its checksums: JSON files, lines,"
        " checkpoints and exports. Code 1 where something was altered.",
    )
    parser.workdir()
    return parser.parse_args(argv)


@verb
def main(argv: list[str]) -> int:
    """Prints a line a file or folder: its name, and how it stands.

    Returns:
      0, or 1 where something is not as it was written.

    Raises:
      UserError: the folder holds nothing of a run.
    """
    name = _parse(argv).workdir
    workdir = Workdir(staging.localize(name))
    findings = [
        *_of_json_files(workdir),
        *_of_lines(workdir),
        *_of_checkpoints(workdir),
        *_of_exports(workdir),
    ]
    if not findings:
        raise UserError(f"{name} holds no run; name a run's workdir")
    width = max(len(each.name) for each in findings)
    for each in findings:
        print(f"{each.name:{width}}  {each.words}")
    return 0 if all(each.is_good for each in findings) else 1


def _of_json_files(workdir: Workdir) -> Iterator[Finding]:
    for name in SCHEMAS:
        try:
            found = workdir.read_sealed(name)
        except FileNotFoundError:
            if name in ("config.json", "record.json") and _has_more(workdir):
                yield Finding(name, "missing", False)
        except (OSError, DamagedError) as error:
            yield Finding(name, f"refused: {error}", False)
        else:
            yield Finding(name, WHOLE if found.is_sealed else UNSEALED, True)


def _has_more(workdir: Workdir) -> bool:
    return workdir.checkpoints.exists()


def _of_lines(workdir: Workdir) -> Iterator[Finding]:
    is_over = (workdir / RESULT_FILE).exists()
    is_sealed = (workdir / lines.SUMS).exists()
    for name in (lines.METRICS, lines.TIMING):
        if not (workdir / name).exists() and not is_sealed:
            continue
        found = lines.read(workdir.path, name, is_over=is_over)
        told = f"{len(found.by_key)} lines, {WHOLE if is_sealed else UNSEALED}"
        if found.wrong:
            yield Finding(name, f"refused: {'; '.join(found.wrong)}", False)
        else:
            yield Finding(name, told, True)


def _of_checkpoints(workdir: Workdir) -> Iterator[Finding]:
    folder = workdir.checkpoints
    for step in checkpoints.steps_in(folder):
        path = checkpoints.path_of(folder, step)
        wrong = checkpoints.verify(path)
        # A run that goes on removes old ones.
        if not wrong or path.exists():
            yield _finding(f"checkpoints/{path.name}", wrong)
    scored = _scored_step(workdir)
    if scored is not None:
        path = checkpoints.path_of(folder, scored)
        if not path.exists():
            yield _finding(f"checkpoints/{path.name}", "it is gone")


def _scored_step(workdir: Workdir) -> int | None:
    """Returns the step of the weights that a finished run was scored by."""
    try:
        found = workdir.read_json(RESULT_FILE) or {}
    except UserError:
        return None  # told already
    if found.get("status") != "done":
        return None
    best: int | None = found.get("best_step")
    return found["step"] if best is None else best


def _of_exports(workdir: Workdir) -> Iterator[Finding]:
    for path in sorted((workdir / "export").glob("[0-9]*")):
        yield _finding(f"export/{path.name}", wrong_with_export(path))


def _finding(name: str, wrong: str | None) -> Finding:
    return Finding(name, f"refused: {wrong}" if wrong else WHOLE, not wrong)


def wrong_with_export(path: pathlib.Path) -> str | None:
    """Says what is wrong with an export, or returns None."""
    manifest = path / MANIFEST
    if not manifest.exists():
        # Of an earlier version, whose card has the sums of all but itself.
        manifest = path / "model_card.json"
    try:
        files = json_files.parse(manifest.read_bytes(), Files)["files"]
        return difference(path, files)
    except (OSError, DamagedError) as error:
        return f"its manifest or a file cannot be read ({error})"
