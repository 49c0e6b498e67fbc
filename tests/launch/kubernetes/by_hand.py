"""What the Job controller and the kubelet do for a pod, done by hand."""

import contextlib
import subprocess

from tests.launch.kubernetes.example import expanded
from tests.processes import ROOT


def start(container, index, before, environment, output):
    """Runs a container's command, and returns its process.

    Args:
      container: of the manifest.
      index: of the pod.
      before: words that give it a host of its own.
      environment: its variables, PATH among them.
      output: a file for all that it prints; its folder is the current one.
    """
    environment = {
        **environment,
        "JOB_COMPLETION_INDEX": str(index),
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "PYTHONPATH": ROOT,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    words = [*container["command"], *container["args"]]
    with open(output, "wb") as stdout:
        return subprocess.Popen(
            [*before, *(expanded(word, environment) for word in words)],
            cwd=output.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )


@contextlib.contextmanager
def ended(running):
    """Has no pod outlive a test; the kernel ends what each one started."""
    try:
        yield
    finally:
        for pod in running.values():
            pod.kill()
            pod.wait()
