"""A disk that loses or reorders what was not synced, when its power is cut.

What a process does in a folder is recorded: each write, each change of a
folder's entries, each fsync. A cut keeps what was synced before it, and of the
rest whatever chance wants: POSIX promises no more (T. Pillai and others 2014,
All file systems are not created equal).
"""

import builtins
import contextlib
import io
import os
import pathlib
import random
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

ROOT = 0
# Chances that an operation that was not synced reached the disk.
KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
TORN_SHARE = 0.3


class Written(NamedTuple):
    """Bytes of a file, or its new size where there are none."""

    node: int
    offset: int
    data: bytes | None


class Linked(NamedTuple):
    """Entries of folders that change at once; None where one goes."""

    entries: tuple[tuple[int, str, int | None], ...]


class Synced(NamedTuple):
    """A file's bytes, or a folder's entries, are on the disk."""

    node: int


Operation = Written | Linked | Synced


class Disk:
    """Records what is done in a folder.

    Attributes:
      operations: so far.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.operations: list[Operation] = []
        self._folder = str(folder.absolute())
        self._turn = threading.RLock()
        self._nodes = 1
        # Of the folders that there are: {name: node}.
        self._entries: dict[int, dict[str, int]] = {ROOT: {}}
        self._real: dict[str, Any] = {}

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Records what this process does meanwhile."""
        for name in ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir"):
            self._real[name] = getattr(os, name)
            setattr(os, name, getattr(self, f"_{name}"))
        self._real["open"] = builtins.open
        builtins.open = io.open = self._open  # type: ignore[assignment]
        try:
            yield
        finally:
            builtins.open = io.open = self._real.pop("open")
            for name, real in self._real.items():
                setattr(os, name, real)

    def _parts(self, path: Any, dir_fd: int | None = None) -> list[str] | None:
        """Returns a path's names within the folder; None if it is elsewhere."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        text = os.path.abspath(os.fsdecode(path))
        if dir_fd is not None:
            text = f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{path}"
        if text == self._folder:
            return []
        inside = text.startswith(f"{self._folder}/")
        return text[len(self._folder) + 1 :].split("/") if inside else None

    def _node(self, parts: list[str]) -> int:
        """Returns the node of a path, which is made known where it is not.

        What other code than Python's wrote is known by its first sync.
        """
        node = ROOT
        for depth, name in enumerate(parts, 1):
            entries = self._entries[node]
            if name not in entries:
                path = "/".join((self._folder, *parts[:depth]))
                self._make(node, name, is_folder=os.path.isdir(path))
                if not os.path.isdir(path) and os.path.exists(path):
                    with self._real["open"](path, "rb") as file:
                        data = file.read()
                    self.operations.append(Written(entries[name], 0, data))
            node = entries[name]
        return node

    def _make(self, folder: int, name: str, *, is_folder: bool) -> None:
        node, self._nodes = self._nodes, self._nodes + 1
        if is_folder:
            self._entries[node] = {}
        self._entries[folder][name] = node
        self.operations.append(Linked(((folder, name, node),)))

    def _fsync(self, fd: Any) -> None:
        with self._turn:
            number = fd if isinstance(fd, int) else fd.fileno()
            parts = self._parts(number)
            if parts is not None:
                node = self._node(parts)
                if node in self._entries:
                    for name in os.listdir(number):
                        self._node([*parts, name])
                self.operations.append(Synced(node))

    def _change(self, name: str, parts: list[list[str] | None]) -> None:
        """Records that a name goes, or that the first takes the second."""
        if not parts or parts[0] is None:
            return
        *above, last = parts[0]
        folder, node = self._node(above), self._node(parts[0])
        entries: list[tuple[int, str, int | None]] = [(folder, last, None)]
        del self._entries[folder][last]
        if len(parts) == 2 and parts[1] is not None:
            *above, last = parts[1]
            folder = self._node(above)
            self._entries[folder][last] = node
            entries.append((folder, last, node))
        self.operations.append(Linked(tuple(entries)))

    def _rename(self, source: Any, target: Any, **named: Any) -> None:
        with self._turn:
            self._change("rename", [self._parts(source), self._parts(target)])
            self._real["rename"](source, target, **named)

    _replace = _rename

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove("unlink", path, dir_fd)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove("rmdir", path, dir_fd)

    def _remove(self, name: str, path: Any, dir_fd: int | None) -> None:
        with self._turn:
            parts = self._parts(path, dir_fd)
            self._real[name](path, dir_fd=dir_fd)
            if parts is not None and self._is_known(parts):
                self._change(name, [parts])

    def _is_known(self, parts: list[str]) -> bool:
        node = ROOT
        for name in parts:
            if name not in self._entries.get(node, {}):
                return False
            node = self._entries[node][name]
        return True

    def _mkdir(self, path: Any, *arguments: Any, **named: Any) -> None:
        with self._turn:
            self._real["mkdir"](path, *arguments, **named)
            parts = self._parts(path, named.get("dir_fd"))
            if parts:
                self._node(parts)

    def _open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        *arguments: Any,
        **named: Any,
    ) -> Any:
        parts = None if isinstance(file, int) else self._parts(file)
        if parts is None or not set(mode) & set("wax+"):
            return self._real["open"](
                file, mode, buffering, *arguments, **named
            )
        with self._turn:
            is_new = not os.path.exists(file)
            raw = _File(
                file,
                mode.replace("b", "").replace("t", ""),
                opener=named.pop("opener", None),
            )
            node = self._node(parts)
            if "w" in mode and not is_new:
                self.operations.append(Written(node, 0, None))
            raw.told = lambda offset, data: self._write(node, offset, data)
        if buffering == 0:
            return raw
        kind = io.BufferedRandom if "+" in mode else io.BufferedWriter
        buffer = kind(raw)
        if "b" in mode:
            return buffer
        named["line_buffering"] = buffering == 1
        return io.TextIOWrapper(buffer, *arguments, **named)

    def _write(self, node: int, offset: int, data: bytes | None) -> None:
        with self._turn:
            self.operations.append(Written(node, offset, data))

    def cut(self, chance: random.Random, end: int) -> "dict[str, Any]":
        """Returns the folder after a cut: {name: bytes, or a dict again}.

        Args:
          chance: decides what reached the disk of what was not synced.
          end: how many operations were done by then.
        """
        done = self.operations[:end]
        last_sync = {
            each.node: place
            for place, each in enumerate(done)
            if isinstance(each, Synced)
        }
        share = chance.choice(KEPT)

        def is_kept(place: int, node: int) -> bool:
            return last_sync.get(node, -1) > place or chance.random() < share

        contents: dict[int, bytearray] = {}
        entries: dict[int, dict[str, int]] = {}
        for place, each in enumerate(done):
            if isinstance(each, Written) and is_kept(place, each.node):
                is_sure = last_sync.get(each.node, -1) > place
                content = contents.setdefault(each.node, bytearray())
                _apply(each, content, None if is_sure else chance)
            # All entries of one change are of one folder here.
            elif isinstance(each, Linked) and is_kept(
                place, each.entries[0][0]
            ):
                for folder, name, node in each.entries:
                    there = entries.setdefault(folder, {})
                    if node is None:
                        there.pop(name, None)
                    else:
                        there[name] = node

        def tree(folder: int) -> dict[str, Any]:
            return {
                name: tree(node)
                if node in self._entries
                else bytes(contents.get(node, b""))
                for name, node in entries.get(folder, {}).items()
            }

        return tree(ROOT)


class _File(io.FileIO):
    """A file that tells what is written to it."""

    told: Callable[[int, bytes | None], None]

    def write(self, data: Any) -> int:
        size = super().write(data)
        # Of one that is appended to, too, this is its end now.
        self.told(self.tell() - size, bytes(data)[:size])
        return size

    def truncate(self, size: int | None = None) -> int:
        size = super().truncate(size)
        self.told(size, None)
        return size


def _apply(
    written: Written, content: bytearray, chance: random.Random | None
) -> None:
    """Does a write, or the first part of it where chance tears it."""
    if written.data is None:
        del content[written.offset :]
        return
    data = written.data
    if chance is not None and chance.random() < TORN_SHARE:
        data = data[: chance.randrange(len(data) + 1)]
    content.extend(bytes(max(0, written.offset - len(content))))
    content[written.offset : written.offset + len(data)] = data


def lay_out(tree: dict[str, Any], folder: pathlib.Path) -> None:
    """Writes what `Disk.cut` gave into a new folder."""
    folder.mkdir()
    for name, value in tree.items():
        if isinstance(value, dict):
            lay_out(value, folder / name)
        else:
            (folder / name).write_bytes(value)
