"""The trainer's command line: each flag's name, type and meaning, once.

`parse` is the trainer's: flags, and the config that they name. `read` is the
launchers': the same words, and no config is opened, since its file may stand on
another machine. No TensorFlow.
"""

import ast
import dataclasses
import difflib
import functools
import os
import pathlib
import re
import shlex
import textwrap
import typing
from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from absl import flags as absl_flags

from trainer.cluster import discovery
from trainer.cluster.choice import STRATEGIES
from trainer.config import Config
from trainer.config import documents
from trainer.config.documents import is_document
from trainer.config.validation import type_words
from trainer.config.validation import validate
from trainer.config.values import assign
from trainer.config.values import types
from trainer.config.values import unknown_field
from trainer.process.arguments import nearest
from trainer.process.exits import UserError
from trainer.process.ports import LOOPBACK
from trainer.storage import vertex
from trainer.storage.names import check_place
from trainer.storage.names import CONFIG_FILE
from trainer.storage.names import is_remote
from trainer.storage.names import place
from trainer.storage.staging import CACHE_GIB

CONFIGS = pathlib.Path(__file__).resolve().parent / "configs"
# Flags that name a folder or file, here or of a bucket.
PLACES = ("workdir", "data_dir", "init_from")
CONFIG_FILES = (".py", *documents.SUFFIXES)
_CONFIG_FLAG = re.compile(r"--?(?:no)?config\.([\w.]+)(?:=(.*))?", re.DOTALL)

USAGE = """\
Trains and scores a multilayer perceptron. The same command goes on where an
earlier one was stopped, and says so where it is finished.

usage: strata train --config=FILE [flags]    (or python -m trainer.task ...)

  strata train --config=digits
  strata train --config=mnist --data_dir=DIR --config.epochs=10
  strata train --config=experiment.py --cpu_devices=2 --workdir=runs/two
  strata train runs/two                      (goes on with that run)

shipped configs:
{configs}

Any field of the config is set by --config.FIELD=VALUE, such as
  --config.optimizer.learning_rate=3e-4
  --config.model.hidden_units=512,256
  --config.optimizer.clip_norm=none
`strata help config` shows all fields, their defaults and meanings: the file
trainer/config/sections.py. --flagfile=FILE stands for the flags in a file, one
a line.

flags:
{flags}
exit codes:
   0  done
   1  a defect, with a traceback
   2  wrong flags, config or data; nothing was written, unless data was altered
      during the run
   3  the loss is no longer finite
  42  stopped by SIGTERM, SIGUSR1, SIGHUP or a scheduler's budget; the steps it
      took are in a checkpoint
  43  stopped by Ctrl-C, a STOP file or --max_secs; as above
  75  a peer, the cluster or the disk failed, or a stop left no checkpoint;
      start again
 130  ended at once by a second Ctrl-C; the newest checkpoint stands
"""


