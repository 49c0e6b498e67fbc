"""Tells a user's command or webhook how a job ended."""

import contextlib
import platform
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


class Ending:
    """How a job ends.

    Attributes:
      code: by which; that of a defect until it is known.
    """

    code = exits.DEFECT


@contextlib.contextmanager
def ending(target: str | None, workdir: str) -> Iterator[Ending]:
    """Tells a target how a job ended, by whatever it was.

    Args:
      target: a URL or a command; None for nobody.
      workdir: of the job.
    """
    end = Ending()
    try:
        yield end
    except BaseException as error:
        end.code = exits.code_of(error)
        raise
    finally:
        if target is not None:
            # It brings HTTP, which a job without a hook has no need of.
            from trainer.process.hooks import Hook

            hook = Hook("on_end", target)
            status = STATUS.get(end.code, "failed")
            text = (
                f"{status} with code {end.code}: {workdir} on {platform.node()}"
            )
            hook.tell(
                "end", text, status=status, code=end.code, workdir=workdir
            )
            hook.close()
