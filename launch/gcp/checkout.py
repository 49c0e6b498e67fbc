"""What the commit that machines get does not hold of the code here."""

import os
import pathlib
import shutil

from trainer.flags import CONFIG_FILES
from trainer.launch.gcp.revision import ROOT
from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.process.programs import ASK_SECS
from trainer.process.programs import finish

# Of the changed files, that are named.
NAMED = 3
STATUS = ("status", "--porcelain", "-z", "--no-renames")


def changes(root: pathlib.Path = ROOT) -> list[str]:
    """Names files that differ from the commit, and new ones of Python.

    Returns:
      Their paths below root; [] where git is not here to tell.
    """
    said = _git(root, *STATUS, "--untracked-files=all")
    return [
        entry[3:]
        for entry in said.split("\0")
        if entry and (entry[:2] != "??" or entry.endswith(".py"))
    ]


def remark(revision: str, root: pathlib.Path = ROOT) -> list[str]:
    """Says what will not run, though it stands here."""
    found = changes(root)
    if not found:
        return []
    return [
        f"note: what runs is commit {revision[:12]}, without what was changed"
        f" since: {some(found, NAMED)}"
    ]


def check_config(config: str | None, root: pathlib.Path = ROOT) -> None:
    """Checks that machines will have a config's file.

    Args:
      config: as --config names it.
      root: of the checkout.

    Raises:
      UserError: it is another folder's, or in no commit.
    """
    if config is None or not config.endswith(CONFIG_FILES):
        return  # A shipped one's name.
    path = pathlib.Path(os.path.abspath(config))
    if not path.is_relative_to(root):
        raise UserError(
            f"--config={config} is outside of {root}, whose commit is all that"
            " the machines get; put it into configs/ and commit it"
        )
    # Untracked, ignored, or added and not committed.
    state = _git(root, *STATUS, "--untracked-files=all", "--ignored", str(path))
    if state.startswith(("??", "!!", "A")):
        raise UserError(
            f"--config={config} is in no commit, and the machines get the code"
            " of a commit; commit it first"
        )


def _git(root: pathlib.Path, *words: str) -> str:
    """Returns what git says; "" where it is not here, or fails."""
    if not shutil.which("git"):
        return ""
    return finish(["git", "-C", str(root), *words], ASK_SECS).stdout
