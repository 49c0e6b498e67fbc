"""What the commit that machines get does not hold of the code here."""

import pathlib
import shlex
import shutil

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


def config_there(
    config: str,
    *,
    is_installed: bool,
    is_committed: bool,
    root: pathlib.Path = ROOT,
) -> str:
    """Returns a config as it is found where the job runs.

    Args:
      config: as --config names it here.
      is_installed: whether Strata is a package there, with the files of configs
        by their names; else a checkout, in whose root the job runs.
      is_committed: whether what is there is a commit's.
      root: of the checkout here.

    Raises:
      UserError: it is not there.
    """
    file = pathlib.Path(config).expanduser()
    is_name = not file.is_file()
    folder = root / "configs"
    file = folder / f"{config}.py" if is_name else file.resolve()
    if is_installed and (file.parent, file.suffix) != (folder, ".py"):
        raise UserError(
            f"--config={config} is in no image, since these hold the .py files"
            f" of {folder} alone; put it there, make the image anew, and name"
            f" it by --config={shlex.quote(file.stem)}"
        )
    if not file.is_relative_to(root):
        raise UserError(
            f"--config={config} is outside of {root}, whose commit is all that"
            " the machines get; put it into configs/ and commit it"
        )
    # Untracked, ignored, or added and not committed.
    state = _git(root, *STATUS, "--untracked-files=all", "--ignored", str(file))
    if is_committed and state.startswith(("??", "!!", "A")):
        raise UserError(
            f"--config={config} is in no commit, and the machines get the code"
            " of a commit; commit it first"
        )
    if is_name:
        return config
    return file.stem if is_installed else str(file.relative_to(root))


def _git(root: pathlib.Path, *words: str) -> str:
    """Returns what git says; "" where it is not here, or fails."""
    if not shutil.which("git"):
        return ""
    return finish(["git", "-C", str(root), *words], ASK_SECS).stdout
