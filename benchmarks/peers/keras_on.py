"""Keras `fit` as in the course, on another library than TensorFlow.

python -m benchmarks.peers.keras_on jax|torch DIR EPOCHS SEED
"""

import os
import sys

if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = sys.argv.pop(1)
    from benchmarks.peers import course

    course.run()
