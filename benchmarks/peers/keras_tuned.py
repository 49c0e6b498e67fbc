"""Keras with what its documentation offers for speed.

`steps_per_execution` runs many steps between two returns to Python. XLA
compiles them, as it does by default (`jit_compile="auto"`).
"""

from benchmarks.peers import course

if __name__ == "__main__":
    # An epoch's 469 steps are 7 such executions.
    course.run(steps_per_execution=67, jit_compile=True)
