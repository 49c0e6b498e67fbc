"""Checkpoints: whole or not there, pruned, listed and verified."""

import json

import numpy as np
import pytest

from trainer.config import CheckpointConfig
from trainer.process.exits import UserError
from trainer.reports import checkpoints as listing
from trainer.workdir import checkpoints

ARRAYS = {"model/kernel": np.arange(6.0).reshape(2, 3)}


def save_model(path, arrays):
    path.write_bytes(b"a model")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


def write(folder, step, save=save_model):
    checkpoints.write(folder, step, ARRAYS, {"step": step}, save)
    return checkpoints.path_of(folder, step)


def test_what_is_written_is_read(folder):
    path = write(folder, 7)
    assert path.name == "step_00000007"
    arrays, scalars = checkpoints.read(path)
    np.testing.assert_equal(arrays, ARRAYS)
    assert scalars == {"step": 7}
    assert checkpoints.verify(path) is None


def test_a_write_that_fails_leaves_nothing(folder):
    write(folder, 1)

    def full(path, arrays):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write(folder, 2, full)
    assert [path.name for path in folder.iterdir()] == ["step_00000001"]


@pytest.mark.parametrize("name", ["state.npz", "state.json", "model.keras"])
@pytest.mark.parametrize("harm", ["flip", "cut", "delete", "grow"])
def test_any_harm_is_seen(folder, name, harm):
    path = write(folder, 3)
    content = bytearray((path / name).read_bytes())
    if harm == "flip":
        content[0] ^= 1
    elif harm == "cut":
        content.pop()
    else:
        content.append(0)
    (path / name).write_bytes(content)
    if harm == "delete":
        (path / name).unlink()
    assert name in checkpoints.verify(path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"step": 3, "files": {}}', "{"]
)
def test_a_manifest_that_says_nothing_is_refused(folder, text):
    path = write(folder, 3)
    (path / "manifest.json").write_text(text)
    assert checkpoints.verify(path) is not None


def test_the_newest_good_one_is_taken(folder, capsys):
    for step in (1, 2, 3):
        write(folder, step)
    (folder / "step_00000003" / "state.npz").write_bytes(b"")
    assert checkpoints.newest_good(folder).name == "step_00000002"
    assert "step_00000003 refused" in capsys.readouterr().out


def test_no_good_one_is_an_error_and_none_at_all_is_not(folder):
    assert checkpoints.newest_good(folder) is None
    path = write(folder, 1)
    (path / "manifest.json").unlink()
    with pytest.raises(UserError, match="no checkpoint that is whole"):
        checkpoints.newest_good(folder)


def steps_of_three(folder, *torn):
    """Writes steps 1 to 3, of which 1 is the best."""
    for step in (1, 2, 3):
        scalars = {"step": step, "best_step": 1}
        checkpoints.write(folder, step, ARRAYS, scalars, save_model)
    for step in torn:
        (folder / f"step_{step:08d}" / "state.npz").write_bytes(b"")


@pytest.mark.parametrize(
    ("wanted", "step"),
    [(None, 1), ("best", 1), ("last", 3), ("2", 2)],
)
@pytest.mark.parametrize("falls_back", [False, True])
def test_the_one_that_is_meant_is_chosen(folder, wanted, step, falls_back):
    steps_of_three(folder)
    chosen, *_ = checkpoints.load(folder, wanted, falls_back=falls_back)
    assert chosen == checkpoints.path_of(folder, step)


@pytest.mark.parametrize(("torn", "step"), [((1,), 3), ((3,), 1), ((1, 3), 2)])
def test_one_that_is_not_whole_is_refused_or_stood_in_for(folder, torn, step):
    steps_of_three(folder, *torn)
    with pytest.raises(UserError, match=r"is refused: state.npz .* name the"):
        checkpoints.load(folder)
    chosen, *_ = checkpoints.load(folder, falls_back=True)
    assert chosen == checkpoints.path_of(folder, step)


@pytest.mark.parametrize("falls_back", [False, True])
def test_one_that_is_not_there_is_told(folder, falls_back):
    with pytest.raises(UserError, match="holds no checkpoint; name a run's"):
        checkpoints.load(folder, falls_back=falls_back)
    checkpoints.write(
        folder, 5, ARRAYS, {"step": 5, "best_step": None}, save_model
    )
    for wanted, words in {
        "4": "and the steps 5 of",
        "best": "no metric",
    }.items():
        with pytest.raises(UserError, match=words):
            checkpoints.load(folder, wanted, falls_back=falls_back)


