"""The commit whose code runs, read without git."""

import pathlib

from trainer.process.exits import UserError

# Of the checkout, whose trainer/launch is a link to launch/.
ROOT = pathlib.Path(__file__).parents[3].resolve()


def head(root: pathlib.Path = ROOT) -> str:
    """Returns the checkout's commit.

    Raises:
      UserError: this Strata is no checkout.
    """
    git = root / ".git"
    try:
        if git.is_file():  # of a worktree
            git = (root / git.read_text().split(":", 1)[1].strip()).resolve()
        said = (git / "HEAD").read_text().strip()
        if not said.startswith("ref:"):
            return said
        return _commit_of(git, said.partition(":")[2].strip())
    except (OSError, LookupError) as error:
        raise UserError(
            f"{root} is no git checkout with a commit ({error}), and machines"
            " get the code of a commit; start from a clone"
        ) from None


def _commit_of(git: pathlib.Path, ref: str) -> str:
    """Returns what a branch points to.

    Raises:
      LookupError: nothing.
    """
    common = git
    if (git / "commondir").is_file():
        common = git / (git / "commondir").read_text().strip()
    if (common / ref).is_file():
        return (common / ref).read_text().strip()
    packed = common / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            commit, _, name = line.partition(" ")
            if name == ref:
                return commit
    raise LookupError(f"{ref} has no commit")
