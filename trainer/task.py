"""Entry point: flags -> config, data, strategy -> train_and_evaluate.

What a user can get wrong is found first, most of it before TensorFlow is
imported, and told in one line; exit code 2.
"""

import contextlib
import difflib
import errno
import importlib.metadata
import os
import pathlib
import re
import sys
import textwrap
import typing
from typing import Any

from absl import flags
from ml_collections import config_flags

from trainer import cluster
from trainer import config as config_lib
from trainer import heartbeat
from trainer import joining
from trainer import problems
from trainer import record
from trainer import sources
from trainer import storage
from trainer import tensorflow_start
from trainer.cluster import CLUSTER_FAILED
from trainer.cluster import ClusterError
from trainer.config import Config
from trainer.config import UserError
from trainer.display import Display
from trainer.stopping import Stop
from trainer.watchdog import FIRST_SECS
from trainer.watchdog import LEAST_SECS
from trainer.watchdog import Watchdog
from trainer.workdir import STOP_FILE
from trainer.workdir import Workdir

CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"
_DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EPERM,
    errno.EACCES,
    errno.ESTALE,
)
_CONFIG_FLAG = re.compile(r"--?(?:no)?config\.([\w.]+)(?:=(.*))?", re.DOTALL)

USAGE = """\
Trains and scores a multilayer perceptron. The same command goes on where an
earlier one was stopped, and says so where it is finished.

usage: python -m trainer.task --config=FILE [flags]

  python -m trainer.task --config=configs/digits.py
  python -m trainer.task --config=mnist --data_dir=DIR --config.epochs=10
  python -m trainer.task --config=digits --cpu_devices=2 --workdir=runs/two

shipped configs:
{configs}

Any field of the config is set by --config.FIELD=VALUE, such as
  --config.optimizer.learning_rate=3e-4
  --config.model.hidden_units=512,256
  --config.optimizer.clip_norm=none
The fields, their defaults and meanings stand in trainer/config.py.

flags:
{flags}
exit codes:
   0  done
   2  wrong flags, config or data; nothing was written
   3  the loss is no longer finite
  42  stopped by SIGTERM, SIGUSR1 or a scheduler's budget, checkpoint written
  43  stopped by Ctrl-C, a STOP file or --max_secs, checkpoint written
  75  a peer, the cluster or the disk failed; start again
"""
# What a flag's value is called in --help.
VALUES = {
    "config": "FILE",
    "workdir": "DIR",
    "data_dir": "DIR",
    "init_from": "DIR",
    "strategy": "NAME",
    "cluster": "NAME",
    "tpu": "NAME",
    "log_format": "NAME",
    "profile_steps": "A:B",
}


