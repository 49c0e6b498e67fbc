"""Files that are appended to in a folder where others may write, too."""

import errno
import os

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
