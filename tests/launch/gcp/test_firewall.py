"""Rules that keep others from the machines of jobs."""

import shutil

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import show
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp.client import Answer
from trainer.launch.gcp.client import Client


def test_the_rules_can_be_seen_alone(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    words = ["firewall", "--network=vpc", "--project=ours-1", "--dry_run"]
    assert command.main(words) == 0
    own, others = capsys.readouterr().out.splitlines()
    assert "create vpc-strata-own " in own
    assert "--source-tags=strata --target-tags=strata" in own
    assert "--priority=900 --action=ALLOW" in own
    assert "--priority=901 --action=DENY" in others
    assert "--source-ranges=0.0.0.0/0 --target-tags=strata" in others
    assert "tcp:1024-65535" in others


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--network=A"], "--network='A' must be"),
        (["--network_tag=-"], "--network_tag='-' must be"),
        ([], "nobody is at the terminal to ask; add --yes"),
    ],
)
def test_a_mistake_is_told(words, told, capsys):
    assert command.main(["firewall", *words]) == 2
    assert told in capsys.readouterr().err


def test_several_machines_have_the_tag_and_one_has_none(capsys):
    _, shown = show(capsys, [*GPU, "--num_vms=2"])
    assert "--tags=strata" in shown.out
    assert "firewall --network=default --network_tag=strata" in shown.err
    _, shown = show(capsys, [*GPU, "--num_vms=2", "--network_tag=mine"])
    assert "--tags=mine" in shown.out
    _, shown = show(capsys, GPU)
    assert "--tags" not in shown.out
    assert "firewall" not in shown.err


def test_what_takes_rules_back_names_their_project(monkeypatch, capsys):
    monkeypatch.setattr(Client, "ask", lambda *_: Answer(0, "", ""))
    words = ["firewall", "--project=our-project", "--yes"]
    assert command.main(words) == 0
    assert (
        "others --quiet --project=our-project takes" in capsys.readouterr().out
    )


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
)
def test_rules_are_made_once(cloud, capsys):
    for _ in range(2):
        assert command.main(["firewall", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "delete default-strata-own default-strata-others" in told
    own, others = cloud.rules.values()
    assert own["sourceTags"] == own["targetTags"] == ["strata"]
    assert own["allowed"] == [{"IPProtocol": "tcp"}, {"IPProtocol": "udp"}]
    assert others["denied"][0]["ports"] == ["1024-65535"]
    assert others["targetTags"] == ["strata"]
    assert others["priority"] > own["priority"]
