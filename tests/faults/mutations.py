"""A workdir's files are altered, one at a time, and every reader looks at it.

Whatever is read must be what was written, or be told: never a traceback, never
another figure without a word. A run without checksums, as earlier versions
wrote them, cannot tell; of it no reader may end with a traceback.
"""

import contextlib
import dataclasses
import io
import json
import pathlib
import random
import shutil
import traceback
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

from tests import runs
from trainer.finished import trained_run
from trainer.launch.slurm import batch
from trainer.process.exits import UserError
from trainer.reports import checkpoints as listing
from trainer.reports import compare
from trainer.reports import report
from trainer.reports import verify
from trainer.serving import evaluate
from trainer.serving import export
from trainer.serving import predict
from trainer.storage.json_files import CHECKSUM
from trainer.workdir import attempt
from trainer.workdir import checkpoints
from trainer.workdir import lines
from trainer.workdir import schemas
from trainer.workdir.folder import Workdir

ODD: list[Any] = [
    None, True, -1, 0, 1.5, 1e308, 10**30, "", "x", "\ud800", "\x00\x1b[2J",
    [], [1], [[]], {}, {"a": None}, float("nan"), float("inf"), "9" * 5000,
]  # fmt: skip
# Of how many runs of an earlier version one attack is made.
OLD_SHARE = 0.05
# Of how many attacks every verb is run for one, whatever is read.
EVERY = 100
# Where a byte may differ and no value.
MAY_DIFFER = {
    *schemas.SCHEMAS,
    lines.SUMS,
    "manifest.json",
}
Verbs = dict[str, Callable[[], int]]


class Heard(NamedTuple):
    """How a verb ended.

    Attributes:
      code: its exit code.
      out: its standard output.
      told: its standard error.
    """

    code: int
    out: str
    told: str


class Subject:
    """A run that is attacked, and what its readers say of it.

    Attributes:
      workdir: of the run.
      files: that may be altered, by kind.
      is_sealed: whether it has checksums.
    """

    def __init__(
        self, workdir: pathlib.Path, other: pathlib.Path, table: pathlib.Path
    ) -> None:
        self.workdir, self._other, self._table = workdir, other, table
        self.is_sealed = (workdir / lines.SUMS).exists()
        self.files = [
            path
            for pattern in (
                *(["*.json", "*.jsonl"] * 4),
                "checkpoints/*/*",
                "export/*/*",
                "export/*/*/*",
            )
            for path in sorted(workdir.glob(pattern))
            if path.is_file()
        ]
        self.read = self.reading()
        self.heard = {name: hear(run) for name, run in self.verbs().items()}
        assert all(each.code == 0 for each in self.heard.values()), self.heard

    def verbs(self) -> Verbs:
        """Returns the verbs that read a workdir, ready to be run."""
        run = str(self.workdir)
        flags = [f"--workdir={run}"]
        rows = [*flags, f"--input={self._table}"]
        page = f"--output={self.workdir.parent / 'page.html'}"
        return {
            "verify": lambda: verify.main([run]),
            "checkpoints": lambda: listing.main([run, "--verify"]),
            "compare": lambda: compare.main([run, str(self._other)]),
            "report": lambda: report.main([run, page]),
            "evaluate": lambda: evaluate.main([*flags, "--format=json"]),
            "predict": lambda: predict.main(rows),
        }

    def reading(self) -> dict[str, Any]:
        """Returns all that verbs, a resume and a launcher read.

        Raises:
          UserError: something is refused.
        """
        workdir = Workdir(str(self.workdir))
        run = trained_run.read(str(self.workdir))
        config = workdir.read_config()
        assert config is not None
        workdir.check(config)
        workdir.check_data(
            run.record["data"]["fingerprint"], run.record["data"]["rows_sha256"]
        )
        newest = checkpoints.newest_good(workdir.checkpoints)
        assert newest is not None
        names = ("record", "result", "attempts", "detail", "metrics", "timing")
        return {
            **{name: getattr(run, name) for name in names},
            "config": dataclasses.asdict(config),
            "encoding": run.encoding,
            "starts": run.starts,
            "arrays": {k: v.tobytes() for k, v in run.arrays.items()},
            "state": checkpoints.read(newest)[1],
            "attempt": workdir.read_json(attempt.FILE),
            "slurm": batch.last_attempt(self.workdir),
        }


def hear(run: Callable[[], int]) -> Heard:
    """Runs a verb; returns how it ended."""
    out, told = io.BytesIO(), io.StringIO()
    # As a terminal's: half a surrogate cannot be written there.
    text = io.TextIOWrapper(out, "utf-8", write_through=True)
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(told):
        code = run()
    return Heard(code, out.getvalue().decode(), told.getvalue())


