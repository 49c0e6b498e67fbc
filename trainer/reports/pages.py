"""Pages to hand on: one HTML file each, with all that it shows inside."""

import dataclasses
import importlib.util
import pathlib
from typing import Any
from typing import NamedTuple
from typing import TYPE_CHECKING

from trainer.process import columns
from trainer.process.exits import DISK_FULL
from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.process.no_link import check_no_link
from trainer.process.plain_text import plain
from trainer.process.templates import environment
from trainer.storage.files import write_atomically
from trainer.version import __version__

if TYPE_CHECKING:
    from trainer.charts.drawings import Drawing

# What the extra `report` brings.
PACKAGE = "matplotlib"
Row = list[Any]


class Chart(NamedTuple):
    """A drawing, and what is said below it."""

    drawing: "Drawing"
    caption: str


class Table(NamedTuple):
    """Rows of values; the first of each names it."""

    caption: str
    head: list[str]
    rows: list[Row]
    is_folded: bool = False


class Picture(NamedTuple):
    """PNGs in base64, and words that say all that matters in them."""

    pngs: list[str]
    words: str


@dataclasses.dataclass
class Section:
    """A part of a page under a heading; its parts come in this order."""

    title: str
    text: str = ""
    charts: list[Chart] = dataclasses.field(default_factory=list)
    tables: list[Table] = dataclasses.field(default_factory=list)
    pictures: list[Picture] = dataclasses.field(default_factory=list)
    command: str = ""

    def is_empty(self) -> bool:
        """Whether there is nothing under the heading."""
        return not any(
            (self.text, self.charts, self.tables, self.pictures, self.command)
        )


def is_possible() -> bool:
    """Whether the extra `report` is installed, without which there is none."""
    return importlib.util.find_spec(PACKAGE) is not None


def check_possible() -> None:
    """Refuses to go on where a page cannot be made.

    Raises:
      UserError: the extra `report` is not installed.
    """
    if not is_possible():
        raise missing_package("a page", PACKAGE, "report")


def check_output(path: pathlib.Path) -> None:
    """Refuses a path that no page can be written to, before any work.

    Raises:
      UserError: it is a folder or a link, or stands in none.
    """
    check_no_link(path)
    if path.is_dir():
        raise UserError(f"--output={path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise UserError(
            f"--output={path}: there is no folder {path.parent}; make it first"
        )


def _plain(value: Any) -> Any:
    """Makes a name plain; what is markup is so already."""
    is_name = isinstance(value, str) and not hasattr(value, "__html__")
    return plain(value, keep="\n\t") if is_name else value


def write(
    path: pathlib.Path,
    title: str,
    lead: str,
    sections: list[Section],
    score: str = "",
) -> None:
    """Writes a page at once, or not at all.

    Args:
      path: of the file.
      title: of the page.
      lead: a sentence on what it is about.
      sections: those with nothing in them are left out.
      score: what is to be seen first.

    Raises:
      UserError: it cannot be written there.
    """
    from trainer.charts import rendering

    templates = environment("trainer.reports", is_markup=True, finalize=_plain)
    templates.filters["shown"] = columns.shown
    templates.filters["svg"] = rendering.svg_of
    text = templates.get_template("page.html").render(
        title=title,
        lead=lead,
        score=score,
        sections=[part for part in sections if not part.is_empty()],
        version=__version__,
    )
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f"{path} cannot be written ({error.strerror}); name another by"
            " --output"
        ) from error
