"""Tells a user's command or webhook how a job ended."""

import contextlib
import platform
import threading
from collections.abc import Iterator

from trainer.process import exits

STATUS = {
    exits.DONE: "done",
    exits.MISTAKE: "refused",
    exits.DIVERGED: "diverged",
    exits.STOPPED: "stopped",
    exits.STOPPED_BY_USER: "stopped",
    exits.INTERRUPTED: "interrupted",
}
# How long a process that is to leave at once waits for who is told.
AT_ONCE_SECS = 10.0


class Ending:
    """How a job ends.

    Attributes:
      code: by which; that of a defect until it is known, and None where the
        job goes on elsewhere or later, of which nobody is told.
    """

    def __init__(self, target: str, workdir: str) -> None:
        """Tells nothing yet.

        Args:
          target: a URL or a command.
          workdir: of the job.
        """
        self.code: int | None = exits.DEFECT
        self._target, self._workdir = target, workdir
        self._turn, self._is_told = threading.Lock(), False

    def tell(self, code: int, most_secs: float | None = None) -> None:
        """Tells the target of the end, once.

        Args:
          code: by which the job ends.
          most_secs: to wait for the target; None for as long as its tries take.
        """
        with self._turn:
            if self._is_told:
                return
            self._is_told = True
        # It brings HTTP, which a job without a hook has no need of.
        from trainer.process.hooks import Hook
        from trainer.process.hooks import LAST_SECS

        hook = Hook("on_end", self._target)
        status, workdir = STATUS.get(code, "failed"), self._workdir
        text = f"{status} with code {code}: {workdir} on {platform.node()}"
        hook.tell("end", text, status=status, code=code, workdir=workdir)
        hook.close(LAST_SECS if most_secs is None else most_secs)


@contextlib.contextmanager
def ending(target: str | None, workdir: str) -> Iterator[Ending]:
    """Tells a target how a job ended, by whatever it was.

    Args:
      target: a URL or a command; None for nobody.
      workdir: of the job.
    """
    end = Ending(target or "", workdir)
    if target is None:
        yield end
        return

    def tell_at_once(code: int) -> None:
        end.tell(code, AT_ONCE_SECS)

    with exits.heard_at_once(tell_at_once):
        try:
            yield end
        except BaseException as error:
            end.code = exits.code_of(error)
            raise
        finally:
            if end.code is not None:
                end.tell(end.code)
