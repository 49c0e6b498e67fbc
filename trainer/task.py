"""Entry point: flags -> config, data, strategy -> train_and_evaluate.

What a user can get wrong is found first, most of it before TensorFlow is
imported, and told in one line; exit code 2.
"""

import difflib
import errno
import importlib.metadata
import json
import os
import pathlib
import re
import sys
import textwrap
import typing

from absl import flags
from ml_collections import config_flags

import configs
from trainer import config as config_lib
from trainer import sources
from trainer.config import Config
from trainer.config import UserError
from trainer.workdir import Workdir

CLUSTER_FAILED = 75
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_CONFIG_FLAG = re.compile(r"--?(?:no)?config\.([\w.]+)(?:=(.*))?", re.DOTALL)

USAGE = """\
Trains and scores a multilayer perceptron. The same command goes on where an
earlier one was stopped, and says so where it is finished.

usage: python -m trainer.task --config=FILE_OR_NAME [flags]

  python -m trainer.task --config=configs/digits.py
  python -m trainer.task --config=mnist --data_dir=DIR --config.epochs=10
  python -m trainer.task --config=digits --cpu_devices=2 --workdir=runs/two

Any field of the config is set by --config.FIELD=VALUE, such as
--config.optimizer.learning_rate=3e-4, --config.model.hidden_units=512,256 or
--config.optimizer.clip_norm=none; trainer/config.py lists them.

exit codes: 0 done; 2 wrong flags, config or data; 3 diverged; 42 stopped by
SIGTERM or SIGUSR1 and 43 by Ctrl-C, checkpoint written; 75 a peer, the cluster
or the disk failed.

flags:
"""


def define_flags() -> flags.FlagValues:
    """Returns the trainer's flags, in a set of their own."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config",
        None,
        "Config file, or the name of a shipped config.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "Folder of the run. By default runs/<config name>.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder that holds the data; nothing else is looked at then.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "default", "one_device", "mirrored", "multiworker", "tpu"],
        "How the job is spread. auto takes TPU where --tpu names one, several"
        " workers where TF_CONFIG does, all local devices where there are two"
        " or more, and else one.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "tpu", None, "Name or address of a TPU, or local.", flag_values=values
    )
    flags.DEFINE_integer(
        "devices",
        None,
        "How many of this machine's devices to use; all by default.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "cpu_devices",
        None,
        "Make so many logical CPU devices, to try several replicas.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "require_gpus",
        None,
        "End with code 2 where TensorFlow sees fewer GPUs.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "help", False, "Show this text.", short_name="h", flag_values=values
    )
    return values


def help_text(values: flags.FlagValues) -> str:
    """Returns what --help prints."""
    lines = [USAGE]
    for name in values:
        flag = values[name]
        if name != flag.name:
            continue
        choices = getattr(flag.parser, "enum_values", None)
        value = "|".join(choices) if choices else flag.flag_type()
        shown = "" if flag.boolean else f"={value}"
        lines.append(f"  --{name}{shown}\n")
        words = flag.help.split(";\n    repeat")[0]
        lines.append(textwrap.indent(textwrap.fill(words, 72), " " * 8) + "\n")
    return "".join(lines)


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
    # config_flags looks for overrides in the process's own command line.
    values["config"]._sys_argv = ["task", *arguments]
    try:
        rest = values(["task", *arguments])
    except flags.Error as error:
        raise UserError(str(error).splitlines()[0]) from error
    except Exception as error:  # whatever the config file raises
        raise UserError(
            f"the config cannot be read: {type(error).__name__}:"
            f" {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    if len(rest) > 1:
        raise UserError(
            f"{rest[1]!r} is not a flag; flags look like --name=value"
        )
    if values["help"].value:
        return values, Config()
    config = values["config"].value
    if config is None:
        raise UserError(
            "--config is missing; name a file, or one of"
            f" {', '.join(shipped_configs())}"
        )
    _set_nones(config, nones)
    _choose_length(config, [*values["config"].override_values, *nones])
    return values, config_lib.validate(config)


def _prepare(argv: list[str]) -> tuple[list[str], list[str]]:
    """Resolves the config's name, and takes out --config.FIELD=none."""
    known = {path: kind for path, kind, _ in config_lib.fields(Config())}
    arguments, nones = [], []
    for argument in argv:
        match = _CONFIG_FLAG.fullmatch(argument)
        if match and match[1] not in known:
            raise config_lib.unknown_field(match[1])
        if match and (match[2] or "").lower() == "none":
            if type(None) not in typing.get_args(known[match[1]]):
                raise UserError(f"config.{match[1]}=none: it must have a value")
            nones.append(match[1])
            continue
        if argument.startswith(("--config=", "-config=")):
            argument = "--config=" + _config_file(argument.partition("=")[2])
        arguments.append(argument)
    return arguments, nones


