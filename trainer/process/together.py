"""Contexts that change what a process has once, for threads side by side."""

import contextlib
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")
Context = Callable[[], contextlib.AbstractContextManager[T]]


def together(open_context: Context[T]) -> Context[T]:
    """Has all who are within at the same time share one context.

    The first opens it, and the last closes it. With one each, who leaves first
    would set back what the others go on with, and the last what the first had
    set.
    """
    lock, inside = threading.Lock(), 0
    shared = contextlib.ExitStack()
    value: T

    @contextlib.contextmanager
    @functools.wraps(open_context)
    def opened() -> Iterator[T]:
        nonlocal inside, value
        with lock:
            if not inside:
                value = shared.enter_context(open_context())
            inside += 1
        try:
            yield value
        finally:
            with lock:
                inside -= 1
                if not inside:
                    shared.close()

    return opened
