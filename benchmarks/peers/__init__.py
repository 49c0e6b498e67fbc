"""The course recipe as users of other libraries write it.

784 -> 784 ReLU -> 10, batches of 128, RMSprop at 1e-3, float32. Each module is
a program that needs nothing of Strata:

  python -m benchmarks.peers.NAME DATA_DIR EPOCHS SEED

It prints, last, a JSON object: "epoch_secs" of each epoch, "fit_secs" from the
call that trains to its end (tracing and compiling included), and "accuracy" on
the test split.
"""