def _flag(
    words: str,
    default: Any = None,
    *,
    value: str = "N",
    choices: tuple[str, ...] = (),
    least: float | None = None,
) -> Any:
    """A flag: its help, its default, and what --help calls its value."""
    metadata = {
        "words": words,
        "value": value,
        "choices": choices,
        "least": least,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass
class Flags:
    """Where and how a job runs; what it trains is the config's."""

    config: str | None = _flag(
        "Config file (.py, .yaml or .json, also a run's own config.json), or"
        " the name of a shipped config. Needed where the workdir holds no run.",
        value="FILE",
    )
    workdir: str | None = _flag(
        "Folder of the run, or gs://BUCKET/PATH. By default runs/<config"
        " name>; under Vertex AI, the parent of AIP_CHECKPOINT_DIR. A word with"
        " a / in it says it, too.",
        value="DIR",
    )
    data_dir: str | None = _flag(
        "Folder that holds the data, or a table, local or gs://BUCKET/PATH;"
        " nothing else is looked at then.",
        value="DIR",
    )
    data_cache_gib: float = _flag(
        "GiB of this machine's disk that rows of a gs:// folder of .npy files"
        " may take, an array; the process's own, and gone with it.",
        CACHE_GIB,
        least=0.0,
    )
    init_from: str | None = _flag(
        "Workdir of another run, whose weights a new run begins with.",
        value="DIR",
    )
    strategy: str = _flag(
        "How the job is spread: auto, default, one_device, mirrored,"
        " multiworker or tpu. auto takes tpu where --tpu names one, multiworker"
        " where there are two workers or more, mirrored for two local devices"
        " or more, and else default.",
        "auto",
        value="NAME",
        choices=STRATEGIES,
    )
    cluster: str = _flag(
        "Where the job's workers are told of: none, tf_config, addresses,"
        " kubernetes or slurm. auto takes TF_CONFIG where it is set,"
        " STRATA_ADDRESSES (beside JOB_COMPLETION_INDEX or STRATA_WORKER), or"
        " what srun sets, in this order.",
        "auto",
        value="NAME",
        choices=discovery.SOURCES,
    )
    tpu: str | None = _flag("Name or address of a TPU, or local.", value="NAME")
    devices: int | None = _flag(
        "Use N of this machine's devices; all by default.", least=1
    )
    cpu_devices: int | None = _flag(
        "Make N logical CPU devices, to try several replicas on one machine.",
        least=1,
    )
    require_gpus: int | None = _flag(
        "End with code 2 where TensorFlow sees fewer than N GPUs.", least=1
    )
    max_secs: float | None = _flag(
        "Stop at this age of the process, checkpoint written: with code 42"
        " under Slurm or Kubernetes, else with 43.",
        least=1.0,
    )
    join_secs: float = _flag(
        "How long workers wait for one another at the start; then each names"
        " who is missing, and leaves with code 75.",
        300.0,
        least=1.0,
    )
    log_format: str = _flag(
        "text or json: what stdout holds. json is an object a line: numbers"
        " with step and split, the rest as message.",
        "text",
        value="NAME",
        choices=("text", "json"),
    )
    log_secs: float = _flag(
        "Seconds between two lines of progress where stdout is no terminal.",
        30.0,
        least=0.0,
    )
    metrics_port: int | None = _flag(
        "Show the run's numbers to Prometheus at http://127.0.0.1:N/metrics."
        " Under strata launch local and ssh the supervisor's stand there, and"
        " those of worker I at N + 1 + I of its host. Needs the extra metrics.",
        least=1,
    )
    metrics_host: str = _flag(
        "Address of this machine at which --metrics_port is; whoever reaches"
        " it may read the numbers.",
        LOOPBACK,
        value="ADDRESS",
    )
    on_alert: str | None = _flag(
        "URL that each alert is posted to as JSON, or a command that the shell"
        " runs, the JSON at its stdin. It has 10 s and is tried three times;"
        " whatever becomes of it, the run goes on.",
        value="URL|COMMAND",
    )
    on_end: str | None = _flag(
        "The same of the job's end, by whichever exit code; under strata launch"
        " local, ssh and slurm the supervisor's.",
        value="URL|COMMAND",
    )
    log_to: str | None = _flag(
        "Services that keep experiments: mlflow:URI, wandb[:PROJECT], or both"
        " parted by a comma. Each needs the extra of its name.",
        value="NAME",
    )
    profile_steps: str | None = _flag(
        "FIRST:LAST, such as 100:110: steps whose trace is kept for"
        " TensorBoard, and profile.txt says where their time went.",
        value="A:B",
    )
    help: bool = _flag("Show this text.", False)

    @property
    def run_workdir(self) -> str:
        """The folder of the run: the one given, or the config's own."""
        return self.workdir or os.path.join("runs", self.config_name)

    @property
    def config_name(self) -> str:
        """By which people know the config: its file's, or its run's."""
        path = pathlib.Path(self.config or "")
        is_of_run = path.name == CONFIG_FILE and path.parent.name
        return path.parent.name if is_of_run else path.stem

    @property
    def profiled(self) -> tuple[int, int] | None:
        """The first and the last step to profile.

        Raises:
          UserError: they are no two steps, or no step lies between.
        """
        text = self.profile_steps
        if text is None:
            return None
        match = re.fullmatch(r"(\d{1,12}):(\d{1,12})", text)
        if not match or int(match[1]) >= int(match[2]):
            raise UserError(
                f"--profile_steps={text} must be FIRST:LAST, two steps of which"
                " the second is later, such as 100:110"
            )
        return int(match[1]), int(match[2])


_FLAGS = dataclasses.fields(Flags)


def _define(names: list[str]) -> absl_flags.FlagValues:
    """Defines the flags of these names, in a set of their own."""
    values = absl_flags.FlagValues()
    define: Callable
    for field in _FLAGS:
        if field.name not in names:
            continue
        kind, least = _plain_type(field.type), field.metadata["least"]
        choices = field.metadata["choices"]
        if field.name == "help":
            define = functools.partial(
                absl_flags.DEFINE_boolean, short_name="h"
            )
        elif choices:
            define = functools.partial(
                absl_flags.DEFINE_enum, enum_values=list(choices)
            )
        else:
            number = {"lower_bound": least} if kind in (int, float) else {}
            define = functools.partial(_DEFINERS[kind], **number)
        define(
            name=field.name,
            default=field.default,
            help=field.metadata["words"],
            flag_values=values,
        )
    return values


_DEFINERS: dict[type, Callable] = {
    str: absl_flags.DEFINE_string,
    int: absl_flags.DEFINE_integer,
    float: absl_flags.DEFINE_float,
}


def _plain_type(annotated: Any) -> type:
    """Returns the type that an annotation allows beside None."""
    kinds = typing.get_args(annotated) or (annotated,)
    return next(kind for kind in kinds if kind is not type(None))


def help_text() -> str:
    """Returns what --help prints."""
    lines = []
    for field in _FLAGS:
        is_plain = _plain_type(field.type) is bool
        value = "" if is_plain else f"={field.metadata['value']}"
        words = textwrap.fill(field.metadata["words"], 70)
        lines.append(f"  --{field.name}{value}\n")
        lines.append(textwrap.indent(words, " " * 6) + "\n")
    names = textwrap.fill(
        ", ".join(shipped_configs()),
        76,
        initial_indent="  ",
        subsequent_indent="  ",
    )
    return USAGE.format(configs=names, flags="".join(lines))


def changed(given: Flags) -> list[str]:
    """Returns the names of flags that are not as they are by default."""
    return [
        field.name
        for field in _FLAGS
        if getattr(given, field.name) != field.default
    ]


def read(argv: list[str]) -> Flags:
    """Reads the trainer's flags, and opens no config.

    Args:
      argv: the command line without the program's name.

    Raises:
      UserError: a flag that is unknown or of the wrong type, or no config.
    """
    return _read(_split(argv))


def parse(argv: list[str]) -> tuple[Flags, Config]:
    """Parses flags and config.

    Args:
      argv: the command line without the program's name.

    Raises:
      UserError: a flag or field that is unknown or of the wrong type, or a
        config file that cannot be read.
    """
    words = _split(argv)
    found = _read(words)
    if found.help:
        return found, Config()
    found.config = _config_file(found.config or "")
    for name in PLACES:
        if getattr(found, name) is not None:
            setattr(found, name, place(getattr(found, name)))
    fields_given, nones = _of_fields(words.fields)
    return found, _config(found.config, fields_given, nones)


class _Words(typing.NamedTuple):
    """A command line, taken apart.

    Attributes:
      config: the file or name that --config gives last, or None.
      fields: (word, value or None) of each --config.FIELD, in their order.
      others: all other words.
    """

    config: str | None
    fields: list[tuple[str, str | None]]
    others: list[str]


def joined(argv: list[str]) -> list[str]:
    """Makes one word, --NAME=VALUE, of each flag whose value is the next word.

    A workdir that stands alone becomes one, too; --flagfile=FILE becomes the
    words of the file.

    Args:
      argv: the command line without the program's name.

    Raises:
      UserError: a flag that must have a value is the last word, a config
        stands alone, or a file of flags cannot be read.
    """
    kinds: dict[str, Any] = {f.name: _plain_type(f.type) for f in _FLAGS}
    kinds |= {f"config.{path}": kind for path, kind in types().items()}
    found = []
    words = iter(_with_files(argv))
    for word in words:
        # `--` alone, a switch, and what is no flag of ours stay.
        name = re.sub("^--?", "", word) if word.startswith("-") else ""
        if kinds.get(name, bool) is not bool:
            value = next(words, None)
            if value is None:
                raise UserError(f"Missing value for flag {word}")
            word = f"{word}={value}"
        found.append(_with_flag(word))
    return found


def _with_files(argv: list[str]) -> list[str]:
    """Puts the words of each --flagfile in its place.

    Raises:
      UserError: it cannot be read.
    """
    try:
        return absl_flags.FlagValues().read_flags_from_files(argv)
    except absl_flags.Error as error:
        raise UserError(_first_and_last_line(error)) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"a --flagfile cannot be read ({error}); save it as UTF-8"
        ) from error


