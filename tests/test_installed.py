"""The wheel: what it holds, and every verb from it, in a folder of a user's.

The environment has what the tests' own has, and nothing of the checkout.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import numpy as np
import pytest

import trainer
from trainer.__main__ import VERBS
from trainer.process.extras import DISTRIBUTION

ROOT = pathlib.Path(__file__).parents[1]
# Where a wheel holds each folder.
WHERE = {"configs": "trainer/", "launch": "trainer/", "trainer": ""}
# Modules that the command and what it starts import, as a user's own files.
HOSTILE = (
    *("trainer", "launch", "configs", "json", "numpy", "keras", "absl"),
    "tensorboard",
)
TINY = "--config.model.hidden_units=4"
# In their order, a run's verbs after the run; and words of what each prints.
WORDS = [
    ("--help", "usage: strata VERB"),
    ("help config", "class Config:"),
    ("init own", "next: cd own && make train"),
    ("completion bash", "complete -F _strata strata"),
    ("doctor --quick", "installed"),
    ("inspect table.csv", "label:   kind"),
    (f"train --config=digits --config.epochs=1 {TINY}", "MLP score:"),
    ("train runs/digits", "finished"),
    ("evaluate runs/digits", "accuracy"),
    ("predict runs/digits --input=rows.npy", "class,probability_0"),
    ("export runs/digits --formats=keras", "exported to"),
    ("drift runs/digits --input=rows.npy", "brightness"),
    ("checkpoints runs/digits --verify", "whole"),
    ("verify runs/digits", "whole"),
    ("report runs/digits", "report.html"),
    ("compare runs/digits runs/two", "differs"),
    (
        "launch local --num_workers=2 -- --config=runs/digits/config.json"
        " --workdir=runs/two",
        "MLP score:",
    ),
    ("jobs list --all", "runs/digits"),
    ("sweep runs/sweep --config=digits --trials=2 --dry_run", "trials"),
    ("launch slurm --dry_run -- --config=mnist", "trainer.launch.slurm.batch"),
    ("launch ssh --hosts=a --dry_run -- --config=mnist", "-m trainer.launch"),
    (
        "launch kubernetes --name=a --image=b --volume=c:/shared --"
        " --config=mnist --workdir=/shared/a",
        "trainer.launch.local",
    ),
]


# Those that go on until they are ended.
SERVING = ("tensorboard runs/two --port=0", "serve runs/two --port=0")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "dist", "runs"
    )
    shutil.copytree(ROOT, folder / "tree", ignore=unwanted)
    program = [sys.executable, "-m", "pip", "wheel", f"--wheel-dir={folder}"]
    flags = ["--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*program, *flags, str(folder / "tree")], check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    name = DISTRIBUTION.replace("-", "_")
    info = f"{name}-{trainer.__version__}.dist-info/"
    files = {name for name in held if not name.startswith(info)}
    sources = {
        f"{below}{path.relative_to(ROOT).as_posix()}"
        for folder, below in WHERE.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    others = {
        "trainer/launch/gcp/machine/startup.sh",
        "trainer/py.typed",
        *(
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "trainer").glob("*/templates/*")
        ),
    }
    assert files == sources | others
    assert {info + "entry_points.txt", info + "licenses/LICENSE"} <= held


def test_one_name_lands_in_site_packages(wheel):
    held = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in held}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "trainer"
    }


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> pathlib.Path:
    """`strata` of an environment with the wheel, and our packages beside."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    program = [sys.executable, "-m", "pip", f"--python={python}", "install"]
    flags = ["--quiet", "--no-deps", "--no-index"]
    subprocess.run([*program, *flags, str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path file of another's path file is not read: not that of the checkout.
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "strata"


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> pathlib.Path:
    """A user's folder, whose files are called as our modules are."""
    folder = tmp_path_factory.mktemp("here")
    for name in HOSTILE:
        (folder / f"{name}.py").write_text("raise SystemExit('not ours')\n")
    (folder / "configs").mkdir()
    (folder / "configs" / "digits.py").write_text("raise SystemExit(9)\n")
    (folder / "table.csv").write_text("size,kind\n" + "1,a\n2,b\n" * 20)
    np.save(folder / "rows.npy", np.zeros((2, 8, 8), np.uint8))
    return folder


def ask(command, here, words) -> tuple[int, str]:
    done = subprocess.run(
        [command, *shlex.split(words)],
        cwd=here,
        env={"HOME": str(here), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_every_verb_works_from_the_wheel(command, here):
    in_order = sorted(WORDS, key=lambda pair: pair[0].startswith("compare"))
    for words, told in in_order:
        code, shown = ask(command, here, words)
        assert (code, told in shown) == (0, True), f"{words}: {shown}"
        assert "not ours" not in shown
    for words in SERVING:
        assert says_where(command, here, words), words


def says_where(command, here, words) -> bool:
    """Whether a verb that serves says where it does; ends it then."""
    with subprocess.Popen(
        [command, *words.split()],
        cwd=here,
        env={"HOME": str(here), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as serving:
        found = any("http://127.0.0.1:" in line for line in serving.stdout)
        serving.terminate()
    return found


@pytest.mark.slow
def test_google_cloud_takes_a_clone(command, here):
    words = (
        "launch gcp gpu --name=a --zone=us-central1-a --dry_run"
        " --machine_type=g2-standard-8 --bucket=gs://a-bucket --"
        " --config=mnist --data_dir=gs://a-bucket/mnist"
    )
    code, shown = ask(command, here, words)
    assert (code, shown.count("\n")) == (2, 1)
    assert "is no git checkout" in shown


def test_docs_name_the_distribution():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = re.findall(
        r"pip install '?(strata[\w-]*)", "".join(p.read_text() for p in pages)
    )
    assert set(named) == {DISTRIBUTION}


def test_no_verb_is_forgotten():
    tried = [*(words for words, _ in WORDS), *SERVING]
    left = {
        name
        for name in VERBS
        if not any(words.startswith(name) for words in tried)
    }
    assert left == {"launch gcp"}  # which takes a clone
