"""Where the parts of XLA's compiler for GPUs are looked for."""

import pathlib

import pytest
import tensorflow as tf

from trainer.devices import gpu_compiler
from trainer.devices import strategies
from trainer.process.exits import UserError


@pytest.fixture
def cuda(tmp_path, monkeypatch):
    """A machine's CUDA, which lacks everything at first."""
    monkeypatch.setattr(gpu_compiler, "_folders", lambda: [tmp_path])
    return tmp_path


def add(path):
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ([], "needs ptxas and libdevice in"),
        (["bin/ptxas"], "needs libdevice in"),
        ([gpu_compiler.LIBDEVICE], "needs ptxas in"),
    ],
)
def test_what_is_missing_is_named_before_the_first_step(held, missing, cuda):
    for name in held:
        add(cuda / name)
    with pytest.raises(UserError, match=missing):
        gpu_compiler.check({"PATH": ""})


def test_nvidias_package_or_a_folder_of_ones_own_is_enough(cuda):
    gpu_compiler.check({"XLA_FLAGS": "--xla_gpu_cuda_data_dir=/x", "PATH": ""})
    add(cuda / gpu_compiler.LIBDEVICE)
    add(cuda / "elsewhere/ptxas")
    gpu_compiler.check({"PATH": str(cuda / "elsewhere")})


def test_the_package_is_looked_for_beside_tensorflow():
    first, *system = gpu_compiler._folders()
    assert first.parts[-2:] == ("nvidia", "cuda_nvcc")
    assert (first.parents[1] / "tensorflow").is_dir()
    assert system == [pathlib.Path(each) for each in gpu_compiler.SYSTEM]


def test_it_is_looked_for_where_a_gpu_is_compiled_for(cuda, monkeypatch):
    monkeypatch.setenv("PATH", "")
    strategies.check_compiler(True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["x"])
    strategies.check_compiler(False)
    with pytest.raises(UserError, match="needs ptxas and libdevice"):
        strategies.check_compiler(True)
