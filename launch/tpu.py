"""What the trainer needs of its environment to drive a TPU."""


def tpu_environment(libtpu: str) -> dict[str, str]:
    """Returns the variables by which one host drives its own TPU.

    Args:
      libtpu: file of TensorFlow's pluggable device.
    """
    return {
        "TPU_NAME": "local",
        "NEXT_PLUGGABLE_DEVICE_USE_C_API": "true",
        "TF_PLUGGABLE_DEVICE_LIBRARY_PATH": libtpu,
    }
