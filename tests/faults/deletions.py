"""A run saves and removes checkpoints without rest while readers look.

Whatever is asked for is read whole, from the checkpoint that is there by then.
"""

import json
import pathlib
import random
import shutil
import threading
import traceback
from collections.abc import Callable

from tests.faults.mutations import hear
from trainer.config import CheckpointConfig
from trainer.finished import trained_run
from trainer.reports import checkpoints as listing
from trainer.reports import verify
from trainer.storage.names import step_of
from trainer.workdir import checkpoints

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "workdir_3642b00"
# As a run that selects by a metric does, now and then.
NEW_BEST_SHARE = 0.3


class Deletions:
    """Looks at a run that goes on."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._workdir = folder / "run"
        shutil.copytree(GOLDEN, self._workdir)
        (self._workdir / "result.json").unlink()
        self._folder = self._workdir / "checkpoints"
        (first,) = self._folder.iterdir()
        self._step = int(first.name.removeprefix("step_"))
        self._model = (first / "model.keras").read_bytes()
        self._arrays, self._state = checkpoints.read(first)
        self._saver = checkpoints.Saver(
            self._folder, CheckpointConfig(keep=1), self._save_model
        )
        state = {**self._state, "step": self._step, "best_step": self._step}
        checkpoints.write(
            self._folder, self._step, self._arrays, state, self._save_model
        )
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the run."""
        self._done.set()
        self._thread.join()
        self._saver.close()

    def _save_model(self, path: pathlib.Path, arrays: object) -> None:
        path.write_bytes(self._model)

    def _run(self) -> None:
        chance, best_step = random.Random(0), None
        while not self._done.is_set():
            self._step += 1
            if best_step is None or chance.random() < NEW_BEST_SHARE:
                best_step = self._step
            state = {**self._state, "step": self._step, "best_step": best_step}
            self._saver.save(self._step, self._arrays, state, best_step)

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Looks once; as `Mutations.attack`."""
        run = str(self._workdir)
        looks: dict[str, Callable[[], str]] = {
            "checkpoints --verify": lambda: _of_verb(
                lambda: listing.main([run, "--verify", "--contents"])
            ),
            "verify": lambda: _of_verb(lambda: verify.main([run])),
            "read the scored ones": lambda: self._read(None),
            "read the last": lambda: self._read("last"),
            "read the best": lambda: self._read("best"),
            "go on from the newest": self._newest,
        }
        name = random.Random(seed).choice([*looks])
        try:
            return name, "right", looks[name]()
        except BaseException:
            return name, "", traceback.format_exc()

    def _read(self, wanted: str | None) -> str:
        run = trained_run.read(str(self._workdir), wanted)
        same = all(
            (run.arrays[name] == array).all()
            for name, array in self._arrays.items()
        )
        return "" if same else "other arrays"

    def _newest(self) -> str:
        path, _, state = checkpoints.load(self._folder, "last", falls_back=True)
        told = json.dumps(state)
        return "" if state["step"] == step_of(path.name) else told


def _of_verb(run: Callable[[], int]) -> str:
    heard = hear(run)
    return "" if heard.code == 0 else f"{heard}"
