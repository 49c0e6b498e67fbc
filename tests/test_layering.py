"""Imports point down: read from the syntax trees, nothing is imported.

The rooms, their order and their arrows stand once, in CONTRIBUTING.md.
"""

import ast
import dataclasses
import pathlib
import re
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# Each folder of ours at the top, and the package that it is imported as:
# trainer/configs and trainer/launch are links.
PACKAGES = {
    "benchmarks": "benchmarks",
    "configs": "trainer.configs",
    "launch": "trainer.launch",
    "trainer": "trainer",
}
# Who may read flags, and by what.
FLAG_READERS = ("trainer.flags", "trainer.task", "benchmarks")
FLAG_MODULES = ("absl.app", "absl.flags", "ml_collections.config_flags")
MOST_FLOORS = 12
MOST_ROOMS = 26
_ROW = re.compile(r"\| `([\w./]+)` \| (.+?) \| (.*?) \| (yes|no) \|")


@dataclasses.dataclass(frozen=True)
class Room:
    """A row of CONTRIBUTING's table.

    Attributes:
      name: dotted, of a package or a module.
      contract: what it is.
      below: the rooms that it imports, all of them above it in the table.
      has_tensorflow: whether TensorFlow may be imported in it.
    """

    name: str
    contract: str
    below: frozenset[str]
    has_tensorflow: bool


def read_rooms(text: str) -> list[Room]:
    """Returns the rows of the table in their order, the lowest floor first."""
    return [
        Room(
            _full_name(
                name.strip("/")
                .replace("/", ".")
                .removesuffix(".py")
                .removesuffix(".__init__")
            ),
            contract,
            frozenset(map(_full_name, re.findall(r"[\w.]+", below))),
            tensorflow == "yes",
        )
        for name, contract, below, tensorflow in _ROW.findall(text)
    ]


def _full_name(name: str) -> str:
    if name.partition(".")[0] == "trainer":
        return name
    return PACKAGES.get(name, f"trainer.{name}")


