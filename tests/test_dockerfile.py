"""The image's recipe against the lock, the set-up and the manifest.

To build it takes minutes and a registry: what it would do is read, and its
copies are built.
"""

import importlib.metadata
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement

from tests.processes import ROOT
from trainer.launch.kubernetes.pods import USER

DOCKERFILE = pathlib.Path(ROOT, "launch", "Dockerfile")


@pytest.fixture(scope="module")
def instructions():
    """Returns [(instruction, rest of its line)], comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    words = [line.partition(" ") for line in lines if line.strip()]
    return [(name, " ".join(rest.split())) for name, _, rest in words]


def of(instructions, name):
    return [rest for each, rest in instructions if each == name]


def copied(instructions):
    """Returns the sources of all copies."""
    copies = [shlex.split(rest) for rest in of(instructions, "COPY")]
    return [source for *sources, _ in copies for source in sources]


def setting(path, pattern):
    return re.search(pattern, pathlib.Path(ROOT, path).read_text())[1]


def test_the_base_is_one_version_of_a_python_that_is_tested(instructions):
    assert of(instructions, "FROM") == ["${BASE}"]
    base = of(instructions, "ARG")[0]
    match = re.fullmatch(
        r"BASE=python:(3\.(\d+)\.\d+)-slim-[a-z]+@sha256:[0-9a-f]{64}", base
    )
    assert match
    requires = setting("setup.py", r'python_requires="(.*)"')
    least, below = map(int, re.findall(r"3\.(\d+)", requires))
    assert least <= int(match[2]) < below
    # That on which CI runs the whole suite, and that the lock begins with.
    assert int(match[2]) == least
    assert f"--python-version 3.{match[2]} " in pathlib.Path(
        ROOT, "Makefile"
    ).read_text().replace("\\\n", " ")


def test_packages_are_those_of_the_lock(instructions):
    installs = [r for r in of(instructions, "RUN") if "pip install" in r]
    assert "--require-hashes -r requirements.lock" in installs[0]
    # The project itself brings nothing more.
    assert installs[1].endswith("--no-deps --no-build-isolation .")
    uv = setting("Makefile", r"UV_VERSION := (\S+)")
    assert f"UV_VERSION={uv}" in of(instructions, "ARG")
    assert "--require-hashes -r launch/requirements-gpu.txt" in installs[2]
    lock = pathlib.Path(ROOT, "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert re.search(r"^setuptools==", lock, re.MULTILINE)


def test_the_gpus_lock_holds_what_tensorflow_asks_for():
    lock = pathlib.Path(ROOT, "launch/requirements-gpu.txt").read_text()
    held = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock, re.MULTILINE))
    asked = map(Requirement, importlib.metadata.requires("tensorflow") or [])
    cuda = [a for a in asked if a.marker and "and-cuda" in str(a.marker)]
    assert {a.name for a in cuda} == held.keys()
    assert all(a.specifier.contains(held[a.name]) for a in cuda)
    assert lock.count("--hash=") >= len(held)


def test_googles_nodes_driver_is_found(instructions):
    """GKE mounts it there, on no linker's path."""
    assert "LD_LIBRARY_PATH=/usr/local/nvidia/lib64" in of(instructions, "ENV")


def test_it_runs_without_rights_as_the_manifest_says(instructions):
    names = [name for name, _ in instructions]
    assert of(instructions, "USER") == [f"{USER}:{USER}"]
    after = names[names.index("USER") :]
    assert not {"RUN", "COPY", "ADD"} & set(after)
    assert any(
        f"useradd --uid {USER} " in rest for rest in of(instructions, "RUN")
    )


def test_what_is_copied_is_there_and_let_through(instructions):
    ignore = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text()
    let_through = re.findall(r"^!(\S+)$", ignore, re.MULTILINE)
    assert sorted(let_through) == sorted(copied(instructions))
    for source in let_through:
        assert pathlib.Path(ROOT, source).exists()


def test_what_is_copied_is_enough_to_install(instructions, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for source in copied(instructions):
        path = pathlib.Path(ROOT, source)
        if path.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, tree / source, ignore=unwanted)
        else:
            shutil.copy(path, tree)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    flags = ["--no-build-isolation", f"--wheel-dir={tmp_path}"]
    subprocess.run([*wheel, *flags, str(tree)], check=True)
    (built,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(built).namelist())
    needed = {
        "trainer/configs/mnist.py",
        "trainer/launch/local.py",
        "trainer/task.py",
    }
    assert needed <= held
