"""The training step as the TPU compiler sees it."""

import pathlib
import re
import subprocess

import pytest

from benchmarks import hlo_text
from tests.processes import ROOT

COMPILER = pathlib.Path(ROOT, ".venv-tpu-check", "bin", "python")
FOREIGN = """\
HloModule foreign, entry_computation_layout={(f32[4]{0})->f32[4]{0}}

ENTRY %main (p: f32[4]) -> f32[4] {
  %p = f32[4]{0} parameter(0)
  ROOT %c = f32[4]{0} custom-call(%p), custom_call_target="lapack_sgetrf"
}
"""
DYNAMIC = """\
HloModule dynamic, entry_computation_layout={(f32[4]{0}, s32[])->s32[]}

ENTRY %main (p: f32[4], n: s32[]) -> s32[] {
  %p = f32[4]{0} parameter(0)
  %n = s32[] parameter(1)
  %d = f32[<=4]{0} set-dimension-size(%p, %n), dimensions={0}
  %e = f32[<=4]{0} add(%d, %d)
  ROOT %g = s32[] get-dimension-size(%e), dimensions={0}
}
"""


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """The HLO of a small step in which most features are at work."""
    from benchmarks import lowering
    from tests.faults.jobs import FULL

    path = tmp_path_factory.mktemp("hlo") / "step.hlo"
    assert lowering.main([str(path), *FULL, "--config.epochs=2"]) == 0
    return path


def test_what_a_text_tells():
    kinds = ["parameter", "parameter", "set-dimension-size", "add"]
    assert hlo_text.operations(DYNAMIC) == [*kinds, "get-dimension-size"]
    assert hlo_text.dynamic_shapes(DYNAMIC) == [
        "add f32[<=4]{0}",
        "set-dimension-size f32[<=4]{0}",
    ]
    assert hlo_text.dynamic_shapes(FOREIGN) == []
    assert hlo_text.foreign_calls(FOREIGN) == ["lapack_sgetrf"]
    assert hlo_text.foreign_calls(DYNAMIC) == []


@pytest.mark.slow
def test_the_step_stays_within_xla_and_its_shapes_are_static(step):
    text = step.read_text()
    kinds = hlo_text.operations(text)
    # Forward, backward and the loop over the chunk's steps.
    assert kinds.count("dot") >= 6
    assert {"while", "dynamic-update-slice"} <= set(kinds)
    assert hlo_text.foreign_calls(text) == []
    assert hlo_text.dynamic_shapes(text) == []


@pytest.fixture
def check():
    """Runs the check on a file, in its own environment."""
    if not COMPILER.exists():
        pytest.skip("there is no .venv-tpu-check; make tpu-check makes it")

    def run(path):
        done = subprocess.run(
            [COMPILER, "-m", "benchmarks.tpu_check", path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


@pytest.mark.slow
def test_the_step_compiles_for_both_kinds_of_tpu(check, step):
    code, told = check(step)
    assert code == 0, told
    for device in ("v5e:2x2: TPU v5 lite", "v4:2x2x2: TPU v4"):
        assert f"\n{device}, compiled in " in told
    assert len(re.findall(r"^  code \d+\.\d\d MiB, ", told, re.MULTILINE)) == 2
    assert "compiler: jax 0.10.2, jaxlib 0.10.2, libtpu 0.0.52" in told
    assert "not covered: TPUStrategy, collectives, input" in told


@pytest.mark.slow
def test_what_a_tpu_lacks_is_refused_by_name(check, tmp_path):
    path = tmp_path / "foreign.hlo"
    path.write_text(FOREIGN)
    code, told = check(path)
    assert code == 1
    assert "calls out of XLA: lapack_sgetrf" in told
    assert told.count("REFUSED: INVALID_ARGUMENT: Custom emitter for") == 2


def packages(lock):
    """Names the packages that a lock holds."""
    text = lock.read_text()
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE))


def test_no_lock_holds_two_builds_of_tensorflow_or_of_libtpu():
    root = pathlib.Path(ROOT)
    locks = [*root.glob("*.lock"), *root.glob("*/*requirements*.txt")]
    assert root / "requirements.lock" in locks
    held = {lock.name: packages(lock) for lock in locks}
    assert {"jax", "libtpu"} <= held["tpu_check_requirements.txt"]
    assert {"jax", "libtpu"} <= held["tpu_check_requirements_paired.txt"]
    for name, names in held.items():
        assert names, name
        assert not {"tensorflow", "tensorflow-tpu"} <= names, name
        assert not {"jax", "tensorflow"} <= names, name
        assert not {"jax", "tensorflow-tpu"} <= names, name


def test_the_paired_compiler_is_the_one_that_tpu_vms_get():
    paired, installed = (
        re.findall(
            r"^libtpu==(\S+)", pathlib.Path(ROOT, path).read_text(), re.M
        )
        for path in (
            "benchmarks/tpu_check_requirements_paired.txt",
            "launch/requirements-tpu.txt",
        )
    )
    assert paired == installed == ["0.0.10"]
