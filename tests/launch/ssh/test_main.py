"""`strata launch ssh`: its mistakes, and the commands that it would run."""

import json
import shlex
import subprocess

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from tests.launch.watched import run_watched
from tests.launch.words import as_flags
from tests.launch.words import WORDS
from trainer.flags import joined
from trainer.launch.ssh import __main__ as ssh
from trainer.launch.ssh import openssh


def write_tool(path, text):
    path.write_text(text)
    path.chmod(0o755)


def told(capfd, words):
    assert ssh.main(words) == 2
    shown = capfd.readouterr()
    assert not shown.out
    (line,) = shown.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--hosts="], "--hosts: '' must be a name"),
        (["--hosts=a,,b"], "--hosts: '' must be a name"),
        (["--hosts=a,-oProxyCommand=x"], "'-oProxyCommand=x' must be a name"),
        (["--hosts=a;b"], "'a;b' must be a name"),
        (["--hosts=a b"], "'a b' must be a name"),
        (["--hosts=a:22"], "'a:22' must be a name"),
        (["--hosts=10.0.0.256,b"], "'10.0.0.256' must be a name or an IPv4"),
        (["--hosts=@b"], "'@b' must be a name"),
        (["--hosts=a,me@a"], "names a twice"),
        (["--hosts=localhost,b"], "localhost is another host to each"),
        (["--hosts=a,127.0.0.2"], "127.0.0.2 is another host to each"),
        (["--host=a"], "did you mean --hosts?"),
        ([], "--hosts=A,B is missing"),
        (["--hosts=a,b", "--min_workers=3"], "must not exceed the 2 of"),
        (["--hosts=a,b", "--min_workers=0"], "whole number of 1 or more"),
        (["--hosts=a", "--max_restarts=x"], "whole number of 0 or more"),
        (["--hosts=a", "--port=80"], "--port=80 must be from 1024 to 65535"),
        (["--hosts=a", "--port=65536"], "must be from 1024 to 65535"),
        (["--hosts=a", "--directory=~/strata"], "must begin with /"),
        (["--hosts=a", "--python="], "--python='' must name a Python"),
        (["--hosts=a", "--ssh_config=/no"], "--ssh_config=/no is not a file"),
    ],
)
def test_a_mistake_is_one_line(flags, words, capfd):
    assert words in told(capfd, [*flags, "--dry_run", "--", "--config=digits"])


def test_a_job_without_a_config_is_a_mistake(capfd):
    line = told(capfd, ["--hosts=a", "--dry_run", "--"])
    assert "--config is missing" in line


def test_workers_that_would_not_meet_are_a_mistake(capfd):
    words = ["--dry_run", "--", "--config=digits", "--cluster=slurm"]
    line = told(capfd, ["--hosts=a,b", *words])
    assert "--cluster=slurm would have each of 2 workers train alone" in line
    assert ssh.main(["--hosts=a", *words]) == 0


def test_an_unknown_flag_of_the_trainer_is_a_mistake(capfd):
    words = ["--hosts=a", "--dry_run", "--", "--config=digits", "--plan=y"]
    assert "--plan is not a flag" in told(capfd, words)


DRY = ["--python=python3", "--directory=/a b/$(x)", "--dry_run"]


def dry_run(capfd, hosts, arguments):
    assert ssh.main([f"--hosts={hosts}", *DRY, "--", *arguments]) == 0
    shown = capfd.readouterr()
    assert shown.err.startswith("makes: a worker on ")
    return shown.out


def test_a_dry_run_prints_all_commands(capfd):
    lines = dry_run(capfd, "me@a,b", ["--config=digits"]).splitlines()
    options = "".join(f" -o{o}" for o in openssh.OPTIONS)
    assert [shlex.split(line)[-2] for line in lines] == ["me@a", "b"] * 2
    assert all(line.startswith(f"ssh -T{options} ") for line in lines)
    assert shlex.split(lines[0])[-1] == (
        "cd '/a b/$(x)' && exec python3 -m trainer.launch.ssh.host"
        " --probe=runs/digits --hosts=a,b"
    )
    words = shlex.split(shlex.split(lines[3])[-1])
    assert words[:5] == ["cd", "/a b/$(x)", "&&", "exec", "env"]
    assert json.loads(words[5].removeprefix("TF_CONFIG=")) == {
        "cluster": {"worker": ["a:11111", "b:11111"]},
        "task": {"type": "worker", "index": 1},
    }
    assert words[6:] == [
        *(
            "python3",
            "-m",
            "trainer.launch.ssh.host",
            "--index=1",
            "--silence_secs=30",
        ),
        *("--start_secs=300", "--", "--config=digits"),
    ]


def test_numbers_of_workers_are_beside_the_launchers(capfd):
    """The launcher's machine may be one of the hosts."""
    arguments = ["--metrics_port", "9095", "--config=digits"]
    lines = dry_run(capfd, "a,b", arguments).splitlines()
    ports = [
        [w for w in shlex.split(shlex.split(line)[-1]) if "metrics_port" in w]
        for line in lines[2:]
    ]
    assert ports == [["--metrics_port=9096"], ["--metrics_port=9097"]]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.lists(WORDS, max_size=3))
@example(words=["a b", "$(touch x)`y`", "line\nline", "'\"'\\", "!*", ""])
def test_the_trainers_arguments_arrive_intact(words, tmp_path, capfd):
    """Through two shells: that which reads the dry run, and the host's."""
    directory = tmp_path / "a b" / "$(x) 'y"
    directory.mkdir(parents=True, exist_ok=True)
    show = tmp_path / "show"
    write_tool(show, '#!/bin/sh\npwd\nprintf \'%s\\0\' "$TF_CONFIG" "$@"\n')
    flags = [f"--python={show}", f"--directory={directory}", "--dry_run"]
    arguments = ["--config=digits", *as_flags(words)]
    assert ssh.main(["--hosts=a,b", *flags, "--", *arguments]) == 0
    text = capfd.readouterr().out
    # A word with line breaks is one word to a shell.
    tool = 'ssh() { for text; do :; done; sh -c "$text"; }\n'
    done = subprocess.run(
        ["bash", "-c", tool + text], capture_output=True, check=True
    )
    shown = done.stdout.decode().split(f"{directory}\n")[-1].split("\0")
    assert json.loads(shown[0])["task"]["index"] == 1
    assert shown[shown.index("--") + 1 : -1] == list(joined(arguments))


def test_a_dry_run_makes_no_process_and_no_connection():
    words = ("--hosts=a,b", "--dry_run", "--", "--config=mnist")
    shown = run_watched("trainer.launch.ssh.__main__", *words)
    assert shown.err.startswith("makes: a worker on ")
    assert shown.out.startswith("ssh -T ")