def _with_flag(word: str) -> str:
    """Returns a word, --workdir= before it where it is a folder by its looks.

    Raises:
      UserError: it is a config by its looks.
    """
    if word.startswith("-") or not word:
        return word
    if word in shipped_configs() or word.endswith(CONFIG_FILES):
        raise UserError(
            f"{word!r} is not a flag; did you mean"
            f" --config={shlex.quote(word)}?"
        )
    return f"--workdir={word}" if "/" in word else word


def _split(argv: list[str]) -> _Words:
    """Takes out --config and --config.FIELD, each with its value.

    Raises:
      UserError: a field that no config has.
    """
    known = types()
    config, given, others = None, [], []
    for word in joined(argv):
        match = _CONFIG_FLAG.fullmatch(word)
        if match and match[1] not in known:
            raise unknown_field(match[1])
        if match:
            given.append((word, match[2]))
        elif word.startswith(("--config=", "-config=")):
            config = word.partition("=")[2]
        else:
            others.append(word)
    return _Words(config, given, others)


def _read(words: _Words) -> Flags:
    names = [f.name for f in _FLAGS if f.name != "config"]
    values = _define(names)
    try:
        # An empty word is a shell's empty variable, in quotes.
        rest = values(["task", *filter(None, words.others)])
    except absl_flags.UnrecognizedFlagError as error:
        raise UnknownFlagError(error.flagname) from error
    except absl_flags.Error as error:
        raise UserError(_first_and_last_line(error)) from error
    if len(rest) > 1:
        raise UserError(
            f"{rest[1]!r} is not a flag; flags look like --name=value, and a"
            " workdir has a / in it, such as runs/two"
        )
    given: dict[str, Any] = {name: values[name].value for name in names}
    found = Flags(words.config, **given)
    if found.workdir is None:
        found.workdir = vertex.workdir(os.environ)
    for name in PLACES:
        if getattr(found, name) is not None:
            check_place(getattr(found, name))
    if found.config is None and found.workdir is not None:
        own = os.path.join(os.path.expanduser(found.workdir), CONFIG_FILE)
        found.config = own if os.path.isfile(own) else None
    if found.config is None and not found.help:
        is_here = found.workdir is not None and not is_remote(found.workdir)
        told = f"{found.workdir} holds no run and " if is_here else ""
        raise UserError(
            f"{told}--config is missing; name a file, or one of"
            f" {', '.join(shipped_configs())}"
        )
    return found