def define_flags() -> flags.FlagValues:
    """Returns the trainer's flags, in a set of their own."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config",
        None,
        "Config file, or the name of a shipped config. Needed.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder of the run, or gs://BUCKET/PATH. By default runs/<config"
        " name>.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder that holds the data, or a CSV file, local or gs://BUCKET/PATH;"
        " nothing else is looked at then.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "init_from",
        None,
        "Workdir of another run, whose weights a new run begins with.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "strategy",
        "auto",
        list(cluster.STRATEGIES),
        "How the job is spread: auto, default, one_device, mirrored,"
        " multiworker or tpu. auto takes tpu where --tpu names one, multiworker"
        " where there are two workers or more, mirrored for two local devices"
        " or more, and else default.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "cluster",
        "auto",
        list(cluster.SOURCES),
        "Where the job's workers are told of: none, tf_config, addresses,"
        " kubernetes or slurm. auto takes TF_CONFIG where it is set,"
        " STRATA_ADDRESSES (beside JOB_COMPLETION_INDEX or STRATA_WORKER), or"
        " what srun sets, in this order.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "tpu", None, "Name or address of a TPU, or local.", flag_values=values
    )
    flags.DEFINE_integer(
        "devices",
        None,
        "Use N of this machine's devices; all by default.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "cpu_devices",
        None,
        "Make N logical CPU devices, to try several replicas on one machine.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "require_gpus",
        None,
        "End with code 2 where TensorFlow sees fewer than N GPUs.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_secs",
        None,
        "Stop at this age of the process, checkpoint written: with code 42"
        " under Slurm or Kubernetes, else with 43.",
        lower_bound=1.0,
        flag_values=values,
    )
    flags.DEFINE_float(
        "join_secs",
        300.0,
        "How long workers wait for one another at the start; then each names"
        " who is missing, and leaves with code 75.",
        lower_bound=1.0,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "log_format",
        "text",
        ["text", "json"],
        "text or json: what stdout holds. json is an object a line: numbers"
        " with step and split, the rest as message.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "log_secs",
        30.0,
        "Seconds between two lines of progress where stdout is no terminal.",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "profile_steps",
        None,
        "FIRST:LAST, such as 100:110: steps whose trace is kept for"
        " TensorBoard, and profile.txt says where their time went.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "help", False, "Show this text.", short_name="h", flag_values=values
    )
    return values


def help_text(values: flags.FlagValues) -> str:
    """Returns what --help prints."""
    lines = []
    for name in values:
        flag = values[name]
        if name != flag.name:
            continue
        value = "" if flag.boolean else f"={VALUES.get(name, 'N')}"
        words = flag.help.rpartition(">: ")[2].split(";\n    repeat")[0]
        lines.append(f"  --{name}{value}\n")
        lines.append(textwrap.indent(textwrap.fill(words, 70), " " * 6) + "\n")
    names = textwrap.fill(
        ", ".join(shipped_configs()),
        76,
        initial_indent="  ",
        subsequent_indent="  ",
    )
    return USAGE.format(configs=names, flags="".join(lines))


def parse(argv: list[str]) -> tuple[flags.FlagValues, Config]:
    """Parses flags and config.

    Args:
      argv: the command line without the program's name.

    Raises:
      UserError: a flag or field that is unknown or of the wrong type, or a
        config file that cannot be read.
    """
    values = define_flags()
    arguments, nones = _prepare(argv)
    wanted: Any = values["config"]
    # config_flags looks for overrides in the process's own command line.
    wanted._sys_argv = ["task", *arguments]
    try:
        rest = values(["task", *arguments])
        # A file that could not be opened is told of at the first look.
        getattr(wanted.value, "epochs", None)
    except flags.Error as error:
        raise UserError(_first_and_last_line(error)) from error
    except Exception as error:  # whatever the config file raises
        raise UserError(
            f"the config cannot be read: {type(error).__name__}:"
            f" {_first_and_last_line(error)}"
        ) from error
    if len(rest) > 1:
        raise UserError(
            f"{rest[1]!r} is not a flag; flags look like --name=value"
        )
    if values["help"].value:
        return values, Config()
    if not wanted.present:
        raise UserError(
            "--config is missing; name a file, or one of"
            f" {', '.join(shipped_configs())}"
        )
    config = wanted.value
    if isinstance(config, Config):
        config_lib.assign(config, dict.fromkeys(nones))
        _choose_length(config, [*wanted.override_values, *nones])
    return values, config_lib.validate(config)


def _prepare(argv: list[str]) -> tuple[list[str], list[str]]:
    """Resolves the config's name, and takes out --config.FIELD=none.

    Of two flags for one field the last counts; ml_collections by itself would
    join two tuples.
    """
    known = {path: kind for path, kind, _ in config_lib.fields(Config())}
    files, others = [], []
    fields: dict[str, str | None] = {}
    words = iter(argv)
    for argument in words:
        match = _CONFIG_FLAG.fullmatch(argument)
        if match and match[1] not in known:
            raise config_lib.unknown_field(match[1])
        if match:
            value = match[2]
            if value is None and known[match[1]] is not bool:
                value = next(words, "")
                argument = f"{argument}={value}"
            none = (value or "").lower() == "none"
            if none and type(None) not in typing.get_args(known[match[1]]):
                raise UserError(f"config.{match[1]}=none: it must have a value")
            fields[match[1]] = None if none else argument
        elif argument.startswith(("--config=", "-config=")):
            files.append(_config_file(argument.partition("=")[2]))
        elif argument in ("--config", "-config"):
            files.append(_config_file(next(words, "")))
        else:
            others.append(argument)
    nones = [path for path, argument in fields.items() if argument is None]
    # config_flags wants the file before the fields that are set in it.
    return [
        *(f"--config={file}" for file in files),
        *(argument for argument in fields.values() if argument is not None),
        *others,
    ], nones


def _first_and_last_line(error: Exception) -> str:
    """Leaves out the traceback that config_flags puts into a message."""
    lines = str(error).split("\n")
    return (
        lines[0] if len(lines) < 2 else f"{lines[0]} {lines[-1] or lines[-2]}"
    )


def shipped_configs() -> list[str]:
    """Names the configs that come with Strata."""
    return sorted(p.stem for p in CONFIGS.glob("*.py") if p.stem != "__init__")


def _config_file(name: str) -> str:
    if os.path.isfile(name):
        return name
    if name in shipped_configs():
        return str(CONFIGS / f"{name}.py")
    stem = pathlib.Path(name).stem
    near = difflib.get_close_matches(stem, shipped_configs(), n=1)
    remedy = f"did you mean {near[0]}?" if near else "name a file that exists"
    raise UserError(
        f"--config={name} is neither a file nor one of"
        f" {', '.join(shipped_configs())}; {remedy}"
    )


def _choose_length(config: Config, overridden: list[str]) -> None:
    """A length given by flag stands for the file's, whichever kind it is."""
    given = {"epochs", "steps"} & set(overridden)
    if len(given) == 1:
        (other,) = {"epochs", "steps"} - given
        setattr(config, other, None)