def shipped_configs() -> list[str]:
    """Names the configs that come with Strata."""
    folder = pathlib.Path(configs.__file__).parent
    return sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__")


def _config_file(name: str) -> str:
    if os.path.isfile(name):
        return name
    if name in shipped_configs():
        return str(pathlib.Path(configs.__file__).with_name(f"{name}.py"))
    stem = pathlib.Path(name).stem
    near = difflib.get_close_matches(stem, shipped_configs(), n=1)
    remedy = f"did you mean {near[0]}?" if near else "name a file that exists"
    raise UserError(
        f"--config={name} is neither a file nor one of"
        f" {', '.join(shipped_configs())}; {remedy}"
    )


def _set_nones(config: Config, paths: list[str]) -> None:
    for path in paths:
        *parents, name = path.split(".")
        section: object = config
        for parent in parents:
            section = getattr(section, parent)
        setattr(section, name, None)


def _choose_length(config: Config, overridden: list[str]) -> None:
    """A length given by flag stands for the file's, whichever kind it is."""
    given = {"epochs", "steps"} & set(overridden)
    if len(given) == 1 and isinstance(config, Config):
        (other,) = {"epochs", "steps"} - given
        setattr(config, other, None)


def cluster_from_environment() -> tuple[int, bool]:
    """Returns (workers, whether this process is the chief) from TF_CONFIG."""
    from trainer import strategies  # after TensorFlow's log level is set

    workers = strategies.workers_in(dict(os.environ))
    if workers == 1:
        return 1, True
    task = json.loads(os.environ["TF_CONFIG"]).get("task", {})
    named_chief = "chief" in json.loads(os.environ["TF_CONFIG"])["cluster"]
    kind, index = task.get("type"), int(task.get("index", 0))
    return workers, kind == "chief" or (not named_chief and index == 0)


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


def run(argv: list[str]) -> int:
    """Runs the job; returns the exit code.

    Raises:
      UserError: before anything is written.
    """
    values, config = parse(argv)
    if values["help"].value:
        print(help_text(values), end="")
        return 0
    _check_packages()
    name = pathlib.Path(values["config"].config_filename).stem
    workdir = Workdir(values["workdir"].value or os.path.join("runs", name))
    finished = workdir.check(config)
    if finished:
        print(f"{workdir.path} is finished at step {finished['step']}")
        return 0
    workdir.check_unlocked()
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=values["data_dir"].value
    )
    return _train(values, config, workdir, dataset)


def _train(
    values: flags.FlagValues,
    config: Config,
    workdir: Workdir,
    dataset: sources.Dataset,
) -> int:
    """Imports TensorFlow, makes the strategy and trains."""
    from trainer import problems

    problem, dataset = problems.settle(config, dataset)
    _describe(dataset, problem)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    from trainer import optimizers
    from trainer import strategies
    from trainer import train

    workers, is_chief = cluster_from_environment()
    strategies.prepare_devices(
        values["cpu_devices"].value, values["require_gpus"].value
    )
    optimizers.set_precision(config.precision)
    strategy = strategies.build(
        values["strategy"].value,
        devices=values["devices"].value,
        tpu=values["tpu"].value,
    )
    strategies.describe(strategy, workers)
    job = train.Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint=sources.fingerprint(dataset),
        workdir=workdir,
        strategy=strategy,
        workers=workers,
        is_chief=is_chief,
    )
    try:
        if not is_chief:
            return train.train_and_evaluate(job)
        with workdir.lock():
            return train.train_and_evaluate(job)
    except tf.errors.OpError as error:
        if workers == 1:
            raise
        print(f"strata: a peer failed: {error.message[:300]}", file=sys.stderr)
        return CLUSTER_FAILED


def _describe(dataset: sources.Dataset, problem: object) -> None:
    """Prints what was found in the data."""
    rows = ", ".join(f"{k} {s.examples}" for k, s in dataset.splits.items())
    x = dataset.splits["train"].x
    shape = "x".join(str(n) for n in x.shape[1:])
    print(
        f"data: {dataset.name}, {dataset.kind}, {x.dtype} {shape}, rows: {rows};"
        f" problem: {problem.type}, outputs: {problem.outputs}",  # type: ignore[attr-defined]
        flush=True,
    )


def main(argv: list[str]) -> int:
    """Runs the job; tells a user's mistake or a full disk in one line."""
    try:
        return run(argv)
    except UserError as error:
        print(f"strata: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        print(
            f"strata: the disk failed: {error}; what was saved before stands,"
            " so mend it and start again",
            file=sys.stderr,
        )
        return CLUSTER_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