@pytest.mark.parametrize(
    ("keep_every_steps", "expected"), [(None, [2, 6, 7]), (3, [2, 3, 6, 7])]
)
def test_the_newest_the_best_and_every_nth_are_kept(
    folder, keep_every_steps, expected
):
    config = CheckpointConfig(keep=2, keep_every_steps=keep_every_steps)
    saver = checkpoints.Saver(folder, config, save_model)
    for step in range(1, 8):
        saver.save(step, ARRAYS, {"step": step}, best_step=2)
    saver.close()
    assert checkpoints.steps_in(folder) == expected
    assert {path.name[0] for path in folder.iterdir()} == {"s"}


def test_what_a_killed_process_left_aside_is_removed(folder):
    write(folder, 1)
    (folder / ".step_00000002").mkdir()
    checkpoints.clean(folder)
    assert [path.name for path in folder.iterdir()] == ["step_00000001"]


def test_the_verb_lists_and_verifies(folder, tmp_path, capsys):
    write(folder, 1)
    torn = write(folder, 2)
    assert listing.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "step_00000001",
        "step_00000002",
    ]
    (torn / "state.json").write_text(json.dumps({"step": 3}))
    assert listing.main([str(tmp_path), "--verify"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("whole")
    assert "refused: state.json" in second


def test_the_verb_names_the_newest_ones_arrays(folder, tmp_path, capsys):
    write(folder, 1)
    assert listing.main([str(tmp_path), "--contents"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert line == "  model/kernel  float64 [2, 3]"


@pytest.mark.parametrize("arguments", [[], ["--nope"], ["here", "there"]])
def test_a_mistake_is_one_line(arguments, capsys):
    assert listing.main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_without_checkpoints_is_a_mistake(tmp_path, capsys):
    assert listing.main([str(tmp_path)]) == 2
    assert "holds no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    "scalars", [[], {}, {"step": 1, "best_step": "x"}, {"step": 1, "sums": 1}]
)
def test_a_state_of_another_program_is_told(folder, scalars):
    path = checkpoints.path_of(folder, 1)
    checkpoints.write(folder, 1, ARRAYS, scalars, save_model)
    assert checkpoints.verify(path) is None
    for look in (
        lambda: checkpoints.read(path),
        lambda: checkpoints.load(folder),
        lambda: checkpoints.load(folder, falls_back=True),
    ):
        with pytest.raises(UserError, match=r"is refused: state.json: .*; res"):
            look()


def test_a_state_of_a_later_version_is_read(folder):
    scalars = {"step": 1, "later": [1]}
    checkpoints.write(folder, 1, ARRAYS, scalars, save_model)
    assert checkpoints.load(folder)[2] == scalars


@pytest.mark.parametrize("name", ["manifest.json", "state.npz", "state.json"])
def test_one_that_the_run_removes_meanwhile_is_passed_over(
    folder, name, monkeypatch
):
    """The run saves step 2 and removes step 1 while step 1 is looked at."""
    checkpoints.write(
        folder, 1, ARRAYS, {"step": 1, "best_step": None}, save_model
    )
    real, count = open, iter(range(100))

    def save_and_open(path, *arguments, **named):
        if str(path).endswith(f"step_00000001/{name}") and not next(count):
            scalars = {"step": 2, "best_step": None}
            checkpoints.write(folder, 2, ARRAYS, scalars, save_model)
            checkpoints.remove(checkpoints.path_of(folder, 1))
        return real(path, *arguments, **named)

    for module in ("builtins", "io"):
        monkeypatch.setattr(f"{module}.open", save_and_open)
    path, arrays, scalars = checkpoints.load(folder)
    assert path.name == "step_00000002"
    assert scalars["step"] == 2
    np.testing.assert_equal(arrays, ARRAYS)


def test_the_best_one_that_was_deleted_is_told(folder):
    steps_of_three(folder)
    checkpoints.remove(checkpoints.path_of(folder, 1))
    with pytest.raises(UserError, match="step_00000001 is gone; restore it"):
        checkpoints.load(folder)


def test_one_that_a_user_deleted_is_not_missed(folder):
    saver = checkpoints.Saver(folder, CheckpointConfig(keep=1), save_model)
    saver.save(1, ARRAYS, {}, None)
    saver.wait()
    checkpoints.remove(checkpoints.path_of(folder, 1))
    saver.save(2, ARRAYS, {}, None)
    saver.close()
    assert checkpoints.steps_in(folder) == [2]
