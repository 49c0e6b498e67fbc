"""What stands here and would not run on a machine."""

import subprocess

import pytest

from trainer.launch.gcp import checkout
from trainer.process.exits import UserError


@pytest.fixture
def clone(tmp_path):
    """A checkout of one commit, in which configs/old.py stands."""
    who = ("-c", "user.name=x", "-c", "user.email=x@x")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/old.py").write_text("old\n")
    (tmp_path / ".gitignore").write_text("runs\nconfigs/kept.py\n")
    for words in (["init"], ["add", "."], [*who, "commit", "-m", "x"]):
        command = ["git", "-C", str(tmp_path), *words]
        subprocess.run(command, check=True, capture_output=True)
    return tmp_path


def test_what_was_changed_since_the_commit_is_named(clone):
    assert checkout.remark("a" * 40, clone) == []
    (clone / "notes.txt").touch()  # Nothing that would run.
    assert checkout.remark("a" * 40, clone) == []
    for name in ("old", "b", "c", "d"):
        (clone / f"configs/{name}.py").write_text("new")
    (line,) = checkout.remark("a" * 40, clone)
    assert line.startswith("note: what runs is commit aaaaaaaaaaaa, without")
    assert "configs/old.py" in line
    assert line.endswith(" and 1 more")


def test_a_config_that_no_machine_will_have_is_refused(clone, monkeypatch):
    monkeypatch.chdir(clone)
    checkout.check_config("mnist", clone)
    checkout.check_config("configs/old.py", clone)
    for name in ("new", "kept"):
        (clone / f"configs/{name}.py").touch()
        with pytest.raises(UserError, match="is in no commit"):
            checkout.check_config(f"configs/{name}.py", clone)
    with pytest.raises(UserError, match="is outside of"):
        checkout.check_config(str(clone.parent / "x.py"), clone)
