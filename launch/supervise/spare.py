"""A job's warm process, whose children its workers are.

It has TensorFlow imported before it is needed, so that a restart need not.
"""

import contextlib
from collections.abc import Mapping

from trainer.launch.supervise.enclosure import Enclosure
from trainer.launch.warm import Child
from trainer.launch.warm import Warm


class Spare:
    """A warm process of a job's network, made again where it was killed.

    Its workers are killed with it, by the kernel, as with their supervisor.
    """

    def __init__(self, enclosure: Enclosure | None) -> None:
        """Has one made, which imports meanwhile.

        Args:
          enclosure: the network that it is put into; None for this process's.
        """
        self._enclosure = enclosure
        self._warm = Warm(enclosure)

    def close(self) -> None:
        """Ends it, and its workers."""
        self._warm.close()

    def start(
        self,
        words: list[str],
        descriptors: Mapping[int, int],
        environment: Mapping[str, str],
    ) -> Child:
        """Starts `python -m WORDS`, as `Warm.start` does."""
        with contextlib.suppress(OSError):
            return self._warm.start(words, descriptors, environment=environment)
        print("the warm process is gone: another is made", flush=True)
        self._warm.close()
        self._warm = Warm(self._enclosure)
        return self._warm.start(words, descriptors, environment=environment)
