"""What a user can get wrong: one line on stderr, code 2, nothing written."""

import subprocess
import sys

import pytest

from tests.bad_input.commands import command
from tests.bad_input.commands import TIMEOUT_SECS
from tests.bad_input.config_files import REFUSED
from tests.bad_input.row import Row
from tests.bad_input.table import check
from tests.bad_input.table import contents
from tests.bad_input.table import prepare
from tests.bad_input.table import TABLE
from tests.processes import ROOT
from trainer import task
from trainer.config.values import rules

# Run once more as real commands.
COMMANDS = (
    "no argument",
    "unknown flag",
    "ill-typed flag",
    "no CPU devices",
    "unknown field",
    "rule of data.source",
    "rule of global_batch_size",
    "config file with a syntax error",
    "NaN in the features",
    "ragged rows in an npz",
    "announced bomb",
    "truncated IDX",
    "a class that was not trained",
    "another config's workdir",
    "TF_CONFIG torn",
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_mistake_is_one_line(row, here, monkeypatch, capsys):
    arguments = prepare(row, here, monkeypatch)
    monkeypatch.chdir(here)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    # Loaded into the same module again, an older file's names would stay.
    monkeypatch.delitem(sys.modules, "config_config", raising=False)
    for name, value in row.environment.items():
        monkeypatch.setenv(name, value)
    if not row.needs_tensorflow:
        # From here on, importing either raises ImportError.
        for name in ("tensorflow", "keras"):
            monkeypatch.setitem(sys.modules, name, None)
    before = contents(here)
    code = task.main(arguments)
    check(row, code, capsys.readouterr().err)
    assert contents(here) == before


def test_every_rule_is_in_the_table():
    assert set(REFUSED) == set(rules())
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)
    assert set(COMMANDS) <= set(names)


@pytest.fixture
def trap(tmp_path):
    """A folder that stands before TensorFlow on the path, and ends who asks."""
    path = tmp_path / "trap"
    path.mkdir()
    for name in ("tensorflow", "keras"):
        (path / f"{name}.py").write_text(f"raise SystemExit('{name} asked')\n")
    return path


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.name in COMMANDS],
    ids=lambda row: row.name,
)
def test_a_mistake_in_a_command(row, here, trap, monkeypatch):
    arguments = prepare(row, here, monkeypatch)
    before = contents(here)
    done = command(arguments, here, before=[trap], **row.environment)
    check(row, done.returncode, done.stderr)
    assert contents(here) == before


def test_the_trap_catches(here, trap):
    done = command(
        [f"--workdir={here}/run", "--config=digits"], here, before=[trap]
    )
    assert "tensorflow asked" in done.stderr
    assert contents(here) == {}


@pytest.fixture
def holder(here):
    """A live process that holds {here}/run, and the folder's lock file."""
    (here / "run").mkdir()
    lock = here / "run" / ".lock"
    hold = (
        "import pathlib, sys\n"
        "from trainer.workdir.folder import Workdir\n"
        f"with Workdir({str(here / 'run')!r}).lock():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("", timeout=TIMEOUT_SECS)
    assert lock.exists()


def test_a_workdir_that_is_held(here, holder, trap):
    before = contents(here)
    done = command(
        [f"--workdir={here}/run", "--config=digits"], here, before=[trap]
    )
    words = ("/run is in use by process", str(holder.pid))
    check(Row("held", "", words), done.returncode, done.stderr)
    assert contents(here) == before
