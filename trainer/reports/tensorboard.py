"""`strata tensorboard FOLDER`: the curves of a run, or of a folder of runs."""

import os
import pathlib
import sys

from trainer.process import ports
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.storage.names import is_remote
from trainer.storage.names import place

EVENTS = "events.out.tfevents."
BOARD = pathlib.Path(__file__).with_name("board.py")


@verb
def main(argv: list[str]) -> int:
    """Becomes TensorBoard, once it is clear that it can serve.

    Raises:
      UserError: no run is there, or the port is taken.
    """
    parser = Parser(
        "strata tensorboard", "Shows the curves of a run, or of many runs."
    )
    parser.about(
        "workdir",
        "FOLDER",
        "of a run, or of many; runs if not set",
        default="runs",
        convert=place,
    )
    parser.add_argument("--port", type=int, default=6006, help="6006 if unset")
    parser.add_argument(
        "--host",
        default=ports.LOOPBACK,
        help="address to listen on; this machine alone if unset",
    )
    wanted = parser.parse_args(argv)
    if not is_remote(wanted.workdir) and not holds_run(wanted.workdir):
        raise UserError(
            f"{wanted.workdir} holds no run that TensorBoard could show; name a"
            " run's workdir, or a folder of them"
        )
    ports.bound(wanted.host, wanted.port).close()
    command = [
        # -P: not a tensorboard.py of the current folder, or of the script's.
        *(sys.executable, "-P", str(BOARD)),
        f"--logdir={wanted.workdir}",
        f"--host={wanted.host}",
        f"--port={wanted.port}",
    ]
    os.execv(sys.executable, command)


def holds_run(folder: str) -> bool:
    """Whether there are event files below a folder, links followed."""
    seen = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # a link that leads back
            folders.clear()
        seen.add(real)
        if any(name.startswith(EVENTS) for name in files):
            return True
    return False
