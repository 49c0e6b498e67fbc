"""What a TPU VM installs."""

import pathlib

from tests.processes import ROOT
from trainer.devices import tpu_preflight


def test_the_tpus_lock_is_what_the_preflight_asks_for():
    lock = (pathlib.Path(ROOT) / "launch/requirements-tpu.txt").read_text()
    held = dict(
        line.split(" ")[0].split("==")
        for line in lock.splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    )
    assert held.items() >= tpu_preflight.PINNED.items()
    assert not {"tensorflow", "jax"} & set(held)
    assert lock.count("--hash=") >= len(held)
