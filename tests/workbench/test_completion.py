"""Scripts by which shells complete the words of strata."""

import shutil
import subprocess

import pytest

from tests.processes import ROOT
from trainer import flags
from trainer.__main__ import VERBS
from trainer.workbench import completion

HELP = """\
usage: strata look WORKDIR [flags]

Looks.

  strata look --other=x

options:
  -h, --help         show this help message and exit
  --workdir WORKDIR  folder of the run; --workdir may be left out
  --split {train,test}
                     which rows
  --network auto|host
                     where
  --verify           check
"""
# What is typed, and what is offered, some of it.
OFFERED = {
    "strata ": {*(name.split()[0] for name in VERBS), "help", "version"},
    "strata tr": {"train"},
    "strata launch ": {n.split()[1] for n in VERBS if " " in n},
    "strata launch gcp st": {"status", "stop"},
    "strata launch gcp gpu --machine": {"--machine_type="},
    "strata launch slurm --nod": {"--nodes="},
    "strata launch slurm -- --config=mnist_": {
        *("mnist_best", "mnist_deep", "mnist_fast", "mnist_record"),
    },
    "strata train --config=d": {
        *(n for n in flags.shipped_configs() if n.startswith("d")),
        "docs",
    },
    "strata train --config.optimizer.name=ad": {"adam", "adamw"},
    "strata evaluate --split=t": {"train", "test"},
    "strata evaluate doc": {"docs"},
    "strata evaluate --workdir=doc": {"docs"},
    "strata completion ": set(completion.SHELLS),
    "strata help conf": {"config"},
}
ASK = """
source /dev/stdin
while IFS= read -r -u 3 COMP_LINE; do
  COMP_POINT=${#COMP_LINE}
  _strata
  echo "${COMPREPLY[*]}"
done
"""


def test_flags_are_those_of_the_help():
    found, choices = completion.flags_in(HELP)
    assert " ".join(found) == ("--help --workdir= --split= --network= --verify")
    assert choices == {
        "--split": ("train", "test"),
        "--network": ("auto", "host"),
    }


def test_bash_offers_what_can_be_meant(tmp_path):
    (tmp_path / "typed").write_text("".join(f"{line}\n" for line in OFFERED))
    with open(tmp_path / "typed") as typed:
        done = subprocess.run(
            ["bash", "-c", f"exec 3<&{typed.fileno()}; {ASK}"],
            pass_fds=[typed.fileno()],
            input=completion.script("bash"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    assert not done.stderr
    offered = [set(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip(OFFERED, offered, strict=True)) == OFFERED


@pytest.mark.parametrize("shell", sorted(completion.SHELLS))
def test_a_script_is_one_that_its_shell_reads(shell):
    text = completion.script(shell)
    assert "config.optimizer.learning_rate" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_another_shell_is_a_mistake(capsys):
    assert completion.main(["tcsh"]) == 2
    assert "'tcsh' is none of bash, fish, zsh" in capsys.readouterr().err
