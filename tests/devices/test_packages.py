"""Packages are known by one name, however their metadata spells it."""

import sys

import pytest

from trainer.devices import packages
from trainer.devices import start
from trainer.devices import tpu_preflight
from trainer.process.exits import UserError


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An environment that holds what is added to it, and nothing else."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    def add(name, version):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(text)

    return add


def test_the_tpu_wheels_own_name_is_known(site, tmp_path, monkeypatch):
    site("tensorflow_tpu", "2.19.1")
    assert packages.installed() == {"tensorflow-tpu": "2.19.1"}
    assert tpu_preflight.packages() == "libtpu is missing, not 0.0.10"
    site("libtpu", "0.0.10")
    monkeypatch.setenv("TF_PLUGGABLE_DEVICE_LIBRARY_PATH", __file__)
    assert tpu_preflight.packages() is None
    site("tensorflow", "2.21.0")
    with pytest.raises(UserError, match="both tensorflow and tensorflow-tpu"):
        start.check_packages()
