"""Links, where a file of one's own is to be written."""

import errno
import os
import pathlib

from trainer.process.exits import UserError


def no_link(path: str, flags: int) -> int:
    """Opens a file, and no link: that could name another file of the user's.

    An `opener` for `open`.

    Raises:
      UserError: it is a link.
      OSError: it cannot be opened.
    """
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UserError(
            f"{path} is a link, and what it names may be another's; remove it"
            " or name another --workdir"
        ) from error


def check_no_link(path: pathlib.Path) -> None:
    """Refuses a link as --output.

    What is written whole takes its name, and the link would be gone: that of
    /dev/stdout, for the whole machine.

    Raises:
      UserError: it is one.
    """
    if path.is_symlink():
        raise UserError(
            f"--output={path} is a link, to {os.path.realpath(path)}; name a"
            " file, as what is written takes the place of what has its name"
        )
