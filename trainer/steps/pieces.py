"""A chunk as pieces of few lengths, each of which is a program that knows its.

XLA asks the host after each step of a loop on a GPU whose length is a value of
the program: it copies a byte back and waits. A program for each length that
chunks have would be compiled ten times for MNIST.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# A chunk that is not full takes these: the host has launched the next piece
# before the device is done with one of SHORT steps.
SHORT = 8
_OF_EACH_STEP = ("x", "y", "examples", "weight")


def lengths(steps: int, slots: int) -> list[int]:
    """Returns the lengths of a chunk's pieces: `slots`, SHORT or 1.

    Args:
      steps: of the chunk.
      slots: of a full chunk.
    """
    if steps == slots:
        return [slots]
    return [SHORT] * (steps // SHORT) + [1] * (steps % SHORT)


class InPieces:
    """The training loop, run a piece after the other, without a wait between.

    What a piece tells is read by none before the last one is on its way.

    Attributes:
      program: the `tf.function` of one piece, a chunk without padding.
    """

    def __init__(self, program: Any) -> None:
        """Has compiled nothing yet."""
        self.program = program
        self._known: set[int] = set()

    def __call__(self, chunk: dict[str, tf.Tensor], flags: tf.Tensor) -> Any:
        """Returns what `program` tells of all of a chunk."""
        # Small and of the host, as all int32 is.
        steps, slots = int(chunk["steps"]), chunk["x"].shape[0]
        found, first = [], 0
        for length in lengths(steps, slots):
            self._known.add(length)
            piece = chunk if length == slots else cut(chunk, first, length)
            found.append(self.program(piece, flags))
            first += length
        sums = [each.sums for each in found]
        return found[-1]._replace(sums=tf.concat(sums, axis=0))

    def experimental_get_tracing_count(self) -> int:
        """Returns how often a length was traced, as `tf.function` does."""
        traced: Callable[[], int] = self.program.experimental_get_tracing_count
        return traced() - max(0, len(self._known) - 1)


def cut(
    chunk: dict[str, tf.Tensor], first: int, length: int
) -> dict[str, tf.Tensor]:
    """Returns some steps of a chunk as one of their own."""
    # Where the chunk lies: a GPU would fetch all of it for each slice.
    with tf.device(chunk["x"].device):
        rows = {
            name: chunk[name][first : first + length]
            for name in _OF_EACH_STEP
            if name in chunk
        }
    return {
        **chunk,
        **rows,
        "first_step": chunk["first_step"] + first,
        "steps": tf.constant(length),
    }
