"""`trainer.fit`: a run by a call, the same as the command's.

The process is another program's: what is set for training is set back, only
Ctrl-C is heard, and nothing ends the process.
"""

import contextlib
import itertools
import math
import os
import pathlib
import time
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from trainer import sources
from trainer.api import handed
from trainer.api import settings
from trainer.api.hushed import SilentDisplay
from trainer.api.run import Run
from trainer.config import Config
from trainer.devices import start
from trainer.journal.display import Display
from trainer.process.exits import DONE
from trainer.process.exits import UserError
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.reports import report
from trainer.storage.names import check_place
from trainer.storage.names import place
from trainer.train import preparation
from trainer.train.job import Asked
from trainer.train.job import Work
from trainer.workdir.location import open_location

YOUR_DATA = "your_data"


def fit(
    config: Config | str | os.PathLike | None = None,
    *,
    x: Any = None,
    y: Any = None,
    data: Any = None,
    test: Any = None,
    validation: Any = None,
    workdir: str | os.PathLike | None = None,
    init_from: str | os.PathLike | None = None,
    verbose: bool = True,
    overrides: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """Trains and scores a network, or goes on with a run that was stopped.

    Args:
      config: a `trainer.config.Config`, a file, or the name of a shipped one;
        "your_data" by default.
      x: training rows: numbers [rows, *shape], or a data frame.
      y: a label for each: numbers or names, [rows] or [rows, outputs].
      data: in place of both, a data frame or dict of columns with its labels
        in `target`, or else the last column; or what --data_dir names.
      test: held-out rows as they are given for training: (x, y), or a data
        frame beside `data`. By default a share is held out.
      validation: likewise, for choosing weights.
      workdir: the run's folder; by default a new one in runs/. The same call
        in the same folder goes on where it was stopped.
      init_from: workdir of another run, whose weights a new run begins with.
      verbose: whether to print what the command prints.
      overrides: fields of the config, by their dotted names.
      **fields: further ones: `epochs=5`, `model__hidden_units=(64,)`, or
        `hidden_units=(64,)` where one field alone ends so.

    Returns:
      The run. Where Ctrl-C stopped it, its `status` is "stopped", and the
      steps that it took are in a checkpoint.

    Raises:
      UserError: a mistake, in one line: before anything is written.
      OSError: the disk failed; or the workdir was removed or taken by another
        process meanwhile, and nothing was written there since.
      KeyboardInterrupt: Ctrl-C before the first step, or twice.

    Examples:
      >>> import trainer
      >>> run = trainer.fit("digits", epochs=5, verbose=False)
      >>> run.scores["test"]["accuracy"] > 0.9
      True
    """
    began_secs = time.monotonic()
    given, data_dir = handed.taken(x, y, data, test, validation)
    has_data = given is not None or data_dir is not None
    chosen = (YOUR_DATA if has_data else "digits") if config is None else config
    named = settings.resolved({**(overrides or {}), **fields})
    # A folder may also be what a config's own source reads, such as MNIST.
    if has_data and (given or settings.source_of(chosen) not in sources.READ):
        source = named.setdefault("data.source", "files")
        if given and source != "files":
            raise UserError(
                f"config.data.source={source!r} is no source of rows that are"
                " handed over; leave it out, or leave out the rows"
            )
    settled = settings.settled(chosen, named)
    stop = Stop()
    display = Display() if verbose else SilentDisplay()
    with (
        start.restored(),
        stop.interruptible(),
        display.shown(),
        _folder(workdir, chosen) as folder,
        open_location(folder, on_lost=stop.lose) as location,
    ):
        asked = Asked(
            config=settled,
            display=display,
            age_secs=lambda: time.monotonic() - began_secs,
        )
        work = preparation.prepare(
            asked,
            location,
            data_dir=data_dir,
            init_from=None if init_from is None else os.fspath(init_from),
            given=given,
        )
        code = None if work is None else _train(work, stop)
        if code == DONE and settled.log.report:
            report.write_at_the_end(location.folder)
        path = pathlib.Path(location.folder).expanduser()
        return Run(path, given, data_dir)


def _train(work: Work, stop: Stop) -> int:
    """Imports TensorFlow, and trains on the devices that it has."""
    with start.shared():
        import tensorflow as tf

        from trainer.devices import strategies
        from trainer.model import optimizers
        from trainer.train import training

        tf.config.list_physical_devices()
    strategies.grow_memory()
    strategies.check_compiler(work.config.jit_compile)
    with optimizers.precise(work.config.precision):
        return training.train(
            work,
            lambda: strategies.build("auto"),
            stop,
            # A process that is not the job's alone is never ended.
            Watchdog(least_secs=math.inf, first_secs=math.inf),
        )


@contextlib.contextmanager
def _folder(
    workdir: str | os.PathLike | None, config: Config | str | os.PathLike
) -> Iterator[str]:
    """Yields the folder of the run: the one given, or a new one.

    A new one is made, so that no call at the same time takes it, too; it goes
    again where nothing came of it.
    """
    if workdir is not None:
        check_place(os.fspath(workdir))
        yield place(os.fspath(workdir))
        return
    is_first = not os.path.exists("runs")
    stem = "fit" if isinstance(config, Config) else pathlib.Path(config).stem
    folder = next(
        path
        for path in (f"runs/{stem}_{n}" for n in itertools.count(1))
        if _make(path)
    )
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):  # by now it holds a run
            os.rmdir(folder)
            if is_first:
                os.rmdir("runs")
        raise


def _make(folder: str) -> bool:
    """Makes a folder; returns whether it was not there."""
    try:
        os.makedirs(folder)
    except FileExistsError:
        return False
    except OSError:  # told where the run is to be written
        return True
    return True
