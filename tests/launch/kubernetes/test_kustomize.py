"""The Kustomize base in ops/, against the launcher and kubectl itself."""

import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.launch.kubernetes.example import container_of
from tests.launch.kubernetes.test_manifest import validate
from tests.processes import ROOT
from trainer.launch.kubernetes import __main__ as kubernetes

FOLDER = pathlib.Path(ROOT, "ops", "kubernetes")


def test_the_base_is_what_its_command_prints(capsys):
    """Where a change is meant, write what it prints to the file."""
    text = (FOLDER / "README.md").read_text()
    written = re.search(r"```sh\n(strata launch .*?)```", text, re.DOTALL)[1]
    words = shlex.split(written.replace("\\\n", ""))
    assert words[:3] == ["strata", "launch", "kubernetes"]
    assert kubernetes.main(words[3:]) == 0
    printed = capsys.readouterr().out
    assert (FOLDER / "base" / "mnist.yaml").read_text() == printed


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_the_example_of_an_overlay_is_of_the_published_schemas():
    done = subprocess.run(
        ["kubectl", "kustomize", FOLDER / "overlays" / "gpu"],
        capture_output=True,
        text=True,
        check=True,
    )
    documents = list(yaml.safe_load_all(done.stdout))
    assert {d["metadata"]["namespace"] for d in documents} == {"team"}
    for document in documents:
        validate(document)
    (job,) = [d for d in documents if d["kind"] == "Job"]
    container = container_of(job)
    assert "--require_gpus=1" in container["args"]
    assert container["args"].index("--") < 2
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
