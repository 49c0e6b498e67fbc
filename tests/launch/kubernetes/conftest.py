"""What a command prints."""

import pytest
import yaml

from tests.launch.kubernetes.example import command
from tests.launch.kubernetes.example import TRAINER
from trainer.launch.kubernetes import __main__ as kubernetes


@pytest.fixture
def printed(capsys):
    """Returns the documents that a command prints, read back."""

    def run(flags=(), trainer=TRAINER):
        assert kubernetes.main(command(flags, trainer)) == 0
        return list(yaml.safe_load_all(capsys.readouterr().out))

    return run
