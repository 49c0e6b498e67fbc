"""Compiles a config's step with XLA:GPU, on a machine without a GPU.

  python -m benchmarks.gpu_check ENVIRONMENT TARGETS --config=mnist ...

TARGETS are of benchmarks/gpu_targets.py, with commas between; "" for all.
ENVIRONMENT is a folder that `make gpu-check` makes. It holds ptxas and
libdevice, and gpu_compile, which is TensorFlow's own compiler, or jaxlib's.
Ends with 1 where a target refuses a program, or one calls on the host, waits
for it or does not fit.
"""

import pathlib
import sys
import tempfile

from benchmarks import gpu_compilers
from benchmarks import gpu_dump
from benchmarks.gpu_compilers import Case
from benchmarks.gpu_compilers import MIB
from benchmarks.gpu_compilers import Program
from benchmarks.gpu_targets import TARGETS
from trainer.devices import start
from trainer.process import columns
from trainer.process.exits import UserError
from trainer.process.exits import verb

REPLICAS = 8
HEADS = (
    *("GPU", "program", "compiled in", "kernels", "library", "copies"),
    *("sums", "host waits", "products", "MiB"),
)
NOT_COVERED = (
    "not covered: what autotuning chooses, as there is no device to time; the"
    " kernels of cuBLAS and NCCL; the driver; TensorFlow's own kernels, which"
    f" the {REPLICAS} replicas' sum and update are. Nothing was run"
)


def programs_of(argv: list[str]) -> tuple[str, list[Program]]:
    """Lowers all that GPUs run of a config.

    Returns:
      The config's precision, and the programs.

    Raises:
      UserError: the config is wrong, or XLA does not know an operation.
    """
    with start.eased():
        import tensorflow as tf

        from benchmarks import lowering

        # What it says of a driver that is missing is no news.
        tf.config.list_physical_devices()
    with tempfile.TemporaryDirectory() as workdir:
        job = lowering.job_of(argv, workdir)
        pieces = [
            Program(f"{steps} step{'s' * (steps > 1)}", text, steps)
            for steps, text in lowering.piece_texts(job).items()
        ]
        text = lowering.replica_text(job, REPLICAS)
        return job.config.precision, [
            *pieces,
            Program(f"1 of {REPLICAS} replicas", text, replicas=REPLICAS),
        ]


def row_of(case: Case) -> list[str]:
    """Returns a line of the table."""
    made = case.compiled
    if made is None:
        none = [""] * (len(HEADS) - 3)
        return [case.name, case.program.title, "refused", *none]
    launched = (
        *(gpu_dump.KERNELS, gpu_dump.LIBRARY),
        *(gpu_dump.COPIES, gpu_dump.SUMS),
    )
    room = f"of {case.target.memory_bytes / MIB:,.0f}"
    return [
        case.name,
        case.program.title,
        f"{float(case.told):.1f} s",
        *(str(made.count(kinds)) for kinds in launched),
        str(made.host_waits),
        ", ".join(f"{n} {kind}" for kind, n in case.products().items()),
        f"{made.memory_bytes / MIB:,.1f} {room}",
    ]


def notes(precision: str, cases: list[Case]) -> list[str]:
    """Says which tensor cores are used, and where a precision gains nothing."""
    found = []
    for name in dict.fromkeys(case.name for case in cases):
        made = [case for case in cases if case.name == name and case.compiled]
        used = {i for c in made if c.compiled for i in c.compiled.tensor_cores}
        if used:
            found.append(f"{name}: tensor cores by {', '.join(sorted(used))}")
        kinds = {kind for case in made for kind in case.products()}
        if made and precision not in kinds:
            found.append(
                f"WARNING: {name}: config.precision={precision!r} gains nothing"
                f" there: ALL products are {', '.join(sorted(kinds))}"
            )
    return found


@verb
def main(argv: list[str]) -> int:
    """Prints what compiling gave; returns 1 where something must not be.

    Raises:
      UserError: the config, or its data, is wrong.
    """
    folder, wanted, *flags = argv
    names = wanted.split(",") if wanted else list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        raise UserError(
            f"TARGETS={wanted}: {', '.join(unknown)} is none of"
            f" {', '.join(TARGETS)}"
        )
    precision, programs = programs_of(flags)
    environment = pathlib.Path(folder)
    cases = gpu_compilers.compile_all(environment, names, programs)
    print(
        f"compiled by {gpu_compilers.name_of(environment)}; kernels, library"
        " calls, copies, sums and waits are of one step\n"
    )
    print(columns.lay_out([HEADS, *map(row_of, cases)], left=2), end="\n\n")
    for line in notes(precision, cases):
        print(line)
    faults = [
        f"FAULT: {case.name}, {case.program.title}: {fault}"
        for case in cases
        for fault in case.faults()
    ]
    for line in [*faults, NOT_COVERED]:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
