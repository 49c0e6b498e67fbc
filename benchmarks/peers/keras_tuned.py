"""Keras with what its documentation offers for speed.

`steps_per_execution` runs many steps between two returns to Python, and
`jit_compile` has XLA compile them.
"""

from benchmarks.peers import course

if __name__ == "__main__":
    course.run(steps_per_execution=67, jit_compile=True)
