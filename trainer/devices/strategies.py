"""Name -> tf.distribute.Strategy, and the devices that it stands on."""

import contextlib
import functools
import glob
import os
import threading
from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.eager import context

from trainer.cluster.place import Cluster
from trainer.devices import gpu_compiler
from trainer.devices import gpu_kernels
from trainer.process.exits import UserError

TPU_CONNECT_SECS = 45.0
# From the import of TensorFlow in the first worker to that in the last.
REGISTRATION_SECS = 60
# Between the last sign of a worker and its being given up.
HEARTBEAT_SECS = 8


def prepare_devices(
    cpu_devices: int | None, require_gpus: int | None, place: Cluster
) -> None:
    """Sets logical CPUs and memory growth; before any TensorFlow operation.

    Args:
      cpu_devices: logical CPU devices to make, so that several replicas can be
        tried on one processor.
      require_gpus: GPUs that TensorFlow must see.
      place: of this process, with which others may share this host.

    Raises:
      UserError: fewer GPUs than required are seen.
    """
    gpus = tf.config.list_physical_devices("GPU")
    found = glob.glob("/dev/nvidia[0-9]*")
    if require_gpus and len(gpus) < require_gpus:
        raise UserError(
            f"--require_gpus={require_gpus}: TensorFlow sees {len(gpus)};"
            f" {_nvidia_state(found)}"
        )
    if found and not gpus:
        print(
            f"WARNING: {len(found)} NVIDIA device(s) on this machine are not"
            f" seen by TensorFlow, which trains on the CPU;"
            f" {_nvidia_state(found)}",
            flush=True,
        )
    gpu_kernels.check()
    grow_memory()
    _bind_local_gpu(gpus, place)
    if cpu_devices:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * cpu_devices,
        )


def grow_memory() -> None:
    """Has GPUs' memory be taken as it is needed, where none is in use yet."""
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)


def check_compiler(jit_compile: bool) -> None:
    """Raises UserError where XLA is to compile for GPUs, and cannot."""
    if jit_compile and tf.config.list_physical_devices("GPU"):
        gpu_compiler.check(os.environ)


def _nvidia_state(found: list[str]) -> str:
    """What can be said of the driver and CUDA without either."""
    driver = "no NVIDIA driver"
    if os.path.exists("/proc/driver/nvidia/version"):
        with open("/proc/driver/nvidia/version") as file:
            driver = f"driver {file.readline().strip()!r}"
    build = tf.sysconfig.get_build_info()
    cuda = build.get("cuda_version", "none")
    return (
        f"devices {found or 'none'}, {driver}, TensorFlow built for CUDA"
        f" {cuda}; install the 'gpu' extra (tensorflow[and-cuda]) where the"
        " driver is"
    )


def _bind_local_gpu(gpus: list, place: Cluster) -> None:
    """Leaves an equal share of a host's GPUs to each of its Slurm tasks.

    Where Slurm bound them (--gpus-per-task), a task sees its own alone.
    """
    index, count = place.on_host()
    on_node = os.environ.get("SLURM_GPUS_ON_NODE")
    if count > 1 and on_node and len(gpus) == int(on_node) >= count:
        each = len(gpus) // count
        own = gpus[index * each : (index + 1) * each]
        tf.config.set_visible_devices(own, "GPU")


def local_devices(limit: int | None) -> list[str]:
    """Names the devices to train on: the GPUs, or the CPUs where none.

    Args:
      limit: how many of them to use; None for all.

    Raises:
      UserError: more are asked for than there are.
    """
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if limit is not None and limit > len(names):
        raise UserError(
            f"--devices={limit} is more than the {len(names)} {kind} device(s)"
            " here; ask for fewer, or make CPUs by --cpu_devices"
        )
    return names[:limit]


def build(
    name: str, *, devices: int | None = None, tpu: str | None = None
) -> tf.distribute.Strategy:
    """Makes the strategy; the first TensorFlow work of a process.

    Args:
      name: from `choice.fit_strategy`. "auto" takes Mirrored for two local
        devices or more, and else the default.
      devices: how many local devices to use.
      tpu: a TPU's name or address, or "local".

    Raises:
      UserError: what was asked for is not there.
    """
    if name == "tpu":
        return _tpu(tpu or os.environ.get("TPU_NAME", "local"))
    if name == "multiworker":
        return _multiworker()
    names = local_devices(devices)
    if name == "auto":
        name = "mirrored" if len(names) > 1 else "default"
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(names)
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(names[0])
    return tf.distribute.get_strategy()


def _multiworker() -> tf.distribute.Strategy:
    gpus = tf.config.list_physical_devices("GPU")
    communication = (
        tf.distribute.experimental.CommunicationImplementation.NCCL
        if gpus
        else tf.distribute.experimental.CommunicationImplementation.RING
    )
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=communication
    )
    print(f"collectives: {communication.value}", flush=True)
    _limit_silence()
    return tf.distribute.MultiWorkerMirroredStrategy(
        communication_options=options
    )


def _limit_silence() -> None:
    """Has a silent peer be known in time.

    While the cluster forms the strategy sets no limit of its own, and holds
    every Python thread as it waits, the watchdog's too. Later its limit is
    10 s, after which an answer takes a moment more.
    """
    tensorflow_context = context.context()
    tensorflow_context.configure_coordination_service = functools.partial(
        tensorflow_context.configure_coordination_service,
        cluster_register_timeout_in_ms=1000 * REGISTRATION_SECS,
        heartbeat_timeout_in_ms=1000 * HEARTBEAT_SECS,
    )


def _tpu(address: str) -> tf.distribute.Strategy:
    def connect() -> tf.distribute.Strategy:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=address
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)

    try:
        return within_deadline(connect, TPU_CONNECT_SECS)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise UserError(
            f"--strategy=tpu --tpu={address}: no TPU there ({reason[:200]});"
            " name one by --tpu, or leave --strategy at auto"
        ) from error


def within_deadline(work: Callable, secs: float) -> tf.distribute.Strategy:
    """Returns work(), or raises TimeoutError: TensorFlow itself may hang."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append((work(), None))
        except Exception as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(secs)
    if not outcome:
        raise TimeoutError(f"no answer in {secs:.0f} s")
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


def name_of(strategy: tf.distribute.Strategy) -> str:
    """Returns which of `choice.STRATEGIES` a strategy is."""
    kinds = {
        "MirroredStrategy": "mirrored",
        "MultiWorkerMirroredStrategy": "multiworker",
        "OneDeviceStrategy": "one_device",
        "CollectiveAllReduceStrategy": "multiworker",
        "TPUStrategy": "tpu",
        "TPUStrategyV2": "tpu",
    }
    return kinds.get(type(strategy).__name__, "default")


def describe(strategy: tf.distribute.Strategy, place: Cluster) -> None:
    """Prints the strategy and the devices that a job runs on."""
    kinds = ("TPU", "GPU", "CPU")
    found = {k: len(tf.config.list_logical_devices(k)) for k in kinds}
    devices = ", ".join(f"{n} {k}" for k, n in found.items() if n)
    print(
        f"strategy: {name_of(strategy)},"
        f" replicas: {strategy.num_replicas_in_sync}, workers: {place.workers},"
        f" devices here: {devices}"
        + (f", this is worker {place.index}" if place.addresses else ""),
        flush=True,
    )
