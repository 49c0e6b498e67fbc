"""The door of several runs whose networks train side by side.

  python -m trainer.api.side_by_side WORDS + WORDS + WORDS

WORDS are each run's own words of `python -m trainer.task`. Runs of one shape
train as one program; one that has none of its shape trains alone.
"""

import itertools
import os
import sys
from collections.abc import Iterator

from trainer import flags as flags_lib
from trainer.api.hushed import SilentDisplay
from trainer.config import Config
from trainer.config import stacking
from trainer.devices import start
from trainer.flags import Flags
from trainer.process import heartbeat
from trainer.process import output
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import leave
from trainer.process.exits import STOPS
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.stopping import Stop
from trainer.process.watchdog import LEAST_SECS
from trainer.process.watchdog import Watchdog
from trainer.storage.names import is_remote
from trainer.train import groups
from trainer.train import preparation
from trainer.train.job import Asked
from trainer.train.job import Work
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.location import Location

BETWEEN = "+"


@verb
def main(argv: list[str]) -> int:
    """Runs the jobs; tells a mistake or a failure from outside in one line."""
    output.guard()
    heartbeat.start(os.environ)
    stop = Stop()
    with stop.listening():
        return run(argv, stop)


def run(argv: list[str], stop: Stop) -> int:
    """Runs the jobs; returns the exit code.

    Returns:
      0 where each is done or diverged, 42 or 43 where one was stopped; else
      the first other code.

    Raises:
      UserError: before anything is written.
    """
    commands = [(words, *_read(words)) for words in _commands(argv)]
    start.check_packages()
    works = [_prepared(*each) for each in commands]
    left = [work for work in works if work is not None]
    code = DONE
    for group in groups.groups_of(left):
        folders = [work.workdir.path for work in group]
        how = "side by side:" if len(group) > 1 else "alone:"
        print(how, *folders, flush=True)
        ended = _train(group, stop)
        if ended in STOPS:
            code = max(code, ended)
        # A file STOP is of one run, and the others begin all the same.
        if stop.flags.any() or ended not in (DONE, DIVERGED, *STOPS):
            return ended
    return code


def _commands(argv: list[str]) -> Iterator[list[str]]:
    """Yields the words of each run."""
    for is_between, words in itertools.groupby(argv, BETWEEN.__eq__):
        if not is_between:
            yield list(words)


def _read(words: list[str]) -> tuple[Flags, Config]:
    given, config = flags_lib.parse(words)
    if name := stacking.flag_alone(flags_lib.changed(given)):
        raise UserError(
            f"--{name}: a run beside others has only"
            f" {', '.join(f'--{flag}' for flag in stacking.FLAGS)}; leave it"
            " out"
        )
    if is_remote(given.run_workdir):
        raise UserError(
            f"--workdir={given.run_workdir}: runs side by side stand in local"
            " folders; name one"
        )
    return given, config


def _prepared(words: list[str], given: Flags, config: Config) -> Work | None:
    """Checks a run's workdir and data; returns None where it is finished."""
    asked = Asked(
        config=config,
        display=SilentDisplay(),
        command=(sys.executable, "-m", "trainer.task", *words),
    )
    return preparation.prepare(
        asked,
        Location(given.run_workdir),
        data_dir=given.data_dir,
        init_from=given.init_from,
    )


def _train(group: list[Work], stop: Stop) -> int:
    """Imports TensorFlow, trains a group, and writes its reports."""
    with start.eased():
        from trainer.devices import strategies
        from trainer.model import optimizers
        from trainer.reports import report
        from trainer.train import training
    first, watchdog = group[0], Watchdog(least_secs=LEAST_SECS)
    strategies.prepare_devices(None, None, first.place)
    strategies.check_compiler(first.config.jit_compile)
    optimizers.set_precision(first.config.precision)
    if len(group) == 1:
        code = training.train(
            first,
            lambda: strategies.build("auto"),
            stop,
            watchdog,
            ends_process=True,
        )
    else:
        code = training.train_side_by_side(group, stop, watchdog)
    for work in group:
        result = work.workdir.read_json(RESULT_FILE) or {}
        if work.config.log.report and result.get("status") == "done":
            report.write_at_the_end(str(work.workdir.path))
    return code


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
