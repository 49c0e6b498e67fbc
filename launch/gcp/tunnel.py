"""`strata launch gcp tensorboard`: a job's curves, through ssh."""

import shlex
import subprocess

from trainer.launch.gcp import gcloud
from trainer.launch.gcp.target import show
from trainer.launch.gcp.target import target_of
from trainer.process.exits import UserError


def tensorboard(argv: list[str]) -> int:
    """Shows a job's curves, through a tunnel to its chief."""
    target = target_of("tensorboard", "Shows a job's curves.", argv)
    request, port = target.known(), target.flags.port
    if request.kind == gcloud.VERTEX:
        raise UserError(
            f"--name={request.name} runs on Vertex AI, whose machines cannot be"
            f" reached; run tensorboard --logdir={request.workdir}/logs, or"
            " start the job with --tensorboard"
        )
    if not 0 < port < 65536:
        raise UserError(f"--port={port} must be from 1 to 65535")
    server = [
        *("/opt/strata/.venv/bin/python", "-m", "tensorboard.main"),
        *(f"--logdir={request.copy}", "--host=127.0.0.1", "--port=6006"),
    ]
    zone = request.zones[0]
    if not target.flags.dry_run:
        alive = [m for m in target.machines() if not m.is_ended]
        if not alive:
            raise UserError(
                f"--name={request.name} has no machine; its results are in"
                f" {request.workdir}, which tensorboard reads by itself"
            )
        zone = alive[0].zone
    words = gcloud.ssh(
        request,
        target.project,
        zone,
        f"--command={shlex.join(server)}",
        "--",
        "-t",  # so that it ends with the tunnel
        "-L",
        f"{port}:127.0.0.1:6006",
    )
    if target.flags.dry_run:
        return show(words)
    print(f"http://127.0.0.1:{port} once it is up; Ctrl-C ends it", flush=True)
    try:
        return subprocess.run(words).returncode
    except KeyboardInterrupt:
        return 0
    except FileNotFoundError:
        raise UserError("gcloud is not on this machine") from None
