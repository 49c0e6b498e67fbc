"""What XLA:GPU leaves of a program that it compiled; standard library alone."""

import collections
import dataclasses
import pathlib
import re

from benchmarks import hlo_text

# Kinds of thunks, by TensorFlow's XLA and by jaxlib's.
KERNELS = ("kKernel", "kCustomKernel")
LIBRARY = ("kGemm", "kCublasLtMatmul", "kCuDnn", "kCubSort", "kConvolution")
SUMS = ("kAllReduce", "kAllReduceStart")
COPIES = ("kCopy",)
_THUNK = re.compile(r"^ *\d+: (k\w+)", re.MULTILINE)
_TENSOR_CORES = re.compile(r"\b(?:wgmma\.mma_async|mma\.sync)\.[\w.:]*")
_TOTAL = re.compile(r"^Total bytes(?: used)?: (\d+)", re.MULTILINE)
_TYPE = re.compile(r"^\s*(?:ROOT )?%([\w.-]+) = \(?(\w+)\[", re.MULTILINE)
_PRODUCT = re.compile(
    r"^.* (?:custom-call|dot)\(%(?P<operand>[\w.-]+),.*$", re.MULTILINE
)
# cuBLAS's and cuDNN's; what XLA itself has of its own, none of it on the host.
_ON_DEVICE = re.compile(r"__cu(blas|dnn|b)\$|cu_|__triton|__gpu\$|Sharding$")
_TO_HOST = re.compile(r"infeed|outfeed|host-execute|is_host_transfer=true")


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A program as the device runs it.

    Attributes:
      kinds: how often a step launches each kind of XLA's thunks; a loop within
        the step counts once.
      products: how many matrix products a step has of each type: "bfloat16",
        "tf32", which TensorFloat-32 may be put in place of, or "float32".
      tensor_cores: the instructions of them in XLA's own kernels; cuBLAS's are
        not seen.
      host_waits: in a step, on the host's decision how to go on.
      host_calls: of code that is run by the host.
      memory_bytes: of arguments, results and all between.
    """

    kinds: dict[str, int]
    products: dict[str, int]
    tensor_cores: list[str]
    host_waits: int
    host_calls: list[str]
    memory_bytes: int

    def count(self, kinds: tuple[str, ...]) -> int:
        """Counts the launches of some kinds in a step."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)


def read(folder: pathlib.Path, steps: int) -> Compiled:
    """Reads the folder of --xla_dump_to, of one program of some steps."""
    text = _one(folder, "*gpu_after_optimizations.txt")
    ptx = "".join(path.read_text() for path in folder.glob("*.ptx"))
    total = _TOTAL.search(_one(folder, "*memory-usage-report.txt"))
    assert total is not None
    return Compiled(
        kinds=launches(_one(folder, "*.thunk_sequence.txt"), steps),
        products=products(text),
        tensor_cores=sorted(set(_TENSOR_CORES.findall(ptx))),
        host_waits=host_waits(text),
        host_calls=host_calls(text),
        memory_bytes=int(total[1]),
    )


def _one(folder: pathlib.Path, pattern: str) -> str:
    (path,) = folder.glob(pattern)
    return path.read_text()


def launches(thunks: str, steps: int) -> dict[str, int]:
    """Counts what a step launches: all of a program, or its loop's body.

    Args:
      thunks: XLA's list of them, indented within a loop.
      steps: of the program, whose first loop goes over them.
    """
    if steps > 1:
        body = thunks.partition("\n  body:\n")[2]
        # The loop ends with the first line that stands at the margin again.
        thunks = re.split(r"^(?=\d)", body, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(collections.Counter(_THUNK.findall(thunks)))


def products(text: str) -> dict[str, int]:
    """Counts the matrix products of a program, by what they multiply."""
    types = dict(_TYPE.findall(text))
    counts: collections.Counter = collections.Counter()
    for found in _PRODUCT.finditer(text):
        line = found[0].lower()
        if " dot(" not in line and "__cublas$" not in line:
            continue
        kind = types.get(found["operand"], "f32")
        is_exact = "highest" in line
        names = {"f32": "float32" if is_exact else "tf32", "bf16": "bfloat16"}
        counts[names.get(kind, kind)] += 1
    return dict(counts)


def host_waits(text: str) -> int:
    """Counts the choices that the host takes for the device.

    It reads whether a loop goes on where its length is not known, and which way
    to go of several.
    """
    open_loops = sum(
        " while(" in line and "known_trip_count" not in line
        for line in text.splitlines()
    )
    return open_loops + hlo_text.operations(text).count("conditional")


def host_calls(text: str) -> list[str]:
    """Names what the host is asked to run."""
    foreign = [
        name
        for name in hlo_text.foreign_calls(text)
        if not _ON_DEVICE.match(name)
    ]
    return sorted({*foreign, *_TO_HOST.findall(text)})
