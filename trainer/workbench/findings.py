"""What was found out about a machine, line by line."""

import dataclasses
import os
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Finding:
    """A line of the page.

    Attributes:
      name: of what was looked at.
      words: how it stands.
      remedy: what to do where something is missing; "" where nothing is.
      stops: whether no run can be made before that is done.
    """

    name: str
    words: str
    remedy: str = ""
    stops: bool = False


def discreet(text: str) -> str:
    """Returns a text to be published, ~ in place of the user's own folder."""
    home = os.path.expanduser("~")
    if home in ("~", "/", ""):
        return text
    return re.sub(rf"{re.escape(home)}(?=/|$|[^\w.-])", "~", text)


def shown(path: str | os.PathLike[str]) -> str:
    """Returns a folder or file, to be published."""
    return discreet(str(pathlib.Path(path)))


def gib(count: float) -> str:
    """Says so many bytes in GiB."""
    size = count / 2**30
    return f"{size:,.0f} GiB" if size >= 10 else f"{size:.1f} GiB"