def _profile_steps(text: str | None) -> tuple[int, int] | None:
    """Reads FIRST:LAST.

    Raises:
      UserError: it is none, or no step lies between.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,12}):(\d{1,12})", text)
    if not match or int(match[1]) >= int(match[2]):
        raise UserError(
            f"--profile_steps={text} must be FIRST:LAST, two steps of which the"
            " second is later, such as 100:110"
        )
    return int(match[1]), int(match[2])


def _check_packages() -> None:
    """`tensorflow` and `tensorflow-tpu` overwrite each other's files."""
    found = {
        str(d.metadata["Name"]).lower()
        for d in importlib.metadata.distributions()
    }
    if {"tensorflow", "tensorflow-tpu"} <= found:
        raise UserError(
            "both tensorflow and tensorflow-tpu are installed, and hold the"
            " same files; make an environment with one of them"
        )


def run(argv: list[str], stop: Stop) -> int:
    """Runs the job; returns the exit code.

    Raises:
      UserError: before anything is written.
    """
    values, config = parse(argv)
    if values["help"].value:
        print(help_text(values), end="")
        return 0
    display = Display(
        str(values["log_format"].value) == "json",
        float(values["log_secs"].value or 0),
    )
    with display.shown():
        return _start(values, config, display, stop)


def _start(
    values: flags.FlagValues, config: Config, display: Display, stop: Stop
) -> int:
    """Checks what can be checked without TensorFlow, and trains.

    Raises:
      UserError: before anything is written.
    """
    watched = {
        "display": display,
        "profile_steps": _profile_steps(values["profile_steps"].value),
    }
    _check_packages()
    source, place = cluster.find(str(values["cluster"].value), os.environ)
    # TensorFlow itself reads no other; a job started from here may.
    os.environ.pop("TF_CONFIG", None)
    if place.workers > 1:
        os.environ["TF_CONFIG"] = place.tf_config()
        print(
            f"cluster: {place.workers} workers, by {source}; this is"
            f" {place.name_of(place.index)}",
            flush=True,
        )
    strategy_name = cluster.fit_strategy(
        str(values["strategy"].value),
        place,
        values["devices"].value,
        values["tpu"].value,
    )
    wanted: Any = values["config"]
    name = pathlib.Path(wanted.config_filename).stem
    path = values["workdir"].value or os.path.join("runs", name)
    with storage.opened(path, place) as store:
        return _run_in(
            store, values, config, place, strategy_name, stop, **watched
        )


