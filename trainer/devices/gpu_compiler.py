"""What XLA needs beside the driver to compile a step for NVIDIA's GPUs.

TensorFlow's wheel holds the compiler, but neither ptxas, which assembles what
it writes, nor libdevice, the GPU's mathematical functions. Without one of them
the first step fails, after the machine was set up.
"""

import importlib.util
import os
import pathlib
import shutil
from collections.abc import Mapping

from trainer.process.exits import UserError

LIBDEVICE = "nvvm/libdevice/libdevice.10.bc"
SYSTEM = ("/usr/local/cuda", "/opt/cuda")
_OWN_FOLDER = "--xla_gpu_cuda_data_dir"


def check(environment: Mapping[str, str]) -> None:
    """Looks where XLA looks.

    Args:
      environment: of this process.

    Raises:
      UserError: a part is in none of these places.
    """
    if _OWN_FOLDER in environment.get("XLA_FLAGS", ""):
        return
    folders = _folders()
    parts = {
        "ptxas": shutil.which("ptxas", path=environment.get("PATH"))
        or any((folder / "bin/ptxas").is_file() for folder in folders),
        "libdevice": any((folder / LIBDEVICE).is_file() for folder in folders),
    }
    if missing := [name for name, found in parts.items() if not found]:
        raise UserError(
            f"--config.jit_compile=True on a GPU needs {' and '.join(missing)}"
            f" in one of {', '.join(map(str, folders))}; install the 'gpu'"
            " extra (nvidia-cuda-nvcc-cu12), or add"
            " --config.jit_compile=False"
        )


def _folders() -> list[pathlib.Path]:
    """Names CUDA's folders: NVIDIA's packages here, then the system's."""
    spec = importlib.util.find_spec("tensorflow")
    site = pathlib.Path(os.path.dirname((spec and spec.origin) or "")).parent
    system = [pathlib.Path(folder) for folder in SYSTEM]
    return [site / "nvidia/cuda_nvcc", *system]
