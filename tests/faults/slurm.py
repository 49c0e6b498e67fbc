"""A real Slurm of a test's own: each node in its own network namespace."""

import contextlib
import os
import pathlib
import re
import secrets
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator

from tests.faults import jobs
from tests.faults import network

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "ip", "unshare")
CONF = """\
ClusterName=lab
SlurmctldHost=login({login})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=5
UnkillableStepTimeout=20
JobRequeue=1
{nodes}
PartitionName=main Nodes=n[08-09] Default=YES MaxTime=60 State=UP
"""
NODES = ("n08", "n09")


def missing() -> str | None:
    """Says why there can be no Slurm here, or None."""
    lacking = [tool for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0:
        return "to make a Slurm takes root"
    if lacking:
        return f"Debian's slurm-wlm and munge are needed: no {lacking[0]}"
    return None


class Slurm:
    """Two nodes and a host to submit from."""

    def __init__(self, folder: pathlib.Path, hosts: list[network.Host]) -> None:
        self.folder = folder
        self.hosts = dict(zip(("login", *NODES), hosts, strict=True))

    def on(self, name: str, *words: str, **more) -> subprocess.CompletedProcess:
        """Runs a command on a host, with its names."""
        inside = f"mount --bind {self.folder}/hosts /etc/hosts; hostname {name}"
        return subprocess.run(
            [
                *self.hosts[name].enter(),
                *("unshare", "--uts", "--mount", "sh", "-c"),
                f'{inside}; exec "$@"',
                *("sh", *words),
            ],
            env=os.environ | {"SLURM_CONF": f"{self.folder}/slurm.conf"},
            text=True,
            **more,
        )

    def ask(self, *words: str) -> str:
        """Runs a client's command; returns what it prints."""
        done = self.on("login", *words, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start_node(self, name: str) -> None:
        self.on(name, "slurmd", "-N", name, check=True)

    def kill_node(self, name: str) -> None:
        """Ends all that runs on a node, as a power cut does."""
        inode = os.stat(f"/run/netns/{self.hosts[name].name}").st_ino
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.stat(process / "ns/net").st_ino == inode:
                    os.kill(int(process.name), signal.SIGKILL)

    def submit(self, *words: str, cwd: pathlib.Path) -> str:
        """Runs `strata launch slurm`; returns the job's number."""
        done = self.on(
            "login", *words, cwd=cwd, capture_output=True, timeout=60
        )
        match = re.match(r"job (\d+)", done.stdout)
        assert match, done.stdout + done.stderr
        return match[1]

    def state(self, number: str) -> str:
        shown = self.ask("scontrol", "--oneliner", "show", "job", number)
        return dict(w.split("=", 1) for w in shlex.split(shown) if "=" in w)[
            "JobState"
        ]

    def finish(self, number: str) -> str:
        """Waits for a job's end; returns how it ended."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        jobs.wait_for("the job's end", lambda: self.state(number) in ended)
        return self.state(number)


@contextlib.contextmanager
def cluster(folder: pathlib.Path) -> Iterator[Slurm]:
    """Starts munge, a controller and two nodes; ends them all."""
    with network.hosts(3) as hosts:
        slurm = Slurm(folder, hosts)
        names = ("login", *NODES)
        lines = [f"{h.address} {n}" for h, n in zip(hosts, names, strict=True)]
        lines.append("127.0.0.1 localhost")
        (folder / "hosts").write_text("\n".join(lines) + "\n")
        nodes = [
            f"NodeName={name} NodeAddr={slurm.hosts[name].address} CPUs=2"
            " RealMemory=8000 State=UNKNOWN"
            for name in NODES
        ]
        for name in ("state", *(f"spool.{node}" for node in NODES)):
            (folder / name).mkdir()
        conf = CONF.format(
            folder=folder, login=hosts[0].address, nodes="\n".join(nodes)
        )
        (folder / "slurm.conf").write_text(conf)
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        try:
            munged = [
                f"--{option}={folder}/munge.{end}"
                for option, end in {
                    "socket": "sock",
                    "key-file": "key",
                    "pid-file": "pid",
                    "log-file": "log",
                    "seed-file": "seed",
                }.items()
            ]
            subprocess.run(["munged", "--force", *munged], check=True)
            slurm.on("login", "slurmctld", "-c", check=True)
            for name in NODES:
                slurm.start_node(name)
            jobs.wait_for(
                "idle nodes",
                lambda: (
                    len(slurm.ask("sinfo", "-hNt", "idle", "-o", "%N").split())
                    == 2
                ),
            )
            yield slurm
        finally:
            for name in slurm.hosts:
                slurm.kill_node(name)
            with contextlib.suppress(OSError, ValueError):
                pid = int((folder / "munge.pid").read_text())
                os.kill(pid, signal.SIGTERM)
