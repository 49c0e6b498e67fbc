"""The question that is asked before anything is made."""

import sys

from trainer.process.exits import UserError


def confirmed(question: str, unattended: str) -> bool:
    """Asks at the terminal; anything but yes is no.

    Args:
      question: such as "make them?".
      unattended: what to tell where nobody is there to answer.

    Raises:
      UserError: nobody is at the terminal.
    """
    if not sys.stdin.isatty():
        raise UserError(unattended)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
