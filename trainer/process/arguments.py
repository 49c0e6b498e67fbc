"""Command lines of the short verbs: argparse, whose mistakes are UserErrors."""

import argparse
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
