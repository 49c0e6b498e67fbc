"""What `--apply` has a stand-in for kubectl do."""

import io
import json
import sys

import pytest

from tests.launch.kubernetes.example import assert_one_line
from tests.launch.kubernetes.example import command
from trainer.launch.kubernetes import __main__ as kubernetes
from trainer.launch.kubernetes import kubectl as kubectl_lib

# Notes its words and what it is given, and ends as the plan says.
KUBECTL = """\
#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
calls = folder / "calls.jsonl"
text = "" if sys.argv[1] == "config" else sys.stdin.read()
with calls.open("a") as out:
    out.write(json.dumps([sys.argv[1:], text]) + "\\n")
code, said = json.loads((folder / "plan.json").read_text())[
    len(calls.read_text().splitlines()) - 1
]
print(said, file=sys.stderr if code else sys.stdout)
sys.exit(code)
"""


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Puts a stand-in on the PATH; returns its calls after a plan."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(
        KUBECTL.format(python=sys.executable, folder=str(tmp_path))
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))

    def run(plan, *switches, flags=()):
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        words = command(flags, switches=["--apply", *switches])
        code = kubernetes.main(words)
        calls = tmp_path / "calls.jsonl"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return code, [json.loads(line) for line in lines]

    return run


FINE = [[0, "my-cluster"], [0, ""], [0, ""]]
REMOVE = (
    "kubectl delete job,service,networkpolicy --namespace=team -l"
    " app.kubernetes.io/name=strata,app.kubernetes.io/instance=mnist"
)


def test_apply_creates_what_is_printed_once_the_cluster_agreed(kubectl, capsys):
    code, calls = kubectl(FINE, "--yes", flags={"--namespace": "team"})
    captured = capsys.readouterr()
    assert code == 0
    create = ["create", "--validate=strict", "--filename=-"]
    assert [words for words, _ in calls] == [
        ["config", "current-context"],
        [*create, "--dry-run=server"],
        create,
    ]
    for part in ("4 pod(s)", "my-cluster", "namespace team", "at most 24 h"):
        assert part in captured.err
    assert f"remove:  {REMOVE}\n" in captured.out
    assert captured.out.count(REMOVE.partition("-l ")[2]) == 3
    kubernetes.main(command({"--namespace": "team"}))
    assert calls[1][1] == calls[2][1] == capsys.readouterr().out


@pytest.mark.parametrize(("answer", "made"), [("y\n", 3), ("\n", 1), ("", 1)])
def test_apply_asks(kubectl, capsys, monkeypatch, answer, made):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    code, calls = kubectl(FINE)
    assert (code, len(calls)) == (0 if made == 3 else 1, made)
    assert ("nothing was created" in capsys.readouterr().err) == (made == 1)


def test_apply_needs_someone_to_ask(kubectl, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, calls = kubectl(FINE)
    assert (code, len(calls)) == (2, 1)
    assert "add --yes" in capsys.readouterr().err


def test_a_refusal_before_anything_is_made(kubectl, capsys):
    refusal = 'jobs.batch "mnist"\nalready exists'
    code, calls = kubectl([FINE[0], [1, refusal]], "--yes")
    assert (code, len(calls)) == (1, 2)
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        'strata: nothing was created; kubectl: jobs.batch "mnist" already'
        " exists"
    )


def test_a_failure_in_the_middle_names_the_removal(kubectl, capsys):
    plan = [*FINE[:2], [1, "connection lost"]]
    code, _ = kubectl(plan, "--yes", flags={"--namespace": "team"})
    assert code == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith(
        f"connection lost; remove what was created by: {REMOVE}"
    )


def test_an_interruption_names_the_removal(kubectl, capsys, monkeypatch):
    real = kubectl_lib.finish

    def finish(words, *limit, **more):
        if words[1] == "create" and "--dry-run=server" not in words:
            raise KeyboardInterrupt
        return real(words, *limit, **more)

    monkeypatch.setattr(kubectl_lib, "finish", finish)
    assert kubectl(FINE, "--yes", flags={"--namespace": "team"})[0] == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        f"strata: interrupted; remove what was created by: {REMOVE}"
    )


def test_no_cluster_and_no_kubectl_are_mistakes(kubectl, capsys, monkeypatch):
    assert kubectl([[1, "current-context is not set"]], "--yes")[0] == 2
    assert_one_line(capsys.readouterr(), "current-context is not set")
    monkeypatch.setenv("PATH", "/nowhere")
    assert kubectl([], "--yes")[0] == 2
    assert_one_line(capsys.readouterr(), "--apply needs kubectl")


def test_yes_alone_is_a_mistake(capsys):
    assert kubernetes.main(command(switches=["--yes"])) == 2
    assert_one_line(capsys.readouterr(), "add --apply")
