"""docs/serving.md and the public names' docstrings, run as they are written."""

import doctest
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import trainer
from tests import processes
from trainer.serving import export
from trainer.serving import load as load_lib

ROOT = pathlib.Path(processes.ROOT)


@pytest.fixture
def here(trained, flowers, tmp_path, monkeypatch):
    """A folder with runs/digits, runs/flowers and files to predict from."""
    workdir, table = flowers
    for name, run in (("digits", trained("multiclass")), ("flowers", workdir)):
        target = tmp_path / "runs" / name
        shutil.copytree(run, target, ignore=shutil.ignore_patterns("export"))
        assert export.main([f"--workdir={target}"]) == 0
    shutil.copy(table, tmp_path / "flowers.csv")
    np.save(tmp_path / "new.npy", np.zeros((2, 8, 8), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_of_the_docs_runs_as_written(here, capsys):
    text = (ROOT / "docs" / "serving.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "docs/serving.md", "exec"), {})
    digits, *flowers = capsys.readouterr().out.split("[")[-2:]
    assert re.fullmatch(r"\d \d\]\n", digits)
    assert len(flowers[0].strip("]\n").split()) == 120


def test_the_examples_of_the_public_names_hold(here):
    found = doctest.testmod(load_lib, raise_on_error=True)
    assert found.attempted >= 6


def test_public_names_are_there_and_documented():
    for name in trainer._MODULES:
        assert getattr(trainer, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'save'"):
        trainer.save  # noqa: B018


def test_importing_trainer_imports_no_tensorflow():
    program = (
        "import sys, trainer;"
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("verb", ["drift", "evaluate", "predict", "export"])
def test_help_imports_nothing_heavy(verb):
    program = (
        "import sys, importlib\n"
        f"verb = importlib.import_module('trainer.serving.{verb}')\n"
        "try:\n    verb.main(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'scipy'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"usage: strata {verb}" in done.stdout
    assert done.stdout.endswith("set()\n")
