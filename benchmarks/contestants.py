"""Who trains the course recipe beside Strata, and what its floor is made of."""

import pathlib
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[1]
PEERS = str(ROOT / ".venv-bench" / "bin" / "python")


class Contestant(NamedTuple):
    """A program of benchmarks/peers.

    Attributes:
      name: in results.json.
      label: in the docs' tables.
      program: the module.
      words: the first of its command line.
      python: the interpreter, of Strata's environment or of the peers' own.
    """

    name: str
    label: str
    program: str
    words: tuple[str, ...] = ()
    python: str = PEERS

    def command(self, *arguments: object) -> list[str]:
        """Returns the words that start it."""
        module = f"benchmarks.peers.{self.program}"
        return [self.python, "-m", module, *self.words, *map(str, arguments)]


COURSE = Contestant(
    "course script",
    "Keras `fit`, as in the course",
    "course",
    python=sys.executable,
)
JAX = Contestant("JAX", "JAX, an epoch in one function", "jax_epoch")
PYTORCH = (
    Contestant("PyTorch", "PyTorch, eager", "pytorch"),
    Contestant(
        "PyTorch, compiled",
        "PyTorch, `torch.compile` of the step",
        "pytorch_compiled",
    ),
)
# In the order of a round.
RECIPE = (
    COURSE,
    Contestant(
        "Keras, tuned",
        "Keras, `steps_per_execution`",
        "keras_tuned",
        python=sys.executable,
    ),
    Contestant("Keras on JAX", "Keras `fit` on JAX", "keras_on", ("jax",)),
    Contestant(
        "Keras on PyTorch", "Keras `fit` on PyTorch", "keras_on", ("torch",)
    ),
    *PYTORCH,
    JAX,
    Contestant("Flax", "Flax (NNX), a jitted step", "flax_step"),
    Contestant("tf_keras", "tf_keras `fit`", "keras_legacy"),
    Contestant("scikit-learn, Adam", "scikit-learn, by Adam", "sklearn_mlp"),
)
# Whose threads are asked for beforehand: others take a core each.
ASKED_THREADS = tuple(each for each in RECIPE if "PyTorch" in each.name)
_PRODUCTS = "the matrix products alone, by "
PRODUCTS = (
    Contestant(
        "products, OpenBLAS", f"{_PRODUCTS}OpenBLAS", "products", ("openblas",)
    ),
    Contestant("products, MKL", f"{_PRODUCTS}MKL", "products", ("mkl",)),
    Contestant(
        "products, oneDNN",
        f"{_PRODUCTS}oneDNN",
        "products",
        ("onednn",),
        sys.executable,
    ),
    Contestant(
        "products, Eigen",
        f"{_PRODUCTS}Eigen",
        "products",
        ("eigen",),
        sys.executable,
    ),
)
MOVES = Contestant(
    "optimizer's arrays", "the optimizer's arrays moved", "products", ("moves",)
)
ALL = {each.name: each for each in (*RECIPE, *PRODUCTS, MOVES)}
