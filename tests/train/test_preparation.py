"""Where the data of a run that goes on are looked for."""

import dataclasses
import json
import shutil

import pytest

from tests.runs import rewrite
from trainer.process.exits import UserError
from trainer.train import preparation
from trainer.train.job import Asked
from trainer.workdir.folder import Workdir
from trainer.workdir.location import Location


class LookedForError(Exception):
    """The data are looked for in a folder."""


@pytest.mark.parametrize(
    ("source", "is_there", "expected"),
    [
        ("files", True, "data"),
        ("files", False, UserError),
        ("mnist", True, "data"),
        # As ever: in Keras's cache, or on the internet.
        ("mnist", False, None),
    ],
)
def test_a_run_goes_on_with_the_folder_that_it_has_noted(
    source, is_there, expected, trained, tmp_path, monkeypatch
):
    workdir, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(trained("multiclass"), workdir)
    (workdir / "result.json").unlink()
    noted = json.loads((workdir / "record.json").read_text())["data"]
    rewrite(workdir / "record.json", {"data": noted | {"folder": str(data)}})
    there = Workdir(str(workdir))
    config = there.read_config()
    assert config is not None
    config.data.source = source
    there.write_json("config.json", dataclasses.asdict(config))
    if is_there:
        data.mkdir()

    def look(*_, data_dir, **__):
        raise LookedForError(data_dir)

    monkeypatch.setattr("trainer.sources.load", look)
    kind = UserError if expected is UserError else LookedForError
    with pytest.raises(kind) as told:
        preparation.prepare(
            Asked(config=config), Location(str(workdir)), data_dir=None
        )
    if kind is UserError:
        assert "is gone; name the data's folder by --data_dir" in str(told)
    else:
        assert told.value.args == (expected and str(data),)
