"""Event files as TensorBoard reads them."""

import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator


def events(folder):
    """Returns all that the event files of a folder hold."""
    accumulator = event_accumulator.EventAccumulator(
        str(folder), size_guidance={event_accumulator.TENSORS: 0}
    )
    accumulator.Reload()
    return accumulator


def scalars(folder, tag):
    """Returns [(step, value)] of a curve."""
    return [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in events(folder).Tensors(tag)
    ]