ROOMS = read_rooms((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(
        module == package or module.startswith(package + ".")
        for package in packages
    )


def room_of(module: str, rooms: list[Room]) -> Room | None:
    """Returns the room that a module stands in: the longest name that fits."""
    fits = [
        room
        for room in rooms
        if module == room.name
        # "trainer" itself is its __init__.py alone.
        or (room.name != "trainer" and module.startswith(room.name + "."))
    ]
    return max(fits, key=lambda room: len(room.name), default=None)


def read_sources() -> dict[str, str]:
    """Returns the source of every module of ours by its dotted name."""
    sources = {}
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            sources[name] = path.read_text(encoding="utf-8")
    return sources


def imports(source: str, modules: set[str]) -> set[str]:
    """Returns what a source imports anywhere in it, functions included.

    `from trainer import task` is an import of `trainer.task`, and `from
    trainer.task import main` too: a name that is no module is left off. What
    stands under `if TYPE_CHECKING:` is never run, and no import.
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


def breach(importer: str, imported: str, rooms: list[Room]) -> str | None:
    """Says which rule an import breaks, or None."""
    if imported.split(".")[0] in sys.stdlib_module_names:
        return None
    room = room_of(importer, rooms)
    if room is None:
        return "stands in no room of CONTRIBUTING's table"
    if inside(imported, FLAG_MODULES):
        reads = inside(importer, FLAG_READERS)
        return None if reads else "is for the entry points"
    if inside(imported, ("keras", "tensorflow")):
        return None if room.has_tensorflow else "is TensorFlow"
    if not inside(imported, tuple(PACKAGES)):
        return None
    other = room_of(imported, rooms)
    if other is None:
        return "stands in no room of CONTRIBUTING's table"
    if other == room or other.name in room.below:
        return None
    return f"stands in {other.name}, which {room.name} does not import"


def breaches(sources: dict[str, str], rooms: list[Room]) -> list[str]:
    """Returns a line for every import that breaks a rule."""
    modules = set(sources)
    return [
        f"{importer} imports {imported}, which {rule}"
        for importer, source in sources.items()
        for imported in sorted(imports(source, modules))
        if (rule := breach(importer, imported, rooms))
    ]


def arrows(sources: dict[str, str]) -> dict[str, set[str]]:
    """Returns which rooms each room really imports."""
    found: dict[str, set[str]] = {room.name: set() for room in ROOMS}
    for module, source in sources.items():
        room = room_of(module, ROOMS)
        assert room is not None, f"{module} stands in no room"
        for name in imports(source, set(sources)):
            other = room_of(name, ROOMS)
            if other is not None and other != room:
                found[room.name].add(other.name)
    return found


def floors(rooms: list[Room]) -> dict[str, int]:
    """Returns each room's height: one more than the highest it imports."""
    height: dict[str, int] = {}
    for room in rooms:
        height[room.name] = 1 + max(
            (height[name] for name in room.below), default=0
        )
    return height


def test_imports_are_those_of_the_table():
    assert breaches(read_sources(), ROOMS) == []


def test_each_arrow_of_the_table_is_used():
    real = arrows(read_sources())
    for room in ROOMS:
        assert room.below == real[room.name], room.name


def test_rooms_import_only_what_stands_above_them():
    above: set[str] = set()
    for room in ROOMS:
        assert room.below <= above, f"{room.name}: {room.below - above}"
        above.add(room.name)


def test_the_house_is_low():
    # trainer/'s own files, the doors, are one room of several rows.
    doors = {f"trainer.{path.stem}" for path in ROOT.glob("trainer/*.py")}
    rooms = {room.name for room in ROOMS} - doors | {"trainer"}
    assert len(rooms) <= MOST_ROOMS
    assert max(floors(ROOMS).values()) <= MOST_FLOORS


def test_a_package_says_its_contract_as_the_table_does():
    sources = read_sources()
    for room in ROOMS:
        path = ROOT / room.name.replace(".", "/") / "__init__.py"
        if not path.exists() or room.name in PACKAGES.values():
            continue
        doc = ast.get_docstring(ast.parse(sources[room.name])) or ""
        assert doc.partition("\n\n")[0].replace("\n", " ") == room.contract


TABLE = read_rooms(
    "| `trainer/low/` | Low. |  | no |\n"
    "| `trainer/high/` | High. | low | yes |\n"
    "| `trainer/task.py` | The door. | high | yes |\n"
    "| `configs/` | Configs. | low | no |\n"
)


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("trainer.low.a", "from trainer.high import b"),
        ("trainer.low.a", "def f():\n    import trainer.high.b"),
        ("trainer.low.a", "import keras"),
        ("trainer.low.a", "from tensorflow import io"),
        ("trainer.task", "from trainer.low import a"),
        ("trainer.high.b", "from absl import flags"),
        ("trainer.high.b", "from trainer import task"),
        ("trainer.configs.mnist", "from trainer.high.b import build"),
        ("trainer.low.a", "from configs import mnist"),
        ("trainer.new", "from trainer.low import a"),
        ("trainer.high.b", "from trainer.new import c"),
    ],
)
def test_a_breach_is_named(importer, source):
    names = ("low", "low.a", "high", "high.b", "task", "new")
    stubs = {f"trainer.{name}": "" for name in names}
    found = breaches({**stubs, importer: source}, TABLE)
    assert len(found) == 1
    assert found[0].startswith(f"{importer} imports ")


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("trainer.low.a", "import dataclasses"),
        ("trainer.low.a", "from trainer.low import other"),
        ("trainer.high.b", "from trainer.low import a"),
        ("trainer.high.b", "import tensorflow as tf"),
        ("trainer.task", "from absl import flags"),
        ("trainer.configs.mnist", "from trainer.low import Config"),
        ("trainer.low.a", "if TYPE_CHECKING:\n    import trainer.high.b"),
    ],
)
def test_an_import_downwards_is_allowed(importer, source):
    stubs = {f"trainer.{name}": "" for name in ("low", "low.a", "high")}
    assert breaches({**stubs, importer: source}, TABLE) == []
