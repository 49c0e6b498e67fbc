"""Command lines of the short verbs: argparse, whose mistakes are UserErrors."""

import argparse
import dataclasses
import difflib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from trainer.process.exits import UserError


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a verb is about: its first words, or a flag's values.

    Attributes:
      name: of the flag, without its hyphens.
      metavar: what --help calls one.
      default: of a verb that needs none.
      convert: reads one from its word.
      is_many: whether there may be several.
    """

    name: str
    metavar: str
    default: str | None
    convert: Callable[[str], str]
    is_many: bool


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are UserErrors, and that guesses no flag."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._subject: Subject | None = None

    def about(
        self,
        name: str,
        metavar: str,
        words: str,
        *,
        default: str | None = None,
        convert: Callable[[str], str] = str,
        is_many: bool = False,
    ) -> None:
        """Says what the verb is about: `verb X` and `verb --NAME=X` are alike.

        Args:
          name: of the flag, without its hyphens; and of what is found, a text,
            or a list of texts where there may be many.
          metavar: what --help calls it.
          words: of --help.
          default: where none is needed.
          convert: reads it from its word.
          is_many: whether there may be several.
        """
        self._subject = Subject(name, metavar, default, convert, is_many)
        shown = f"{metavar} {metavar} ..." if is_many else metavar
        self.usage = (
            f"%(prog)s {shown if default is None else f'[{shown}]'} [flags]"
        )
        self.add_argument(
            f"--{name}",
            metavar=metavar,
            action="append",
            type=convert,
            default=[],
            help=f"{words}; --{name} may be left out where it comes first",
        )

    def workdir(self) -> None:
        """Says that the verb is about a run."""
        self.about("workdir", "WORKDIR", "folder of the run")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """As argparse's, with the verb's subject, and the nearest flag."""
        found, rest = self.parse_known_args(args, namespace)
        if self._subject is not None:
            rest = self._take(self._subject, found, rest)
        if rest:
            self.refuse(rest[0])
        return found

    def _take(
        self, subject: Subject, found: argparse.Namespace, rest: list[str]
    ) -> list[str]:
        """Moves the subject from the words that are no flags to its name.

        Returns:
          The words that are left.

        Raises:
          UserError: there is none, or there are too many.
        """
        words = [w for w in rest if not w.startswith("-") or w == "-"]
        left = [w for w in rest if w not in words]
        if left:
            return left
        given = [*getattr(found, subject.name), *map(subject.convert, words)]
        if not given and subject.default is not None:
            given = [subject.default]
        if not given:
            raise UserError(
                f"{subject.metavar} is missing: {self.prog}"
                f" {subject.metavar}, or --{subject.name}={subject.metavar};"
                f" see {self.prog} --help"
            )
        if subject.is_many:
            setattr(found, subject.name, given)
            return []
        if len(given) > 1:
            raise UserError(
                f"{self.prog} takes one {subject.metavar}, and was given"
                f" {' and '.join(given)}; name one"
            )
        setattr(found, subject.name, given[0])
        return []

    def refuse(self, word: str, more: str = "") -> NoReturn:
        """Raises the error for a word that the verb does not know.

        Args:
          word: as it was given.
          more: is said, too.
        """
        known = [w for a in self._actions for w in a.option_strings]
        remedy = nearest(word.partition("=")[0], known)
        remedy = remedy or f"see {self.prog} --help"
        raise UserError(
            f"{word!r} is not a flag of {self.prog}; {remedy}{more}"
        )

    def error(self, message: str) -> NoReturn:
        """Raises the UserError that the verb tells."""
        raise UserError(f"{message}; see {self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        """As argparse's, which says nothing of a disk that is full."""
        print(self.format_help(), end="", file=file)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse's, but --x=y z of a flag of many values means --x y z."""
        many = {
            name
            for action in self._actions
            if action.nargs == "+"
            for name in action.option_strings
        }
        words: list[str] = []
        for word in args or []:
            name, sign, value = word.partition("=")
            words += [name, value] if sign and name in many else [word]
        return super().parse_known_args(words, namespace)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns "did you mean ...?"; "" where nothing is near a word."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
