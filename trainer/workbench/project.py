"""`strata init`: the first files of a project of one's own."""

import contextlib
import os
import pathlib
import shlex

from trainer.process.arguments import Parser
from trainer.process.exits import DISK_FULL
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.extras import DISTRIBUTION
from trainer.process.templates import environment
from trainer.storage.files import make_folder
from trainer.storage.files import write_atomically
from trainer.storage.names import is_remote
from trainer.storage.names import local_place
from trainer.storage.names import place

DESCRIPTION = """\
Writes a config, a Makefile and a README into a folder: a project of your own,
in which `make train` trains. Files that are there stay as they are.

  strata init
  strata init flowers --data_dir=flowers.csv --target=kind"""
FILES = ("experiment.py", "Makefile", "README.md")
# Of a run that is seen to its end in seconds, and of one on data of any size.
STEPS_OF_DIGITS, STEPS = 1_000, 10_000


@verb
def main(argv: list[str]) -> int:
    """Writes the files, and says what comes next.

    Raises:
      UserError: one of them is there, or cannot be written.
    """
    parser = Parser("strata init", DESCRIPTION)
    parser.about(
        "folder",
        "FOLDER",
        "of the project; the current one if not set",
        default=os.curdir,
        convert=local_place,
    )
    parser.add_argument(
        "--data_dir",
        metavar="DATA",
        type=place,
        help="a table, or a folder; the digits of scikit-learn if not set",
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="a table's column of labels"
    )
    wanted = parser.parse_args(argv)
    folder = pathlib.Path(wanted.folder).absolute()
    if wanted.target is not None and wanted.data_dir is None:
        raise UserError(
            f"--target={wanted.target} is of a table; name it by --data_dir"
        )
    for flag in ("data_dir", "target"):
        _check_line(flag, getattr(wanted, flag))
    data = wanted.data_dir and _seen_from(folder, wanted.data_dir)
    _check_line("data_dir", data)
    texts = rendered(folder.name or "project", data, wanted.target)
    _write(folder, texts)
    for name in FILES:
        print(os.path.join(wanted.folder, name))
    inside = folder == pathlib.Path.cwd()
    go = "" if inside else f"cd {shlex.quote(wanted.folder)} && "
    print(f"next: {go}make {'inspect' if data else 'train'}")
    return 0


def _check_line(flag: str, value: str | None) -> None:
    """Refuses what no line of a Makefile can hold.

    Raises:
      UserError: there is a line's end in it, or a byte that is no UTF-8.
    """
    if value is None:
        return
    if {"\n", "\r"} & set(value):
        raise UserError(
            f"--{flag}={value!r} has a line's end in its name; rename it"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"--{flag}={value!r} has a byte in its name that is no UTF-8;"
            " rename it"
        ) from None


def _seen_from(folder: pathlib.Path, data: str) -> str:
    """Returns where the data is: by its place in the project, or from the root.

    Raises:
      UserError: it is nowhere.
    """
    if is_remote(data):
        return data
    path = pathlib.Path(data).absolute()
    if not path.exists():
        raise UserError(f"--data_dir={data} is neither a file nor a folder")
    inside = path.is_relative_to(folder)
    return str(path.relative_to(folder) if inside else path)


def rendered(name: str, data: str | None, target: str | None) -> dict[str, str]:
    """Returns the text of each file.

    Args:
      name: of the project.
      data: where it is, or None for the digits of scikit-learn.
      target: a table's column of labels, or None for its last.
    """
    templates = environment("trainer.workbench")
    # In a docstring and in Markdown.
    plain = "".join(c if c.isalnum() or c in " ._-" else "_" for c in name)
    values = {
        "name": plain,
        "data": data and _in_makefile(data),
        "target": target and _in_makefile(target),
        "target_text": target and repr(target),
        "steps": f"{STEPS if data else STEPS_OF_DIGITS:_}",
        "distribution": DISTRIBUTION,
    }
    return {
        file: templates.get_template(f"{file}.jinja").render(values)
        for file in FILES
    }


def _in_makefile(text: str) -> str:
    """Returns a word as make hands it to a shell whole."""
    return shlex.quote(text).replace("$", "$$").replace("#", r"\#")


def _write(folder: pathlib.Path, texts: dict[str, str]) -> None:
    """Writes all files, or none.

    Raises:
      UserError: one is there already, or the folder cannot be written to.
    """
    there = [name for name in texts if os.path.lexists(folder / name)]
    if there:
        raise UserError(
            f"{', '.join(there)} of {folder} would be written over; nothing"
            " was changed: go to another folder, or move what is there"
        )
    contents = {folder / name: text.encode() for name, text in texts.items()}
    written: list[pathlib.Path] = []
    try:
        make_folder(folder)
        for path, content in contents.items():
            write_atomically(path, content)
            written.append(path)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f"{folder} cannot be written to ({error.strerror}); name another"
            " folder"
        ) from None
