"""tf_keras, the Keras 2 that is kept beside TensorFlow: `fit` on arrays."""

from benchmarks.peers import course

if __name__ == "__main__":
    course.run("tf_keras")
