"""What stands here and would not run on a machine."""

import functools
import subprocess

import pytest

from trainer.launch.gcp import checkout
from trainer.launch.gcp.checkout import config_there
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
    checked = functools.partial(config_there, root=clone, is_installed=False)
    assert checked("mnist", is_committed=True) == "mnist"
    for name in ("new", "kept"):
        (clone / f"configs/{name}.py").touch()
        for word in (f"configs/{name}.py", name):
            with pytest.raises(UserError, match="is in no commit"):
                checked(word, is_committed=True)
    outside = clone.parent / "x.py"
    outside.touch()
    with pytest.raises(UserError, match="is outside of"):
        checked(str(outside), is_committed=True)


@pytest.mark.parametrize(
    ("folder", "config"),
    [
        (".", "configs/old.py"),
        ("configs", "old.py"),
        ("..", "CLONE/configs/old.py"),
        ("configs", "../LINK/old.py"),
        ("configs", "old"),
    ],
)
def test_a_config_is_named_as_it_is_found_where_the_job_runs(
    folder, config, clone, monkeypatch
):
    (clone / "LINK").symlink_to("configs")
    monkeypatch.chdir(clone / folder)
    config = config.replace("CLONE", str(clone))
    named = functools.partial(config_there, config, root=clone)
    in_checkout = named(is_installed=False, is_committed=True)
    assert in_checkout == ("old" if config == "old" else "configs/old.py")
    assert named(is_installed=True, is_committed=False) == "old"


@pytest.mark.parametrize("config", ["mine/a b.py", "configs/a b.yaml"])
def test_a_config_that_no_image_has_is_refused(config, clone, monkeypatch):
    monkeypatch.chdir(clone)
    (clone / "mine").mkdir()
    (clone / config).touch()
    with pytest.raises(UserError, match=r"is in no image, .* --config='a b'"):
        config_there(config, root=clone, is_installed=True, is_committed=False)


def test_an_image_may_have_what_is_in_no_commit(clone, monkeypatch):
    monkeypatch.chdir(clone)
    (clone / "configs/new.py").touch()
    named = functools.partial(
        config_there, "configs/new.py", root=clone, is_installed=True
    )
    assert named(is_committed=False) == "new"
    with pytest.raises(UserError, match="is in no commit"):
        named(is_committed=True)