class UnknownFlagError(UserError):
    """A flag that the trainer does not have, told with the nearest.

    Attributes:
      name: as it was given, without its hyphens.
    """

    def __init__(self, name: str) -> None:
        # By the last part of its path, as people call a field.
        leaves = {path.rpartition(".")[2]: path for path in reversed(types())}
        known = {leaf: f"config.{path}" for leaf, path in leaves.items()}
        known |= {field.name: field.name for field in _FLAGS}
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean --{known[near[0]]}?" if near else "see --help"
        super().__init__(f"--{name} is not a flag of the trainer; {remedy}")
        self.name = name


def _of_fields(
    given: list[tuple[str, str | None]],
) -> tuple[list[str], list[str]]:
    """Returns the words that set fields, and the fields that are set to none.

    Of two words for one field the last counts; ml_collections by itself would
    join two tuples.
    """
    known = types()
    last: dict[str, str | None] = {}
    for word, value in given:
        match = _CONFIG_FLAG.fullmatch(word)
        assert match is not None
        # To a text that must be there, it is a word as any other.
        kind = known[match[1]]
        none = (value or "").lower() == "none" and kind is not str
        if none and type(None) not in typing.get_args(kind):
            raise UserError(f"config.{match[1]}=none: it must have a value")
        if kind == tuple[str, ...]:
            word = f"--config.{match[1]}={_texts(value or '')!r}"
        last[match[1]] = None if none else word
    return (
        [word for word in last.values() if word is not None],
        [path for path, word in last.items() if word is None],
    )


