"""All mistakes; how one is made, and how it is told."""

import pathlib

from tests.bad_input.arguments import CONFIGS
from tests.bad_input.arguments import FLAGS
from tests.bad_input.clusters import CLUSTERS
from tests.bad_input.clusters import DEVICES
from tests.bad_input.config_files import CONFIG_FILES
from tests.bad_input.config_files import OF_RULES
from tests.bad_input.data import DATA
from tests.bad_input.labels import LABELS
from tests.bad_input.row import MISTAKE
from tests.bad_input.row import Row
from tests.bad_input.workdirs import WORKDIRS

TABLE = [
    *FLAGS,
    *CONFIGS,
    *CONFIG_FILES,
    *OF_RULES,
    *DATA,
    *LABELS,
    *WORKDIRS,
    *CLUSTERS,
    *DEVICES,
]


def contents(top: pathlib.Path) -> dict[str, bytes | str]:
    """All that is in a folder: {path: bytes, or what else it is}."""
    return {
        str(path.relative_to(top)): path.read_bytes()
        if path.is_file()
        else ("link" if path.is_symlink() else "folder")
        for path in sorted(top.rglob("*"))
    }


def prepare(row: Row, here: pathlib.Path, patch) -> list[str]:
    """Makes a row's files; returns its command line."""
    file = here.with_name("bad_config.py")
    if row.config is not None:
        file.write_text(row.config)
    if row.make is not None:
        row.make(here, patch)
    text = row.arguments.replace("{here}", str(here))
    return text.replace("{config}", str(file)).split()


def check(row: Row, code: int, stderr: str) -> None:
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("strata: ")
    for words in row.words:
        assert words in lines[0]
    assert code == MISTAKE
