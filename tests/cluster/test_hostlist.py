"""Slurm's short lists of hosts, written out."""

import os
import subprocess

import pytest

from tests.faults import slurm
from trainer.cluster import hostlist

# As `scontrol show hostnames` writes them out, which is asked below.
LISTS = {
    "n1": "n1",
    "n[1-3]": "n1 n2 n3",
    "n[9-11]": "n9 n10 n11",
    "n[08-11]": "n08 n09 n10 n11",
    "n[098-101,7]": "n098 n099 n100 n101 n7",
    "a,b[2,4-5],c": "a b2 b4 b5 c",
    "rack[1-2]-n[08-09]": "rack1-n08 rack1-n09 rack2-n08 rack2-n09",
    "rack[1-2,9]n[1,3]": "rack1n1 rack1n3 rack2n1 rack2n3 rack9n1 rack9n3",
}


@pytest.mark.parametrize(("text", "hosts"), LISTS.items(), ids=str)
def test_a_list_of_hosts_is_written_out(text, hosts):
    assert hostlist.expand(text) == hosts.split()


@pytest.mark.parametrize(
    "text", ["", "n[", "n[1", "n]1", "n[a]", "a,,b", "a b"]
)
def test_what_is_no_list_of_hosts_is_refused(text):
    with pytest.raises(ValueError, match="is no"):
        hostlist.expand(text)


def test_scontrol_agrees_on_lists_of_hosts(tmp_path):
    if wrong := slurm.missing():
        pytest.skip(wrong)
    conf = tmp_path / "slurm.conf"
    conf.write_text("ClusterName=x\nSlurmctldHost=x\nNodeName=x\n")
    for text, hosts in LISTS.items():
        told = subprocess.run(
            ["scontrol", "show", "hostnames", text],
            env=os.environ | {"SLURM_CONF": str(conf)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.split() == hosts.split(), text
