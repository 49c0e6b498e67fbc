"""Imports point down: read from the syntax trees, nothing is imported."""

import ast
import graphlib
import pathlib
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# Height of the modules of the trainer; those not named are leaves.
HEIGHTS = {
    "trainer": 0,
    "trainer.config": 1,
    "trainer.strategies": 3,
    "trainer.train": 4,
    "trainer.reports": 4,
    "trainer.serving": 4,
    "trainer.task": 5,
    "trainer.__main__": 6,
}
LEAF_HEIGHT = 2
FLAG_READERS = ("trainer.task",)
FLAG_MODULES = ("absl.app", "absl.flags", "ml_collections.config_flags")
TENSORFLOW_FREE = ("launch", "trainer.cluster", "trainer.sources")
LAUNCH_REACHES = (
    "launch",
    "trainer.arguments",
    "trainer.cluster",
    "trainer.config",
)
OUR_PACKAGES = ("configs", "launch", "trainer")


def room(module: str) -> str:
    """The part of the trainer that a module belongs to, itself or a folder."""
    return ".".join(module.split(".")[:2])


def height(module: str) -> int:
    return HEIGHTS.get(room(module), LEAF_HEIGHT)


def inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(
        module == package or module.startswith(package + ".")
        for package in packages
    )


def read_sources() -> dict[str, str]:
    """Returns the source of every module of ours by its dotted name."""
    sources = {}
    for package in OUR_PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            sources[name] = path.read_text(encoding="utf-8")
    return sources


def imports(source: str, modules: set[str]) -> set[str]:
    """Returns what a source imports anywhere in it, functions included.

    `from trainer import config` is an import of `trainer.config`, and `from
    trainer.config import Config` too: a name that is no module is left off.
    What stands under `if TYPE_CHECKING:` is never run, and no import.
    """
    found = set()
    for node in run_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            for alias in node.names:
                name = f"{base}.{alias.name}"
                known = name in modules or name in FLAG_MODULES
                found.add(name if known else base)
    return found


def run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields all nodes but those that stand there for types alone."""
    for node in ast.iter_child_nodes(tree):
        types_alone = (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        )
        if not types_alone:
            yield node
            yield from run_nodes(node)


def breach(importer: str, imported: str) -> str | None:
    """Says which rule an import breaks, or None."""
    standard = imported.split(".")[0] in sys.stdlib_module_names
    if standard or room(importer) == room(imported):
        return None
    if importer == "trainer.config":
        return "is not of the standard library"
    if inside(importer, ("configs",)):
        return None if imported == "trainer.config" else "is not trainer.config"
    if inside(imported, FLAG_MODULES):
        reads = inside(importer, FLAG_READERS)
        return None if reads else "is for the entry points"
    if inside(imported, ("keras", "tensorflow")):
        return "is TensorFlow" if inside(importer, TENSORFLOW_FREE) else None
    if inside(importer, ("launch",)) and inside(imported, OUR_PACKAGES):
        reached = inside(imported, LAUNCH_REACHES)
        return None if reached else "is training code"
    return breach_of_height(importer, imported)


def breach_of_height(importer: str, imported: str) -> str | None:
    if not inside(imported, OUR_PACKAGES):
        return None
    if not inside(imported, ("trainer",)):
        return "is above the trainer"
    # The one page that is made as a run ends.
    if (importer, imported) == ("trainer.task", "trainer.reports.report"):
        return None
    if inside(imported, ("trainer.reports", "trainer.serving")):
        return "reads finished runs and is imported by nothing"
    leaves = height(importer) == height(imported) == LEAF_HEIGHT
    below = height(imported) < height(importer)
    return None if below or leaves else "is not below it"


def breaches(sources: dict[str, str]) -> list[str]:
    """Returns a line for every import that breaks a rule."""
    modules = set(sources)
    return [
        f"{importer} imports {imported}, which {rule}"
        for importer, source in sources.items()
        for imported in sorted(imports(source, modules))
        if (rule := breach(importer, imported))
    ]


def test_imports_point_down():
    sources = read_sources()
    assert {"trainer.config", "configs", "launch"} <= set(sources)
    assert breaches(sources) == []


def find_cycle(sources: dict[str, str]) -> list[str]:
    """Returns rooms that import one another in a ring, or []."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        below = {room(name) for name in imports(source, set(sources))}
        graph.setdefault(room(module), set()).update(below - {room(module)})
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_no_rooms_import_each_other():
    assert find_cycle(read_sources()) == []


def test_a_ring_of_leaves_is_found():
    ring = {
        "trainer.models": "from trainer import metrics",
        "trainer.metrics": "def f():\n    import trainer.models",
    }
    assert set(find_cycle(ring)) == set(ring)


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("trainer.config", "import numpy"),
        ("trainer.config", "from trainer import models"),
        ("configs.mnist", "import tensorflow as tf"),
        ("configs.mnist", "from trainer.models import build"),
        ("launch.local", "import keras"),
        ("trainer.sources.mnist", "from tensorflow import io"),
        ("launch.local", "from trainer import task"),
        ("trainer.models", "from absl import flags"),
        ("trainer.train", "def f():\n    import absl.flags"),
        ("trainer.models", "from trainer import train"),
        ("trainer.models", "from trainer import strategies"),
        ("trainer.train", "import trainer.task"),
        ("trainer.sources.mnist", "from trainer.train import train"),
        ("trainer.train", "import configs.mnist"),
        ("trainer.task", "from trainer.reports import compare"),
        ("trainer.task", "import trainer.serving"),
        ("trainer.serving.load", "from trainer import task"),
    ],
)
def test_a_breach_is_named(importer, source):
    names = ("models", "reports", "serving", "strategies", "task", "train")
    stubs = {f"trainer.{name}": "" for name in names}
    found = breaches({**stubs, importer: source})
    assert len(found) == 1
    assert found[0].startswith(f"{importer} imports ")


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("trainer.config", "import dataclasses"),
        ("configs.mnist", "from trainer.config import Config"),
        ("launch.local", "from trainer import cluster"),
        ("trainer.task", "from absl import flags"),
        ("trainer.task", "from trainer import train"),
        ("trainer.train", "from trainer import strategies"),
        ("trainer.models", "from trainer.sources import Dataset"),
        ("trainer.serving.load", "from trainer.evaluation import Evaluator"),
        ("trainer", "if TYPE_CHECKING:\n    import trainer.serving.load"),
    ],
)
def test_an_import_downwards_is_allowed(importer, source):
    names = ("cluster", "evaluation", "sources", "strategies", "train")
    stubs = {f"trainer.{name}": "" for name in names}
    assert breaches({**stubs, importer: source}) == []
