"""What the launchers' command lines have in common."""

import argparse
import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from typing import Any

from trainer import flags
from trainer.cluster import discovery
from trainer.launch.supervise.policy import START_SECS
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.storage.names import is_remote
from trainer.workdir.folder import STOP_FILE

LABEL_CHARS = 63
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def at_least(least: int, text: str) -> int:
    """Reads a count from a flag.

    Raises:
      argparse.ArgumentTypeError: it is none, or below the least.
    """
    try:
        count = int(text)
    except ValueError:
        count = least - 1
    if count < least:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a whole number of {least} or more"
        )
    return count


def positive(text: str) -> int:
    """Reads a count of one or more from a flag."""
    return at_least(1, text)


def not_negative(text: str) -> int:
    """Reads a count of none or more from a flag."""
    return at_least(0, text)


def check_name(flag: str, name: str, most_chars: int = LABEL_CHARS) -> None:
    """Checks a name that is a label of DNS and begins with a letter (RFC 1035).

    Args:
      flag: that gave it.
      name: to check.
      most_chars: that it may have, where it begins names of others.

    Raises:
      UserError: it is of another form.
    """
    if not _LABEL.fullmatch(name) or len(name) > most_chars:
        raise UserError(
            f"{flag}={name!r} must be {most_chars} or fewer of a-z, 0-9 and -,"
            " begin with a letter and not end with -"
        )


class LauncherParser(Parser):
    """A launcher's flags, after which a lone -- and the trainer's follow."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog, description)
        self.usage = "%(prog)s [flags] -- TRAINER_ARGUMENTS"

    def flag(self, name: str, metavar: str, words: str, **more: Any) -> None:
        """Adds a flag that has a value."""
        self.add_argument(name, metavar=metavar, help=words, **more)

    def switch(self, name: str, words: str) -> None:
        """Adds a flag that has none."""
        self.add_argument(name, action="store_true", help=words)

    def max_restarts(self, whose: str = "") -> None:
        """Adds the flag that bounds restarts."""
        self.flag(
            "--max_restarts",
            "R",
            f"restarts{whose} in a row without progress; 10 by default",
            type=not_negative,
            default=10,
        )

    def start_secs(self) -> None:
        """Adds the flag that bounds the wait for a worker's first sign."""
        self.flag(
            "--start_secs",
            "N",
            f"until a worker's first sign of life; {START_SECS} by default",
            type=positive,
            default=START_SECS,
        )

    def read(self, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """Returns the launcher's own flags, and the trainer's arguments.

        Those are a word each, and files of flags are read: who is handed them
        may be on another machine.

        Raises:
          UserError: a flag is unknown or has no value of its kind.
        """
        place = argv.index("--") if "--" in argv else len(argv)
        own, rest = self.parse_known_args(argv[:place])
        if rest:
            self.refuse(rest[0], "; the trainer's arguments follow a lone --")
        with _trainers():
            return own, flags.joined(argv[place + 1 :])


def without_flag(arguments: list[str], name: str) -> list[str]:
    """Takes a flag that has a value out of the trainer's arguments."""
    return [
        word
        for word in arguments
        if word.partition("=")[0] not in (f"--{name}", f"-{name}")
    ]


@contextlib.contextmanager
def _trainers() -> Iterator[None]:
    """Says of a mistake whose arguments have it."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error}; the trainer's arguments follow a lone --"
        ) from error


def stop_command(workdir: str) -> str:
    """Returns the command that has a run write a checkpoint and end."""
    tool = "gcloud storage cp /dev/null" if is_remote(workdir) else "touch"
    return f"{tool} {shlex.quote(os.path.join(workdir, STOP_FILE))}"


def trainer_flags(arguments: list[str]) -> flags.Flags:
    """Reads the trainer's arguments as the trainer does.

    Raises:
      UserError: it would refuse them, or only print its help.
    """
    with _trainers():
        found = flags.read(arguments)
    if found.help:
        raise UserError(
            "--help, after the lone --, has the trainer do nothing else; see"
            " strata train --help"
        )
    return found


def check_cluster(found: flags.Flags, workers: int, *sources: str) -> None:
    """Checks that workers look for one another where their launcher tells them.

    Args:
      found: the trainer's flags.
      workers: of the job.
      *sources: by which the launcher tells each of the others.

    Raises:
      UserError: --cluster names another.
    """
    if workers > 1 and found.cluster not in ("auto", *sources):
        raise UserError(
            f"--cluster={found.cluster} would have each of {workers} workers"
            f" train alone, or with others, where {discovery.SIGNS[sources[0]]}"
            " names them; leave --cluster out"
        )


def checked_flags(
    arguments: list[str], *, files_are_here: bool = True
) -> flags.Flags:
    """Reads the trainer's arguments and the config that they name.

    Args:
      arguments: of the trainer.
      files_are_here: whether a file that is not on this machine is nowhere.

    Raises:
      UserError: the trainer would refuse them, before it sees any data.
    """
    found = trainer_flags(arguments)
    config = found.config or ""
    is_name = not config.endswith(flags.CONFIG_FILES) and "/" not in config
    if files_are_here or is_name or os.path.isfile(config):
        try:
            flags.parse(arguments)
        except UserError as error:
            raise UserError(
                f"{error}; nothing was started or submitted"
            ) from error
    return found
