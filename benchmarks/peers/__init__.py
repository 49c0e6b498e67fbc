"""The course recipe as users of other libraries write it.

784 -> 784 ReLU -> 10, batches of 128, RMSprop at 1e-3 (scikit-learn has Adam
alone), float32. A contestant is a program that needs nothing of Strata:

  python -m benchmarks.peers.NAME DATA_DIR EPOCHS SEED

It prints, last, a JSON object: "epoch_secs" of each epoch, "fit_secs" from the
call that trains to its end (tracing and compiling included), and "accuracy" on
the test split. Beside them stand `products`, the matrix products alone, and
growth_*, which take points of benchmarks.growth.
"""
