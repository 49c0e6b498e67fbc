"""What a command prints."""

import pytest
import yaml

from launch.kubernetes import __main__ as kubernetes
from tests.launch.kubernetes.example import command
from tests.launch.kubernetes.example import TRAINER


@pytest.fixture
def printed(capsys):
    """Returns the documents that a command prints, read back."""

    def run(flags=(), trainer=TRAINER):
        assert kubernetes.main(command(flags, trainer)) == 0
        return list(yaml.safe_load_all(capsys.readouterr().out))

    return run
