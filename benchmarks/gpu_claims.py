"""What has to hold on a GPU, a function each, for benchmarks.on_gpu.

Each returns what it measured, or raises `gpu_machine.MissedError`.
"""

import subprocess
import sys
from collections.abc import Callable

from benchmarks import bench
from benchmarks import gpu_machine
from benchmarks import smoke
from benchmarks.gpu_machine import apart
from benchmarks.gpu_machine import hold
from benchmarks.gpu_machine import is_same
from benchmarks.gpu_machine import Machine
from benchmarks.gpu_wrapped import Wrapping
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import STOPPED

# Of the loss, relative: other orders of the same float32 sums.
CLOSE = 1e-5
KEPT_MIB = 4096


def sees(machine: Machine) -> str:
    """The trainer sees the device, and is bound to it."""
    wanted = () if machine.is_dry else ("--require_gpus=1",)
    flags = ("--config=digits", "--config.epochs=1", *wanted)
    told = machine.devices(machine.train("sees", *flags))
    hold(machine.kind in told, f"{told}, and no {machine.kind}")
    return told


def recipe(machine: Machine) -> str:
    """The recipe's score, and twice the same weights."""
    one, other = machine.reference, machine.trained("again")
    hold(is_same(one, other), "two runs ended with different weights")
    return f"{one.accuracy:.2%}, twice the same bits"


def as_on_a_cpu(machine: Machine) -> str:
    """Its first 50 losses are a CPU's, in float32."""
    run, on_cpu = machine.first_fifty, machine.fifty("cpu", on_cpu=True)
    return _close(apart(run, on_cpu), "apart from a CPU's")


def tf32(machine: Machine) -> str:
    """TensorFloat-32 reaches the score."""
    return _variant(machine, "tf32", "--config.precision=tf32")


def bfloat16(machine: Machine) -> str:
    """So does bfloat16."""
    return _variant(machine, "bfloat16", "--config.precision=bfloat16")


def without_xla(machine: Machine) -> str:
    """And TensorFlow's own kernels."""
    return _variant(machine, "without XLA", "--config.jit_compile=False")


def mirrored(machine: Machine) -> str:
    """MirroredStrategy of one device is the same run."""
    run = machine.fifty("mirrored", "--strategy=mirrored", "--devices=1")
    return _close(apart(run, machine.first_fifty), "apart from one's")


def mirrored_two(machine: Machine) -> str:
    """So is that of two logical devices."""
    wrapping = Wrapping(machine.kind, devices=2, memory_mib=KEPT_MIB)
    run = machine.fifty("two", "--strategy=mirrored", wrapping=wrapping)
    told = machine.devices(run)
    hold(f"2 {machine.kind}" in told, f"{told}, not 2 {machine.kind}")
    return _close(apart(run, machine.first_fifty), "apart from one's")


def two_processes(machine: Machine) -> str:
    """Two processes share a device, each within its memory."""
    wrapping = Wrapping(machine.kind, devices=1, memory_mib=KEPT_MIB)
    words, names = machine.recipe, ("left", "right")
    with (
        machine.started(names[0], *words, wrapping=wrapping) as one,
        machine.started(names[1], *words, wrapping=wrapping) as other,
    ):
        texts = [
            each.communicate(timeout=machine.most_secs)[0]
            for each in (one, other)
        ]
    codes = [one.returncode, other.returncode]
    hold(codes == [0, 0], f"they ended with {codes}: {texts[0][-200:]}")
    left, right = (
        gpu_machine.Run(machine.folder / name, 0, "") for name in names
    )
    hold(is_same(left, right), "they ended with different weights")
    peaks = [run.device_peak_bytes or 0 for run in (left, right)]
    hold(max(peaks) <= KEPT_MIB << 20, f"they took {peaks} bytes")
    return f"same bits, {left.accuracy:.2%}"


def collective(machine: Machine) -> str:
    """NCCL sums over one rank."""
    hint = "ring" if machine.is_dry else "nccl"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.gpu_collective"),
            *(hint, f"/device:{machine.kind}:0"),
        ],
        cwd=bench.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=machine.most_secs,
    )
    told = f"summed by {hint}: [1.0, 2.0, 3.0]"
    last = " / ".join(ran.stdout.splitlines()[-2:])
    hold(told in ran.stdout, f"ended with {ran.returncode}: {last[-200:]}")
    return hint


def stopped(machine: Machine) -> str:
    """A job that is stopped goes on to the very weights."""
    return _resumed(machine, "stopped", "SIGTERM", STOPPED)


def killed(machine: Machine) -> str:
    """So does one that is killed."""
    return _resumed(machine, "killed", "SIGKILL", -9)


def stuck(machine: Machine) -> str:
    """The watchdog ends one whose device does not answer."""
    run = machine.interrupted("stuck", "stuck", CLUSTER_FAILED)
    hold("nothing has ended for" in run.text, "the watchdog said nothing")
    return f"ended with {CLUSTER_FAILED}"


def peak_memory(machine: Machine) -> str:
    """The memory that it took of the device is told."""
    peak = machine.reference.device_peak_bytes
    if machine.is_dry:
        hold(peak is None, f"{peak} bytes of a CPU")
        return "none, on a CPU"
    hold(bool(peak), "device_peak_memory_bytes is not told")
    assert peak is not None
    return f"{peak / 2**20:.1f} MiB"


def profiled(machine: Machine) -> str:
    """A profile tells of host and device."""
    first, last = (80, 120) if machine.is_dry else (500, 900)
    span = f"--profile_steps={first}:{last}"
    run = machine.train("profiled", *machine.recipe, span)
    hold((run.workdir / "profile.txt").exists(), "there is no profile.txt")
    each = smoke.host_calls(run.workdir) / (last - first)
    return f"the host calls TensorFlow {each:.2f} times a step"


def _close(found: float, words: str) -> str:
    hold(found <= CLOSE, f"{found:.2g} {words}, more than {CLOSE:g}")
    return f"{found:.2g} {words}"


def _variant(machine: Machine, name: str, flag: str) -> str:
    run = machine.trained(name, flag)
    factor = machine.reference.epoch_secs / run.epoch_secs
    return f"{run.accuracy:.2%}, {factor:.2f} times as fast as float32 by XLA"


def _resumed(machine: Machine, name: str, what: str, code: int) -> str:
    machine.interrupted(name, what, code)
    run = machine.trained(name)
    hold(is_same(run, machine.reference), "it ended with other weights")
    return "the same bits"


# In this order; what matters most is first, should time run out.
CLAIMS: dict[str, Callable[[Machine], str]] = {
    "sees and binds the device": sees,
    "course recipe": recipe,
    "float32 as on a CPU": as_on_a_cpu,
    "stopped, resumed": stopped,
    "killed, resumed": killed,
    "watchdog": stuck,
    "tf32": tf32,
    "bfloat16": bfloat16,
    "without XLA": without_xla,
    "Mirrored, one device": mirrored,
    "Mirrored, two devices": mirrored_two,
    "two processes": two_processes,
    "NCCL, one rank": collective,
    "device memory": peak_memory,
    "profile": profiled,
}
