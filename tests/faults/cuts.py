"""The power is cut while a run writes; what is left must be old or new, whole.

A run is trained to its end, then for longer, then exported, on a disk that
records. Each attack cuts the power at a random moment and looks at what a
legal disk may hold by then.
"""

import contextlib
import io
import pathlib
import random
import shutil
import traceback

from tests.faults import disk
from trainer import task
from trainer.config import Config
from trainer.process.exits import UserError
from trainer.reports import verify
from trainer.serving import export
from trainer.storage import json_files
from trainer.storage.json_files import DamagedError
from trainer.workdir import checkpoints
from trainer.workdir import lines
from trainer.workdir.folder import Workdir
from trainer.workdir.schemas import SCHEMAS

FLAGS = (
    "--config=digits",
    "--config.model.hidden_units=8",
    "--config.checkpoint.every_steps=7",
    "--config.checkpoint.keep=2",
    "--config.evaluation.select_by=accuracy",
    "--config.log.every_steps=5",
    "--config.log.tensorboard=False",
    "--config.log.report=False",
)
EPOCHS = (1, 2)


class Cuts:
    """Cuts the power of a run that is trained, trained longer and exported."""

    def __init__(self, folder: pathlib.Path, *, exports: bool = True) -> None:
        self._place = folder / "after"
        self._disk = disk.Disk(folder / "disk")
        (folder / "disk").mkdir()
        run = folder / "disk" / "runs" / "run"
        self._configs: list[Config] = []
        with self._disk.recorded():
            for epochs in EPOCHS:
                flags = [*FLAGS, f"--config.epochs={epochs}"]
                assert task.main([*flags, f"--workdir={run}"]) == 0
                config = Workdir(str(run)).read_config()
                assert config is not None
                self._configs.append(config)
            if exports:
                assert export.main([f"--workdir={run}"]) == 0
        self._lines = {
            name: lines.read(run, name, is_over=True).by_key
            for name in (lines.METRICS, lines.TIMING)
        }
        self._final = checkpoints.steps_in(run / "checkpoints")[-1]
        self._saved = self._commits()

    def _commits(self) -> list[tuple[int, int]]:
        """Returns (operations, step) of each checkpoint that was promised."""
        found: list[tuple[int, int]] = []
        renamed: dict[int, int] = {}
        for place, each in enumerate(self._disk.operations, 1):
            if isinstance(each, disk.Linked):
                for folder, name, node in each.entries:
                    if node and name.startswith("step_"):
                        renamed[folder] = int(name.removeprefix("step_"))
            elif isinstance(each, disk.Synced) and each.node in renamed:
                found.append((place, renamed.pop(each.node)))
        return found

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Cuts the power once; as `Mutations.attack`."""
        chance = random.Random(seed)
        end = chance.randrange(len(self._disk.operations) + 1)
        tree = self._disk.cut(chance, end)
        shutil.rmtree(self._place, ignore_errors=True)
        disk.lay_out(tree, self._place)
        run = self._place / "runs" / "run"
        promised = [step for place, step in self._saved if place <= end]
        row = "cut before a checkpoint" if not promised else "cut later"
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told):
                verdict, failure = self._recover(run, max(promised, default=0))
        except BaseException:
            return row, "", traceback.format_exc()
        if "refused" in told.getvalue() and not failure:
            failure = told.getvalue()
        return row, verdict, failure

    def _recover(self, run: pathlib.Path, promised: int) -> tuple[str, str]:
        """Does what a start does; returns a verdict, and what is wrong."""
        if wrong := _damaged_file(run):
            return "", wrong
        path = checkpoints.newest_good(run / "checkpoints")
        step = int(path.name.removeprefix("step_")) if path else 0
        if step < promised:
            return "", f"step {promised} was promised, and {step} is there"
        workdir = Workdir(str(run))
        for config in self._configs:
            with contextlib.suppress(UserError):  # the longer one's workdir
                if workdir.check(config) and (lost := self._lost(run, config)):
                    return "", f"it is said to be done: {lost}"
        if path and (lost := self._lost_until(run, step)):
            return "", lost
        return f"goes on from {'a checkpoint' if step else 'nothing'}", ""

    def _lost(self, run: pathlib.Path, config: Config) -> str:
        """Says what a run that is done for this config lacks."""
        last = self._final if config.epochs == EPOCHS[-1] else 0
        if last and not (run / "checkpoints" / f"step_{last:08d}").exists():
            return "its last checkpoint is missing"
        return self._lost_until(run, last)

    def _lost_until(self, run: pathlib.Path, step: int) -> str:
        """Says which lines until a step are not as the run wrote them."""
        for name, expected in self._lines.items():
            found = lines.read(run, name, last_step=step)
            wanted = {key for key in expected if key[0] <= step}
            # The final scores come after the last checkpoint.
            if not (run / "result.json").exists():
                wanted = {key for key in wanted if key[1] != "test"}
            for key in wanted:
                if found.by_key.get(key) is None:
                    return f"{name} lacks {key}; {found.wrong}"
                if name == lines.METRICS and found.by_key[key] != expected[key]:
                    return f"{name} has another line of {key}"
        return ""


def _damaged_file(run: pathlib.Path) -> str:
    """Says which file that has its own name is not whole; "" if none."""
    for name, schema in SCHEMAS.items():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            try:
                json_files.read(run / name, schema)
            except DamagedError as error:
                return f"{name}: {error}"
    for path in [
        *run.glob("checkpoints/step_*"),
        *run.glob("export/[0-9]*"),
    ]:
        is_export = path.parent.name == "export"
        check = verify.wrong_with_export if is_export else checkpoints.verify
        if wrong := check(path):
            return f"{path.name}: {wrong}"
    return ""
