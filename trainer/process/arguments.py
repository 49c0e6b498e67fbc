"""Command lines of the short verbs: argparse, whose mistakes are UserErrors."""

import argparse
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from trainer.process.exits import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are UserErrors, and that guesses no flag."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
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
