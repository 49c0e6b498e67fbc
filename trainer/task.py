"""The command's door: flags -> cluster -> workdir and data -> job -> train.

What a user can get wrong is found first, most of it before TensorFlow is
imported, and told in one line; exit code 2.
"""

import os
import pathlib
import sys

from trainer import flags as flags_lib
from trainer.cluster import choice
from trainer.cluster import discovery
from trainer.cluster.place import Cluster
from trainer.config import Config
from trainer.devices import start
from trainer.flags import Flags
from trainer.journal import trackers
from trainer.journal import tracking
from trainer.journal.display import Display
from trainer.journal.json_lines import JsonDisplay
from trainer.journal.outlets import Outlets
from trainer.process import exposition
from trainer.process import heartbeat
from trainer.process import output
from trainer.process.end_hook import ending
from trainer.process.exits import DONE
from trainer.process.exits import leave
from trainer.process.exits import verb
from trainer.process.stopping import Stop
from trainer.process.watchdog import FIRST_SECS
from trainer.process.watchdog import LEAST_SECS
from trainer.process.watchdog import Watchdog
from trainer.storage import vertex
from trainer.train import preparation
from trainer.train.job import Asked
from trainer.train.job import Work
from trainer.workdir.folder import REPORT_FILE
from trainer.workdir.location import open_location


@verb
def main(argv: list[str]) -> int:
    """Runs the job; tells a mistake or a failure from outside in one line."""
    output.guard()
    heartbeat.start(os.environ)
    stop = Stop()
    with stop.listening():
        return run(argv, stop)


def run(argv: list[str], stop: Stop) -> int:
    """Runs the job; returns the exit code.

    Raises:
      UserError: before anything is written.
    """
    flags, config = flags_lib.parse(argv)
    if flags.help:
        print(flags_lib.help_text(), end="")
        return DONE
    is_json = flags.log_format == "json"
    display = JsonDisplay() if is_json else Display(flags.log_secs)
    with display.shown():
        start.check_packages()
        outlets = Outlets(
            metrics=exposition.opened(
                flags.metrics_host, flags.metrics_port, os.environ
            ),
            on_alert=flags.on_alert,
            trackings=trackers.opened(flags.log_to),
        )
        place = discovery.enter(flags.cluster, os.environ)
        if place.is_evaluator:
            print("nothing to do for an evaluator: a run scores itself")
            return DONE
        on_end = flags.on_end if place.is_chief else None
        with (
            ending(on_end, flags.run_workdir) as end,
            tracking.told_to_the_end(outlets.trackings),
        ):
            code = _run_at(place, flags, config, display, outlets, stop)
            end.code = code
        return code


def _run_at(
    place: Cluster,
    flags: Flags,
    config: Config,
    display: Display,
    outlets: Outlets,
    stop: Stop,
) -> int:
    strategy_name = choice.fit_strategy(
        flags.strategy, place, flags.devices, flags.tpu
    )
    with open_location(flags.run_workdir, place.index) as location:
        folder = pathlib.Path(location.folder).expanduser()
        output.keep_in(output.worker_log(folder, place.index))
        asked = Asked(
            config=config,
            place=place,
            display=display,
            outlets=outlets,
            profile_steps=flags.profiled,
        )
        work = preparation.prepare(
            asked,
            location,
            data_dir=flags.data_dir,
            data_cache_gib=flags.data_cache_gib,
            init_from=flags.init_from,
            join_secs=flags.join_secs,
        )
        code = _train(flags, work, strategy_name, stop) if work else DONE
        if code == DONE and place.is_chief:
            _hand_out(folder, config.log.report, is_new=work is not None)
        return code


def _hand_out(folder: pathlib.Path, has_page: bool, *, is_new: bool) -> None:
    """Writes what is made of a run that is done, where that is missing.

    A kill may have come between the result and this.

    Args:
      folder: of the run.
      has_page: whether it is to have one.
      is_new: whether it is done just now, so that nothing there is of it.
    """
    if has_page and (is_new or not (folder / REPORT_FILE).exists()):
        from trainer.reports import report

        report.write_at_the_end(str(folder))
    model = vertex.folder_of(vertex.MODEL, folder, os.environ)
    if model and (is_new or not model.exists()):
        with start.eased():
            from trainer.serving import saved_model

        saved_model.write(folder, model)
        print(f"SavedModel: {model}", flush=True)


def _train(flags: Flags, work: Work, strategy_name: str, stop: Stop) -> int:
    """Imports TensorFlow, makes the strategy and trains."""
    with start.eased():
        import tensorflow as tf

        from trainer.devices import strategies
        from trainer.model import optimizers
        from trainer.train import training

        tf.config.list_physical_devices()
    place = work.place
    strategies.prepare_devices(flags.cpu_devices, flags.require_gpus, place)
    strategies.check_compiler(work.config.jit_compile)
    optimizers.set_precision(work.config.precision)
    # A peer may wait for as long as the chief's disk takes.
    patience_secs = LEAST_SECS if place.is_chief else FIRST_SECS
    return training.train(
        work,
        lambda: strategies.build(
            strategy_name, devices=flags.devices, tpu=flags.tpu
        ),
        stop,
        Watchdog(least_secs=patience_secs),
        max_secs=flags.max_secs,
        ends_process=True,
    )


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
