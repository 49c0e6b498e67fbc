"""A sample of what `make attack` does, and what its disk may lose."""

import contextlib
import random
import shutil

import numpy as np
import pytest

from tests.faults import attack
from tests.faults import disk
from tests.faults.cuts import Cuts
from tests.faults.deletions import Deletions
from tests.faults.hellos import Hellos
from tests.faults.mutations import Mutations
from tests.faults.names import Names
from trainer.config import CheckpointConfig
from trainer.storage.files import checksums
from trainer.storage.files import make_folder
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.workdir import checkpoints

SEED = 27


def failures(attacker, count):
    """Makes attacks; returns what got through, each with its number."""
    made = [attack.Attack(*attacker(f"{SEED}:{n}")) for n in range(count)]
    return [(n, a) for n, a in enumerate(made) if a.failure]


def test_no_reader_misses_what_a_run_removes_meanwhile(tmp_path):
    with contextlib.closing(Deletions(tmp_path)) as run:
        assert failures(run.attack, 60) == []


def test_no_hello_ends_a_chief(tmp_path):
    assert failures(Hellos(tmp_path).attack, 60) == []


def test_no_name_acts(tmp_path):
    assert failures(Names(tmp_path).attack, 20) == []


@pytest.mark.slow
def test_a_power_cut_leaves_old_or_new(tmp_path):
    assert failures(Cuts(tmp_path, exports=False).attack, 200) == []


@pytest.mark.slow
def test_nothing_that_is_altered_is_read_without_a_word(tmp_path, flowers):
    run, table = flowers
    own = tmp_path / "own"
    not_ours = shutil.ignore_patterns("export")
    shutil.copytree(run, own / "run", ignore=not_ours)
    shutil.copy(table, own / "flowers.csv")
    export = own / "run" / "export" / "1"
    export.mkdir(parents=True)
    (export / "model_card.md").write_text("a model")
    manifest = {"files": checksums(export)}
    (export / "manifest.json").write_bytes(to_json(manifest))
    assert failures(Mutations(tmp_path).attack, 100) == []


@pytest.fixture
def cuts(tmp_path):
    """From what is done in a folder to what 200 cuts may leave of it."""

    def cut(work):
        there = disk.Disk(tmp_path / "disk")
        (tmp_path / "disk").mkdir()
        with there.recorded():
            work(tmp_path / "disk")
        chance = random.Random(SEED)
        count = len(there.operations)
        for _ in range(200):
            end = chance.randrange(count + 1)
            yield end == count, there.cut(chance, end)

    return cut


def test_a_file_is_old_or_new_after_a_cut(cuts):
    def work(folder):
        for text in (b"old", b"new"):
            write_atomically(folder / "value", text)

    found = {(done, tree.get("value")) for done, tree in cuts(work)}
    assert found == {
        (False, None),
        (False, b"old"),
        (False, b"new"),
        (True, b"new"),
    }


def test_folders_last_once_they_are_made(cuts):
    found = [
        tree for done, tree in cuts(lambda f: make_folder(f / "a/b")) if done
    ]
    assert found == [{"a": {"b": {}}}] * len(found)
    assert found


def test_a_write_that_is_not_synced_may_be_lost_or_torn(cuts):
    def work(folder):
        (folder / "value").write_bytes(b"whole")

    found = {tree.get("value") for _, tree in cuts(work)}
    assert {None, b"", b"whole"} < found
    assert found & {b"w", b"wh", b"who", b"whol"}


def test_checkpoints_are_whole_after_a_cut(cuts, tmp_path):
    arrays = {"kernel": np.arange(3.0)}

    def save_model(path, arrays):
        path.write_bytes(b"a model")

    def work(folder):
        saver = checkpoints.Saver(folder, CheckpointConfig(keep=1), save_model)
        for step in (1, 2, 3):
            saver.save(step, arrays, {"step": step}, None)
        saver.close()

    for done, tree in cuts(work):
        shutil.rmtree(tmp_path / "after", ignore_errors=True)
        disk.lay_out(tree, tmp_path / "after")
        steps = checkpoints.steps_in(tmp_path / "after")
        for step in steps:
            path = checkpoints.path_of(tmp_path / "after", step)
            assert checkpoints.verify(path) is None
        assert not done or steps[-1] == 3
