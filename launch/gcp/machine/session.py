"""What runs on a machine: the trainer under its supervisor, and its log.

The trainer itself keeps the run in the bucket. What the machine says goes
there every half minute and at the end, and how it ended.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from typing import IO

from trainer.cluster.discovery import SECRET
from trainer.launch.gcp import gcloud
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.policy import FINAL
from trainer.launch.supervise.policy import shell_code
from trainer.launch.supervise.signals import Signals
from trainer.launch.tpu import tpu_environment
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import MISTAKE
from trainer.process.exits import STOPPED
from trainer.process.programs import ASK_SECS
from trainer.process.programs import CHANGE_SECS
from trainer.process.programs import finish

LOG_SECS = 30.0
# Codes of a peer that it would end with again: all others would wait for it.
ENDS_OF_ALL = (MISTAKE, DIVERGED)
# For the chief to end by itself, which has more to write.
CHIEF_SECS = 120.0
# After each try to read the job's secret.
SECRET_DELAYS_SECS = (2.0, 8.0, 32.0, 0.0)
# A TPU that hangs as it is initialised is told of by nothing else.
PREFLIGHT_SECS = 300.0
CODE_FILE = "exit_code"
# Of a session that was told to leave, with a checkpoint or without.
LEFT = "left"
UNIT = "strata.service"
LOCKFILE = pathlib.Path("/tmp/libtpu_lockfile")
LIBTPU = ".venv/lib/python3.11/site-packages/libtpu/libtpu.so"


def run(words: list[str]) -> int:
    """Runs a command of gcloud; returns its exit code."""
    # What this process is told does not reach it: no copy ends halfway.
    done = finish(words, CHANGE_SECS)
    if done.returncode:
        print(f"strata: {words[:3]}: {done.stderr.strip()[-300:]}", flush=True)
    return done.returncode


class Session:
    """One start of a job on this machine.

    Args:
      job: what the machine was told of it.
      home: folder for what this machine alone needs.
    """

    def __init__(self, job: dict[str, Any], home: pathlib.Path) -> None:
        self._job = job
        self._home = home
        self.index = index_of(job, socket.gethostname())
        self._log = home / f"log-{self.index}.txt"
        self._project = job["project"]
        self._stored_log = f"{job['control']}/{self._log.name}"

    def run(self) -> int:
        """Runs the trainer to its end; returns its exit code."""
        (self._home / CODE_FILE).unlink(missing_ok=True)
        signals = Signals()
        with signals.caught():
            if not self._log.exists():
                # What the machine before this one said.
                run(self._cp(self._stored_log, str(self._log)))
            with open(self._log, "ab", buffering=0) as log:
                try:
                    code = self._preflight(log)
                    if code == DONE and not signals.received:
                        code = self._train(log, signals)
                    elif code == DONE:
                        code = STOPPED  # No step was taken.
                except ClusterError as error:
                    log.write(f"strata: {error}\n".encode())
                    code = CLUSTER_FAILED
        self._copy_log()
        self._note(code, is_told=bool(signals.received))
        return code

    def _note(self, code: int, *, is_told: bool) -> None:
        """Notes how this session ended, for `end`."""
        returns = is_told and code not in (DONE, *FINAL)
        words = LEFT if returns else str(code)
        (self._home / CODE_FILE).write_text(words)

    def _environment(self) -> dict[str, str]:
        own = {**os.environ, **self._job["environment"]}
        if "STRATA_ADDRESSES" in own:
            own["STRATA_WORKER"] = str(self.index)
            own[SECRET] = self._secret()
        if self._job["kind"] == gcloud.TPU:
            own |= tpu_environment(os.path.abspath(LIBTPU))
        return own

    def _secret(self) -> str:
        """Returns what all machines of the job are told, and none else."""
        words = gcloud.read(None, f"{self._job['control']}/secret")
        for delay_secs in SECRET_DELAYS_SECS:
            done = finish(words, ASK_SECS)
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
            time.sleep(delay_secs)
        raise ClusterError(
            f"no secret of the job: {done.stderr.strip()[-300:]}"
        )

    def _preflight(self, log: IO[bytes]) -> int:
        """Tries the TPU for seconds, before anything is waited for."""
        if self._job["kind"] != gcloud.TPU:
            return DONE
        unlock(LOCKFILE)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "trainer.devices.tpu_preflight"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=PREFLIGHT_SECS,
            )
        except subprocess.TimeoutExpired:
            log.write(b"strata: the TPU does not answer\n")
            return MISTAKE
        return DONE if done.returncode == 0 else MISTAKE

    def _train(self, log: IO[bytes], signals: Signals) -> int:
        """Runs the supervisor, and copies the log meanwhile."""
        words = [
            f"--max_restarts={self._job['max_restarts']}",
            "--",
            *self._job["arguments"],
        ]
        process = _start(words, self._environment(), log)
        ended = threading.Event()
        copier = threading.Thread(target=self._copy_until, args=(ended,))
        copier.start()
        while process.poll() is None:
            if (number := signals.take(0.2)) is not None:
                # First: it may be killed, or its machine, before it ends.
                (self._home / CODE_FILE).write_text(LEFT)
                process.send_signal(number)
                if number == signal.SIGTERM:
                    ended.set()  # The last checkpoint is more urgent.
        ended.set()
        copier.join()
        return shell_code(process.returncode)

    def _copy_until(self, ended: threading.Event) -> None:
        while not ended.wait(LOG_SECS):
            self._copy_log()

    def _copy_log(self) -> None:
        if self._log.exists():
            run(self._cp(str(self._log), self._stored_log))

    def end(self) -> None:
        """Says how the job ended and removes its machines, if it did.

        One that was told to leave is made again, by the launcher. The chief's
        end is the job's, and so is a peer's of ENDS_OF_ALL; one that fails for
        good otherwise takes itself away alone.
        """
        code = self._last_code()
        if code is None:
            return
        if self.index == 0 or code in ENDS_OF_ALL:
            if self.index:
                time.sleep(CHIEF_SECS)
            self._tell(code)
            self._remove(self._job["machines"])
        elif code not in (DONE, *FINAL):
            self._remove([self._job["machines"][self.index]])

    def _last_code(self) -> int | None:
        """Returns the code of the newest session.

        None while it goes on, and where its machine was told to leave.
        """
        with contextlib.suppress(OSError, ValueError):
            text = (self._home / CODE_FILE).read_text()
            return None if text in (LEFT, str(STOPPED)) else int(text)
        # It said nothing. systemd may be about to start it again.
        asked = ["systemctl", "--quiet", "is-failed", UNIT]
        if finish(asked, ASK_SECS).returncode:
            return None
        self._copy_log()
        return FAILED

    def _tell(self, code: int) -> None:
        file = self._home / "outcome.json"
        outcome: dict[str, Any] = {"code": code, "machine": self.index}
        if self.index:
            # What the launcher shows is the chief's.
            place = self._job["machines"][self.index]
            outcome |= {"place": place, "log": self._log.name}
        file.write_text(json.dumps(outcome) + "\n")
        # The first word stands.
        run(
            [
                *self._cp(str(file), f"{self._job['control']}/outcome.json"),
                "--no-clobber",
            ]
        )

    def _remove(self, names: list[str]) -> None:
        zone = self._job["zone"]
        if self._job["kind"] == gcloud.TPU:
            run(gcloud.delete_tpu(self._project, zone, self._job["name"]))
        else:
            run(gcloud.delete_gpus(self._project, zone, names))

    def _cp(self, source: str, destination: str) -> list[str]:
        return gcloud.upload(self._project, source, destination)


def _start(
    words: list[str], environment: dict[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts the trainer's supervisor."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.launch.local", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def index_of(job: dict[str, Any], host: str) -> int:
    """Returns the number of this machine among the job's."""
    name = host.partition(".")[0]
    machines = job["machines"]
    return machines.index(name) if name in machines else 0


def unlock(lockfile: pathlib.Path) -> None:
    """Removes what a killed process left behind, which blocks the next one."""
    try:
        lockfile.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        print(
            f"strata: {lockfile} cannot be removed ({error}), and blocks the"
            f" TPU; sudo rm {lockfile}",
            flush=True,
        )
        return
    print(f"strata: removed {lockfile}, left by a killed process", flush=True)


def main(argv: list[str]) -> int:
    """Does `run JOB.json` or `end JOB.json`."""
    verb, file = argv
    job = json.loads(pathlib.Path(file).read_text())
    session = Session(job, pathlib.Path.home())
    if verb == "run":
        return session.run()
    session.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
