"""Packages of extras, which a plain install leaves out."""

import shlex
import sys

from trainer.process.exits import UserError


def missing_package(what: str, package: str, extra: str) -> UserError:
    """Returns the error that says how to install what is missing.

    Args:
      what: is read or written by it.
      package: as the package index names it.
      extra: of Strata, which holds it.
    """
    python = shlex.quote(sys.executable)
    return UserError(
        f"{what} needs {package}, of Strata's extra {extra}, which is not"
        f" installed; install it: {python} -m pip install {package}"
    )
