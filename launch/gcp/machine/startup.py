"""The script that a machine runs as it starts."""

import json
import pathlib
import shlex

from trainer.launch.gcp import gcloud
from trainer.launch.gcp.request import job
from trainer.launch.gcp.request import Request
from trainer.launch.gcp.request import STAGING

TEMPLATE = pathlib.Path(__file__).with_name("startup.sh")
_INSTALL_GPU = """\
  make setup PYTHON=python3
  .venv/bin/python -m uv pip install --python .venv/bin/python \\
    --require-hashes -r launch/requirements-gpu.txt"""
# Ubuntu 22.04's own Python is 3.10, too old.
_INSTALL_TPU = """\
  python3 -m venv /opt/uv
  /opt/uv/bin/python -m pip install --quiet uv==0.13.9
  export UV_PYTHON_INSTALL_DIR=/opt/python
  /opt/uv/bin/uv venv --python 3.11 .venv
  /opt/uv/bin/uv pip install --python .venv/bin/python --compile-bytecode \\
    --require-hashes -r launch/requirements-tpu.txt
  /opt/uv/bin/uv pip install --python .venv/bin/python --no-deps \\
    --no-build-isolation -e ."""
# The provider limits only the wait for a TPU, not its run.
_TIMER = """
[ -e /etc/strata/deadline ] ||
  date --utc --date='+{secs} seconds' '+%F %T UTC' > /etc/strata/deadline
systemctl is-active --quiet strata-limit.timer ||
  systemd-run --unit=strata-limit --setenv=PATH="$PATH" \\
    --on-calendar="$(cat /etc/strata/deadline)" {delete}
"""


def script(request: Request, zone: str) -> str:
    """Returns the script for a job's machines in a zone."""
    delete = shlex.join(gcloud.delete(request, zone))
    is_tpu = request.kind == gcloud.TPU
    filled = {
        # One line of ASCII, which no end of the document can be part of.
        "JOB": json.dumps(job(request, zone)),
        "CONTROL": shlex.quote(request.control),
        "DELETE": delete,
        "TIMER": _TIMER.format(secs=request.max_secs, delete=delete)
        if is_tpu
        else "",
        "STAGING": STAGING,
        "INSTALL": _INSTALL_TPU if is_tpu else _INSTALL_GPU,
    }
    head, *pieces = TEMPLATE.read_text(encoding="utf-8").split("@")
    # Once over, so that nothing filled in is taken for a place to fill.
    text = head
    for place, piece in enumerate(pieces):
        text += piece if place % 2 else filled[piece]
    return text
