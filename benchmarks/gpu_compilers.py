"""XLA:GPU at work without a GPU: TensorFlow's own, or jaxlib's."""

import dataclasses
import itertools
import os
import pathlib
import subprocess
import tempfile

from benchmarks import gpu_dump
from benchmarks.gpu_targets import Target
from benchmarks.gpu_targets import TARGETS
from trainer.process.exits import UserError

# Where an environment has TensorFlow's own, made of gpu_compile.cc.
OWN = "bin/gpu_compile"
MIB = 1 << 20
# What CUDA, its libraries and TensorFlow itself take beside a program.
KEPT_BYTES = 2 << 30


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled.

    Attributes:
      title: for people.
      hlo: its text.
      steps: of training.
      replicas: that run it together.
    """

    title: str
    hlo: str
    steps: int = 1
    replicas: int = 1


@dataclasses.dataclass(frozen=True)
class Case:
    """A program on a target, and what came of it.

    Attributes:
      program: that was compiled.
      name: of the target.
      told: seconds, or "REFUSED: " and the compiler's words.
      compiled: None where it was refused.
    """

    program: Program
    name: str
    told: str
    compiled: gpu_dump.Compiled | None

    @property
    def target(self) -> Target:
        """That it was compiled for."""
        return TARGETS[self.name]

    def faults(self) -> list[str]:
        """Says what must not be."""
        made = self.compiled
        if made is None:
            return [self.told]
        found = []
        if made.host_calls:
            found.append(f"calls on the host: {', '.join(made.host_calls)}")
        if made.host_waits:
            found.append(f"waits for the host {made.host_waits} times a step")
        room = self.target.memory_bytes - KEPT_BYTES
        if made.memory_bytes > room:
            found.append(
                f"takes {made.memory_bytes / MIB:,.0f} MiB of the"
                f" {room / MIB:,.0f} that are free on the device"
            )
        return found

    def products(self) -> dict[str, int]:
        """Counts the products by what they are on the target."""
        counts = dict(self.compiled.products) if self.compiled else {}
        if not self.target.has_bfloat16 and "tf32" in counts:
            counts["float32"] = counts.get("float32", 0) + counts.pop("tf32")
        return dict(sorted(counts.items()))


def compile_all(
    environment: pathlib.Path, names: list[str], programs: list[Program]
) -> list[Case]:
    """Compiles each program for each target.

    Raises:
      UserError: the environment lacks a part, or its compiler fails.
    """
    nvcc = _nvcc(environment)
    with tempfile.TemporaryDirectory() as scratch:
        folder, places = pathlib.Path(scratch), []
        words: list[str | pathlib.Path] = []
        for name in names:
            (folder / name).write_text(TARGETS[name].proto)
        for i, program in enumerate(programs):
            (folder / f"{i}.hlo").write_text(program.hlo)
        for name, (i, program) in itertools.product(names, enumerate(programs)):
            dump = folder / f"{i}-{name}"
            places.append((program, name, dump))
            hlo = folder / f"{i}.hlo"
            words += [hlo, folder / name, str(program.replicas), dump]
        ran = subprocess.run(
            [*_compiler(environment.absolute()), *words],
            cwd=pathlib.Path(__file__).parents[1],
            env={
                **os.environ,
                # This ptxas, not another that the machine has.
                "PATH": f"{nvcc / 'bin'}:{os.environ['PATH']}",
                "XLA_FLAGS": f"--xla_gpu_cuda_data_dir={nvcc}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        told = ran.stdout.splitlines()
        if ran.returncode or len(told) != len(places):
            last = "\n".join(ran.stderr.splitlines()[-5:])
            raise UserError(f"the compiler ended with {ran.returncode}: {last}")
        return [
            Case(
                program,
                name,
                line,
                None
                if line.startswith("REFUSED")
                else gpu_dump.read(dump, program.steps),
            )
            for line, (program, name, dump) in zip(told, places, strict=True)
        ]


def _nvcc(environment: pathlib.Path) -> pathlib.Path:
    found = list(environment.glob("lib/*/site-packages/nvidia/cuda_nvcc"))
    if not found:
        raise UserError(
            f"{environment} holds no nvidia-cuda-nvcc-cu12, and so no ptxas;"
            " make gpu-check makes it"
        )
    return found[0].absolute()


def name_of(environment: pathlib.Path) -> str:
    """Says whose compiler an environment has."""
    is_own = (environment / OWN).exists()
    return "TensorFlow's own XLA:GPU" if is_own else "jaxlib's XLA:GPU"


def _compiler(environment: pathlib.Path) -> list[str]:
    if (environment / OWN).exists():
        return [str(environment / OWN)]
    python = str(environment / "bin/python")
    return [python, "-m", "benchmarks.gpu_by_jaxlib"]
