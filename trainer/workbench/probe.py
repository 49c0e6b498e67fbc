"""Prints what TensorFlow sees, as JSON; for `strata doctor`, which reads it.

python -m trainer.workbench.probe
"""

import json

from trainer.devices import start


def main() -> None:
    """Prints TensorFlow's version, its build and its devices."""
    with start.eased():
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
        names = [_name(tf, device) for device in devices]
    build = tf.sysconfig.get_build_info()
    found = {
        "version": tf.__version__,
        "cuda": build.get("cuda_version"),
        "devices": [name for name in names if name],
    }
    print(json.dumps(found))


def _name(tf, device) -> str:  # type: ignore[no-untyped-def]
    """Names a device as people do; "" for what XLA calls its own."""
    if device.device_type != "GPU":
        is_xla = device.device_type.startswith("XLA")
        return "" if is_xla else device.device_type
    details = tf.config.experimental.get_device_details(device)
    major, minor = details.get("compute_capability", ("?", "?"))
    return f"{details.get('device_name', 'GPU')} (sm_{major}{minor})"


if __name__ == "__main__":
    main()