def _texts(value: str) -> tuple[str, ...]:
    """Reads texts as Python writes a tuple or one of them, or as they are.

    So that a name may have blanks, or be a number's.
    """
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return (value,)
    several = found if isinstance(found, tuple | list) else (found,)
    if all(isinstance(text, str) for text in several):
        return tuple(several)
    return (value,)


def _config(file: str, words: list[str], nones: list[str]) -> Config:
    """Opens a config, sets fields, and checks it.

    Raises:
      UserError: it cannot be read, or breaks a rule.
    """
    written = documents.read(file) if is_document(file) else None
    try:
        wanted = _config_flag(file, words, written)
    except absl_flags.Error as error:
        raise _not_set(error) from error
    except Exception as error:  # whatever the config file raises
        raise UserError(
            f"the config cannot be read: {type(error).__name__}:"
            f" {_first_and_last_line(error)}"
        ) from error
    config = wanted.value
    if isinstance(config, Config):
        assign(config, dict.fromkeys(nones))
        choose_length(config, [*wanted.override_values, *nones])
    return validate(config)


def _not_set(error: absl_flags.Error) -> UserError:
    """Says what a field must be, in place of a conversion's own words."""
    told = _first_and_last_line(error)
    ill_typed = re.match(r"flag --config\.([\w.]+)=(.*?): ", told, re.DOTALL)
    known = types()
    if ill_typed is None or ill_typed[1] not in known:
        return UserError(told)
    path, value = ill_typed.groups()
    return UserError(
        f"config.{path}={value!r} must be {type_words(known[path])}"
    )


def _config_flag(file: str, words: list[str], written: Config | None) -> Any:
    """Returns ml_collections' flag of a config with fields set.

    Args:
      file: of Python, where nothing is written.
      words: that set fields.
      written: what a document holds.
    """
    from ml_collections import config_flags

    values = absl_flags.FlagValues()
    # It looks for overrides in these words, not in the process's own.
    arguments = ["task", *([] if written else [f"--config={file}"]), *words]
    given: dict[str, Any] = {"flag_values": values, "sys_argv": arguments}
    if written:
        config_flags.DEFINE_config_dataclass("config", written, **given)
    else:
        config_flags.DEFINE_config_file("config", None, "", **given)
    values(arguments)
    wanted: Any = values["config"]
    # A file that could not be opened is told of at the first look.
    getattr(wanted.value, "epochs", None)
    return wanted


def _first_and_last_line(error: Exception) -> str:
    """Leaves out the traceback that config_flags puts into a message."""
    lines = str(error).split("\n")
    return (
        lines[0] if len(lines) < 2 else f"{lines[0]} {lines[-1] or lines[-2]}"
    )


def shipped_configs() -> list[str]:
    """Names the configs that come with Strata."""
    return sorted(p.stem for p in CONFIGS.glob("*.py") if p.stem != "__init__")


def open_config(name: str) -> Config:
    """Opens a config for a program: a file, or the name of a shipped one.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    return _config(_config_file(name), [], [])


def _config_file(name: str) -> str:
    if os.path.isfile(os.path.expanduser(name)):
        return os.path.expanduser(name)
    if name in shipped_configs():
        return str(CONFIGS / f"{name}.py")
    stem = pathlib.Path(name).stem
    remedy = nearest(stem, shipped_configs()) or "name a file that exists"
    raise UserError(
        f"--config={name} is neither a file nor one of"
        f" {', '.join(shipped_configs())}; {remedy}"
    )


def choose_length(config: Config, overridden: Collection[str]) -> None:
    """A length given by flag stands for the file's, whichever kind it is."""
    given = {"epochs", "steps"} & set(overridden)
    if len(given) == 1:
        (other,) = {"epochs", "steps"} - given
        setattr(config, other, None)
