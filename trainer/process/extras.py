"""Packages of extras, which a plain install leaves out."""

import shlex
import sys

from trainer.process.exits import UserError

# What package indexes know Strata by, which setup.py reads here: "strata"
# is another project there.
DISTRIBUTION = "strata-mlp"


def install_command(extra: str) -> str:
    """Returns the words that install an extra beside this Strata."""
    python = shlex.quote(sys.executable)
    return f"{python} -m pip install '{DISTRIBUTION}[{extra}]'"


def missing_package(what: str, package: str, extra: str) -> UserError:
    """Returns the error that says how to install what is missing.

    Args:
      what: is read or written by it.
      package: as the package index names it.
      extra: of Strata, which holds it.
    """
    return UserError(
        f"{what} needs {package}, of Strata's extra {extra}, which is not"
        f" installed; install it: {install_command(extra)}"
    )
