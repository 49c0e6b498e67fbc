"""Tries a TPU for some seconds, before a machine is paid for longer.

  python -m trainer.devices.tpu_preflight

Ends with 0 where its packages fit each other, the TPU answers, and a step and
a sum over all its cores come out right; else with 1, saying what failed.
"""

import os
import sys
from typing import Any

from trainer.devices.packages import installed
from trainer.process.exits import tell

# The last pair that fits: tensorflow-tpu 2.19.1 asks for this libtpu itself.
PINNED = {"tensorflow-tpu": "2.19.1", "libtpu": "0.0.10"}


def packages() -> str | None:
    """Says what is wrong with the packages installed, or None."""
    found = installed()
    if "tensorflow" in found:
        return "tensorflow is installed, and overwrites tensorflow-tpu's files"
    for name, version in PINNED.items():
        if found.get(name) != version:
            return f"{name} is {found.get(name, 'missing')}, not {version}"
    library = os.environ.get("TF_PLUGGABLE_DEVICE_LIBRARY_PATH", "")
    if not os.path.isfile(library):
        return f"TF_PLUGGABLE_DEVICE_LIBRARY_PATH={library!r} is no file"
    return None


def compute() -> str | None:
    """Says what is wrong with the TPU, or None."""
    import tensorflow as tf

    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
        tpu=os.environ.get("TPU_NAME", "local")
    )
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    strategy = tf.distribute.TPUStrategy(resolver)
    return step(strategy)


def step(strategy: Any) -> str | None:
    """Runs one step and one sum over all replicas of a strategy."""
    import tensorflow as tf

    count = strategy.num_replicas_in_sync
    with strategy.scope():
        weights = tf.Variable(tf.ones([8, 8]))

    @tf.function
    def run():
        def one():
            context = tf.distribute.get_replica_context()
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.matmul(weights, weights))
            gradient = tape.gradient(loss, weights)
            return context.all_reduce("sum", tf.reduce_sum(gradient))

        return strategy.run(one)

    summed = strategy.experimental_local_results(run())
    # Each of the 64 weights has the gradient 16.
    wanted = 1024.0 * count
    wrong = [float(s) for s in summed if float(s) != wanted]
    print(f"preflight: {count} replicas, sum {wanted:.0f}", flush=True)
    return f"a sum came to {wrong[0]}, not {wanted}" if wrong else None


def main() -> int:
    """Tries the packages, then the TPU."""
    try:
        wrong = packages() or compute()
    except Exception as error:  # whatever TensorFlow raises
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        tell(f"the TPU cannot be used: {wrong[:500]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
