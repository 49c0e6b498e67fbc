"""A sum over one rank, for benchmarks.on_gpu: HINT is "nccl" or "ring".

python -m benchmarks.gpu_collective HINT DEVICE
"""

import sys

import tensorflow as tf


def main(hint: str, device: str) -> int:
    """Prints the sum of a tensor over the one rank that there is."""
    with tf.device(device):
        summed = tf.raw_ops.CollectiveReduceV2(
            input=tf.constant([1.0, 2.0, 3.0]),
            group_size=1,
            group_key=1,
            instance_key=1,
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
            communication_hint=hint,
            timeout_seconds=30.0,
        )
    print(f"summed by {hint}: {summed.numpy().tolist()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
