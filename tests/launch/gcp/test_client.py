"""What gcloud's answers come to."""

import errno
import os

import pytest

from trainer.launch.gcp import client
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError


def test_a_list_that_may_lack_some_is_no_list():
    """It ends with 0, and no machine would seem to be left."""
    warning = "WARNING: Some requests did not succeed.\\n - Rate limit exceeded"
    words = ["sh", "-c", f"echo '[]'; printf '{warning}\\n' >&2"]
    with pytest.raises(GcloudError, match="Rate limit exceeded"):
        Client().json(words)
    assert Client().json(["echo", "[]"]) == []


def test_a_machine_without_memory_fails_a_call_and_no_job(monkeypatch):
    def finish(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(client, "finish", finish)
    with pytest.raises(GcloudError, match="gcloud: Cannot allocate memory"):
        Client().need(["gcloud", "compute", "instances", "list"])