class Mutations:
    """Attacks on two runs: of this version, and of an earlier one."""

    def __init__(self, folder: pathlib.Path) -> None:
        own = folder / "own"
        if not own.exists():
            runs.train_on_flowers(own)
            assert export.main([f"--workdir={own / 'run'}"]) == 0
        run, table = own / "run", own / "rows.csv"
        text = (own / "flowers.csv").read_text().splitlines()
        table.write_text("\n".join(text[:9]) + "\n")
        for name in ("other", "old"):
            shutil.copytree(run, folder / name)
        unseal(folder / "old")
        self._new = Subject(run, folder / "other", table)
        self._old = Subject(folder / "old", folder / "other", table)

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Alters a file, has all readers look, and puts it back.

        Args:
          seed: tells what is altered, and how.

        Returns:
          The row of the table, the verdict, and what got through.
        """
        chance = random.Random(seed)
        is_old = chance.random() < OLD_SHARE
        subject = self._old if is_old else self._new
        path = chance.choice(subject.files)
        before = path.read_bytes()
        how, data = altered(before, path, chance)
        name = path.relative_to(subject.workdir).parts
        row = f"{name[0]}{'/…' if name[1:] else ''}, {how}"
        if is_old:
            row = f"of an earlier version, {how}"
        if data == before:
            return row, "no difference", ""
        path.write_bytes(data)
        try:
            is_whole = not chance.randrange(EVERY)
            return row, *judge(subject, path, is_whole=is_whole)
        finally:
            path.write_bytes(before)


def judge(
    subject: Subject, path: pathlib.Path, *, is_whole: bool
) -> tuple[str, str]:
    """Has readers look at an altered run.

    Args:
      subject: the run.
      path: of the altered file.
      is_whole: whether all verbs are run, though they read nothing new.

    Returns:
      The verdict, and what got through.
    """
    verdict, told = "read as written", io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            read = subject.reading()
        if read != subject.read:
            verdict = "left out and told" if told.getvalue() else "read anew"
    except UserError as error:
        verdict = "refused"
        if "\n" in str(error).strip():
            return verdict, f"{error!r} is no single line"
    except BaseException:
        return verdict, traceback.format_exc()
    if verdict == "read anew" and subject.is_sealed:
        return verdict, "other values were read without a word"
    for name, run in subject.verbs().items():
        is_quick = name in ("verify", "checkpoints", "compare")
        if is_whole or is_quick or verdict == "read anew":
            try:
                heard = hear(run)
            except BaseException:
                return verdict, f"{name}: {traceback.format_exc()}"
            if wrong := _wrong_with(subject, path, name, heard):
                return verdict, f"{name}: {wrong}"
    return verdict, ""


def _wrong_with(
    subject: Subject, path: pathlib.Path, name: str, heard: Heard
) -> str:
    """Says what is wrong with how a verb ended; "" where nothing is."""
    if heard.code == 2 and len(heard.told.splitlines()) != 1:
        return f"{heard.told!r} is no single line"
    if heard.code not in (0, 1, 2):
        return f"exit code {heard.code}"
    if not subject.is_sealed:
        return ""
    if name == "verify" and path.name not in MAY_DIFFER and not heard.code:
        return "not seen"
    if name == "verify" or (name == "checkpoints" and "manifest" in path.name):
        return ""  # it tells sizes, and a manifest may have other blanks
    is_silent = heard.code == 0 and heard.told == ""
    if is_silent and heard.out != subject.heard[name].out:
        return "another output without a word"
    return ""


def altered(
    data: bytes, path: pathlib.Path, chance: random.Random
) -> tuple[str, bytes]:
    """Returns how a file's bytes were altered, and what they are now."""
    ways = ["flip", "flip", "cut", "grow", "swap"]
    if path.suffix in (".json", ".jsonl"):
        ways += ["value"] * 4
    how = chance.choice(ways)
    if how == "value":
        return how, _with_odd_value(data, path, chance)
    place, content = chance.randrange(len(data) or 1), bytearray(data)
    if how == "flip":
        for _ in range(chance.choice([1, 1, 2, 9])):
            content[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif how == "cut":
        size = chance.choice([1, 9, len(data)])
        del content[place : place + size]
    elif how == "grow":
        more = chance.choice([b"\0", b"\n", b"\xff\xfe", data[place:]])
        content[place:place] = more * chance.choice([1, 3])
    else:
        size = chance.choice([1, 8, 64])
        other = chance.randrange(len(data))
        first, second = data[place : place + size], data[other : other + size]
        content[place : place + size] = second
        content[other : other + size] = first
    return how, bytes(content)


def _with_odd_value(
    data: bytes, path: pathlib.Path, chance: random.Random
) -> bytes:
    """Replaces a value of JSON, drops it, or nests it deeply."""
    is_lines = path.suffix == ".jsonl"
    texts = data.decode().splitlines() if is_lines else [data.decode()]
    number = chance.randrange(len(texts))
    value = json.loads(texts[number])
    holder, key = chance.choice([*_places(value)])
    way = chance.randrange(8)
    if way == 0:
        del holder[key]
    elif way == 1:
        for _ in range(chance.choice([40, 900])):
            holder[key] = [holder[key]]
    elif way == 2 and isinstance(holder, dict):
        holder[chance.choice(["x", "\ud800", ""])] = holder.pop(key)
    else:
        holder[key] = chance.choice(ODD)
    texts[number] = json.dumps(value, indent=None if is_lines else 2)
    return ("\n".join(texts) + "\n" * is_lines).encode()


def _places(value: Any):  # type: ignore[no-untyped-def]
    """Yields (holder, key) of each value in a value of JSON."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def unseal(workdir: pathlib.Path) -> None:
    """Makes a run what an earlier version would have written."""
    (workdir / lines.SUMS).unlink()
    for path in workdir.glob("*.json"):
        values = json.loads(path.read_text())
        values.pop(CHECKSUM, None)
        path.write_text(json.dumps(values, indent=2))
