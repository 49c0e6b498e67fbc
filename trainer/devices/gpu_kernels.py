"""Which GPUs TensorFlow's build has kernels of its own for."""

from collections.abc import Iterable

import tensorflow as tf


def check() -> None:
    """Warns of GPUs that are newer than TensorFlow's build."""
    built = tf.sysconfig.get_build_info().get("cuda_compute_capabilities", [])
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability")
        if capability and built and not has_kernels(capability, built):
            print(
                f"WARNING: {details.get('device_name')} has compute capability"
                f" {'.'.join(map(str, capability))}, and this TensorFlow"
                f" has kernels for {', '.join(built)}: the driver makes them"
                " anew, for half an hour, or fails with"
                " CUDA_ERROR_INVALID_PTX; see docs/launch/README.md for builds"
                " that fit",
                flush=True,
            )


def has_kernels(capability: tuple[int, int], built: Iterable[str]) -> bool:
    """Returns whether a build's machine code runs on a GPU.

    It does on those of the same major number, from its own minor one on.

    Args:
      capability: the GPU's compute capability.
      built: those of the build, such as sm_89 and compute_90.
    """
    digits = [each.partition("_")[2].rstrip("af") for each in built]
    return any(
        int(each[:-1]) == capability[0] and int(each[-1]) <= capability[1]
        for each in digits
    )
