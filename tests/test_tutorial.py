"""The tutorial's commands, run as they are written."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial_csv.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT_SECS = 300


def run(kind, text, folder, timeout_secs=TIMEOUT_SECS):
    """Runs a block in a folder; returns what it printed on stdout."""
    commands = {"sh": ["bash", "-e"], "python": [sys.executable]}
    environment = os.environ | {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    done = subprocess.run(
        [*commands[kind], "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_secs,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path):
    blocks = BLOCK.findall(PAGE.read_text())
    printed = ""
    commands = 0
    for kind, text in blocks:
        if kind:
            printed = run(kind, text, tmp_path)
            commands += 1
            for score in re.findall(r"MLP score: ([\d.]+)%", printed):
                assert float(score) > 78  # 82.06 on the machine of the page
            continue
        # A block of no kind is what the one before it prints, "..." aside.
        for part in re.split(r"\.\.\.", text):
            assert part.strip() in printed
    assert commands == 6
    # The last one prints what predict did, of the first row.
    (probability,) = re.findall(r"\[\[([\d.]+)\]\]", printed)
    assert 0.9 < float(probability) < 1
    assert (tmp_path / "runs/titanic/export/1/model_card.md").exists()