def _run_in(
    store: storage.Local,
    values: flags.FlagValues,
    config: Config,
    place: cluster.Cluster,
    strategy_name: str,
    stop: Stop,
    **watched: Any,
) -> int:
    """Checks the workdir and the data, meets the peers, and trains."""
    workdir = Workdir(store.folder)
    finished = workdir.check(config)
    other = values["init_from"].value
    if other is not None:
        other = storage.fetched(other)
    if other is not None and not Workdir(other).checkpoints.is_dir():
        raise UserError(
            f"--init_from={other} holds no checkpoints; name a run's workdir"
        )
    if place.is_chief:
        workdir.check_unlocked()
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=values["data_dir"].value
    )
    fingerprint = sources.fingerprint(dataset)
    workdir.check_data(fingerprint)
    if finished:
        print(f"{workdir.path} is finished at step {finished['step']}")
        return 0
    joining.join(
        place,
        {**record.facts(config, fingerprint), **store.facts},
        store.shared,
        float(values["join_secs"].value or 0),
    )
    store.settle()
    code = _train(
        values,
        config,
        workdir,
        dataset,
        fingerprint,
        place,
        strategy_name,
        stop,
        other,
        **watched,
    )
    if code == 0 and place.is_chief and config.log.report:
        from trainer.reports import report

        report.write_at_the_end(str(workdir.path))
    return code


def _train(
    values: flags.FlagValues,
    config: Config,
    workdir: Workdir,
    dataset: sources.Dataset,
    fingerprint: str,
    place: cluster.Cluster,
    strategy_name: str,
    stop: Stop,
    init_from: str | None,
    **watched: Any,
) -> int:
    """Imports TensorFlow, makes the strategy and trains."""
    problem, dataset = problems.settle(config, dataset)
    _describe(dataset, problem)
    with tensorflow_start.eased():
        import tensorflow as tf

        from trainer import optimizers
        from trainer import strategies
        from trainer import train
        from trainer.job import Job

        tf.config.list_physical_devices()
    strategies.prepare_devices(
        values["cpu_devices"].value, values["require_gpus"].value
    )
    optimizers.set_precision(config.precision)
    # A peer may wait for as long as the chief's disk takes.
    patience_secs = LEAST_SECS if place.is_chief else FIRST_SECS
    try:
        with contextlib.ExitStack() as held:
            watchdog = held.enter_context(Watchdog(least_secs=patience_secs))
            strategy = strategies.build(
                strategy_name,
                devices=values["devices"].value,
                tpu=values["tpu"].value,
            )
            strategies.describe(strategy, place)
            if place.is_chief:
                held.enter_context(workdir.lock())
                # Another run may have come and gone meanwhile.
                workdir.check(config)
                workdir.check_data(fingerprint)
            stop.begin_training(workdir / STOP_FILE, values["max_secs"].value)
            job = Job(
                config=config,
                problem=problem,
                dataset=dataset,
                fingerprint=fingerprint,
                workdir=workdir,
                strategy=strategy,
                strategy_name=strategies.name_of(strategy),
                place=place,
                init_from=init_from,
                **watched,
            )
            return train.train_and_evaluate(job, stop, watchdog)
    except FileNotFoundError:
        workdir.check_there()
        raise
    except tf.errors.OpError as error:
        # TensorFlow itself writes the event files, and has its own errors.
        if os.strerror(errno.ENOSPC) in error.message:
            raise OSError(errno.ENOSPC, error.message) from error
        if place.is_chief:
            workdir.check_there()
        if place.workers == 1:
            raise
        raise ClusterError(place.told_by(error.message)) from error


def _describe(dataset: sources.Dataset, problem: problems.Problem) -> None:
    """Prints what was found in the data."""
    rows = ", ".join(f"{k} {s.examples}" for k, s in dataset.splits.items())
    x = dataset.splits["train"].x
    shape = "x".join(str(n) for n in x.shape[1:])
    print(
        f"data: {dataset.name}, {dataset.kind}, {x.dtype} {shape}; {rows}\n"
        f"problem: {problem.type}, outputs: {problem.outputs}, loss:"
        f" {problem.loss}",
        flush=True,
    )


@config_lib.verb
def main(argv: list[str]) -> int:
    """Runs the job; tells a mistake or a failure from outside in one line."""
    heartbeat.start(os.environ)
    stop = Stop()
    try:
        with stop.listening():
            return run(argv, stop)
    except ClusterError as error:
        config_lib.tell(f"a peer or the cluster failed: {error}")
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        config_lib.tell(
            f"the disk failed: {error}; what was saved before stands, so mend"
            " it and start again"
        )
    return CLUSTER_FAILED


if __name__ == "__main__":
    config_lib.leave(main(sys.argv[1:]))
