"""Data larger than memory: what it costs against the same rows held in memory.

  python -m benchmarks.big_data --folder=DIR [--gigabytes=20] [--bucket]

Makes a folder of .npy files of so many gigabytes (uint8 images of 28 x 28),
trains the course recipe on it through the trainer, with warm and with cold
pages, and on a folder of 60,000 such rows as an .npz, which is read whole; then
removes both. Beside them stand the disk's own random reads, and what the order
of an epoch costs for data of other sizes, which is never made.

--bucket trains on such a folder from the disk and, in place of all that, from a
bucket on the loopback that answers after 5 ms and gives 200 MB/s a stream: once
with room for all rows on this machine, and once with none.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import bench
from benchmarks import slow_bucket

SHAPE = (28, 28)
ROW_BYTES = 784
BATCH_SIZE = 128
# Rows that are held in memory beside it, as many as MNIST's.
SMALL_ROWS = 60_000
BLOCK_ROWS = 100_000
STEPS = 2000
BUCKET_STEPS = 6000
# Lines of the log whose speed is not counted, since the first chunks compile.
FIRST_LINES = 2
READERS = 16
READ_SECS = 3.0
# An order's rows are counted for data of so many.
SIZES = (10**4, 10**6, 10**8)
MOST_ANONYMOUS_BYTES = 2 * 10**9
MOST_FIRST_BATCH_SECS = 2.0
LEAST_SHARE = 0.9


class Ran(NamedTuple):
    """A run's rows a second, and the most anonymous memory it held."""

    rows_per_sec: float
    anonymous_bytes: int


def draw(rows: int, random: np.random.Generator) -> tuple:
    """Draws images of ten kinds, which a network can tell apart."""
    y = random.integers(0, 10, rows, np.uint8)
    x = random.integers(0, 100, (rows, *SHAPE), np.uint8)
    x[np.arange(rows), y * 2] += 100
    return x, y


def write_folder(folder: pathlib.Path, rows: int) -> None:
    """Writes .npy files, a block at a time: all blocks hold the same rows."""
    random = np.random.default_rng(0)
    folder.mkdir()
    block_x, block_y = draw(min(rows, BLOCK_ROWS), random)
    for name, block in (("x", block_x), ("y", block_y)):
        array = np.lib.format.open_memmap(
            folder / f"{name}_train.npy",
            mode="w+",
            dtype=np.uint8,
            shape=(rows, *block.shape[1:]),
        )
        for start in range(0, rows, len(block)):
            array[start : start + len(block)] = block[: rows - start]
        array.flush()
    for name, array in zip("xy", draw(1000, random), strict=True):
        np.save(folder / f"{name}_test.npy", array)


def write_small(folder: pathlib.Path) -> None:
    """Writes an .npz, which the trainer holds in memory."""
    random = np.random.default_rng(0)
    folder.mkdir()
    x, y = draw(SMALL_ROWS, random)
    x_test, y_test = draw(1000, random)
    np.savez(
        folder / "small.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test
    )


def anonymous_bytes(process_id: int) -> int:
    """Returns RssAnon of a process, 0 once it is gone."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{process_id}/status").read_text()
        for line in status.splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def train(data_dir: pathlib.Path | str, steps: int, *flags: str) -> Ran:
    """Trains on a folder, and watches the process's memory."""
    with tempfile.TemporaryDirectory() as name:
        workdir = pathlib.Path(name) / "run"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "trainer.task", "--config=mnist"),
                "--config.data.source=files",
                *(f"--data_dir={data_dir}", f"--workdir={workdir}", *flags),
                *(f"--config.steps={steps}", "--config.log.report=false"),
                "--config.log.norms_every_steps=none",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        most_bytes = 0
        while process.poll() is None:
            most_bytes = max(most_bytes, anonymous_bytes(process.pid))
            time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"the trainer left with {process.returncode}")
        text = (workdir / "timing.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    lines = [line for line in lines if line["split"] == "train"][FIRST_LINES:]
    secs = lines[-1]["unix_secs"] - lines[0]["unix_secs"]
    rows = (lines[-1]["step"] - lines[0]["step"]) * BATCH_SIZE
    return Ran(rows / secs, most_bytes)


def first_batch_secs(data_dir: pathlib.Path | str, first_step: int) -> float:
    """Returns seconds from opening the data to the first chunk, in a process.

    Imports are left out: they are the same for all data.
    """
    command = [sys.executable, "-m", "benchmarks.big_data"]
    flags = [f"--folder={data_dir}", f"--first_batch={first_step}"]
    ran = subprocess.run(
        [*command, *flags],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(ran.stdout.splitlines()[-1])


def time_first_batch(folder: str, first_step: int) -> float:
    """Does what `first_batch_secs` tells, in this process."""
    import tensorflow as tf

    from trainer import flags as flags_lib
    from trainer import sources
    from trainer.input import normalization
    from trainer.input import pipeline
    from trainer.problem import problems
    from trainer.train import plan as plan_lib
    from trainer.train.job import Job
    from trainer.workdir.folder import Workdir

    _, config = flags_lib.parse(
        [
            *("--config=mnist", "--config.data.source=files"),
            *("--config.data.normalization=auto", "--config.steps=100000000"),
        ]
    )
    strategy = tf.distribute.get_strategy()
    began = time.perf_counter()
    dataset = sources.load(config.data, seed=config.seed, data_dir=folder)
    fingerprint = sources.fingerprint(dataset)
    problem, dataset = problems.settle(config, dataset)
    normalization.fit_normalization(config.data.normalization, dataset)
    nowhere = Workdir(os.devnull)
    job = Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint=fingerprint,
        workdir=nowhere,
        strategy=strategy,
    )
    plan = plan_lib.training_plan(job)
    split = dataset.splits["train"]
    next(pipeline.distribute(strategy, split, plan, first_step=first_step))
    return time.perf_counter() - began


def order_secs() -> Iterator[tuple[int, float]]:
    """Yields (rows of the data, seconds to order a chunk of 50 batches)."""
    import tensorflow as tf

    from trainer.input import pipeline

    for rows in SIZES:
        plan = pipeline.Plan(
            examples=rows,
            global_batch_size=BATCH_SIZE,
            replicas=1,
            most_steps=50,
            total_steps=10**9,
            seed=0,
        )
        step, steps = tf.constant(0, tf.int64), tf.constant(50, tf.int64)
        secs = []
        for _ in range(20):
            began = time.perf_counter()
            pipeline.rows_of_steps(plan, step, steps, step).numpy()
            secs.append(time.perf_counter() - began)
        yield rows, min(secs)


def touch_pages(path: pathlib.Path, *, keep: bool) -> None:
    """Reads a file into the page cache, or drops it from there."""
    with open(path, "rb", buffering=0) as file:
        if not keep:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return
        buffer = bytearray(2**24)
        while file.readinto(buffer):
            pass


def disk_rows_per_sec(path: pathlib.Path) -> float:
    """Reads rows at random places of a cold file, READERS at once."""
    touch_pages(path, keep=False)
    rows = path.stat().st_size // ROW_BYTES - 1
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    until = time.perf_counter() + READ_SECS

    def read(seed: int) -> int:
        random, done = np.random.default_rng(seed), 0
        while time.perf_counter() < until:
            for row in random.integers(0, rows, 64).tolist():
                os.pread(descriptor, ROW_BYTES, row * ROW_BYTES)
            done += 64
        return done

    with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
        total = sum(readers.map(read, range(READERS)))
    os.close(descriptor)
    return total / READ_SECS


def measure(folder: pathlib.Path, rows: int) -> Iterator[str]:
    """Yields a line a figure, its bar beside it."""
    large, small = folder / "large", folder / "small"
    write_folder(large, rows)
    write_small(small)
    x = large / "x_train.npy"
    yield f"{rows:,} rows, {x.stat().st_size / 1e9:.1f} GB"
    touch_pages(x, keep=True)
    middle = rows // BATCH_SIZE // 2
    for place, step in (("the start", 0), ("the middle of an epoch", middle)):
        secs = first_batch_secs(large, step)
        yield (
            f"first batch, from {place}: {secs:.2f} s (at most"
            f" {MOST_FIRST_BATCH_SECS:.0f})"
        )
    yield f"the same of {SMALL_ROWS:,} rows: {first_batch_secs(small, 0):.2f} s"
    pairs = [(train(small, STEPS), train(large, STEPS)) for _ in range(3)]
    share = statistics.median(b.rows_per_sec / a.rows_per_sec for a, b in pairs)
    held, warm = (
        statistics.median(r.rows_per_sec for r in runs)
        for runs in zip(*pairs, strict=True)
    )
    yield (
        f"rows a second: {held:,.0f} held in memory, {warm:,.0f} mapped and"
        f" warm: {share:.0%}, median of pairs (at least {LEAST_SHARE:.0%})"
    )
    base, more = (
        statistics.median(r.anonymous_bytes for r in runs)
        for runs in zip(*pairs, strict=True)
    )
    yield (
        f"anonymous memory: {base / 1e6:,.0f} MB held, {more / 1e6:,.0f} MB"
        f" mapped (at most {MOST_ANONYMOUS_BYTES / 1e6:,.0f} MB more)"
    )
    disk = disk_rows_per_sec(x)
    touch_pages(x, keep=False)
    cold = train(large, STEPS // 4)
    yield (
        f"cold: {cold.rows_per_sec:,.0f} rows a second; the disk gives"
        f" {disk:,.0f} random rows a second to {READERS} readers"
    )
    for count, secs in order_secs():
        yield f"order of 50 batches of {count:,} rows: {1e3 * secs:.2f} ms"


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """Serves a folder as a slow bucket's to processes that begin meanwhile.

    Yields:
      Its name there.
    """
    command = [sys.executable, "-m", "benchmarks.slow_bucket", str(folder)]
    with (
        tempfile.TemporaryDirectory(dir=folder.parent) as staging,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdin is not None and server.stdout is not None
        os.environ["STORAGE_EMULATOR_HOST"] = server.stdout.readline().strip()
        os.environ["STRATA_STAGING_DIR"] = staging
        yield f"gs://{slow_bucket.BUCKET}/{folder.name}"
        server.stdin.close()


def measure_bucket(folder: pathlib.Path, rows: int) -> Iterator[str]:
    """Yields a line a figure of rows that are streamed."""
    large = folder / "large"
    write_folder(large, rows)
    x = large / "x_train.npy"
    size = x.stat().st_size
    yield f"{rows:,} rows, {size / 1e9:.1f} GB"
    touch_pages(x, keep=True)
    local = train(large, BUCKET_STEPS)
    yield f"from the disk, warm: {local.rows_per_sec:,.0f} rows a second"
    with served(large) as name:
        yield f"first batch, from the bucket: {first_batch_secs(name, 0):.2f} s"
        for gib in (size / 2**30 + 1, 0):
            ran = train(name, BUCKET_STEPS, f"--data_cache_gib={gib}")
            yield (
                f"from the bucket, {min(gib * 2**30, size) / size:.0%} kept:"
                f" {ran.rows_per_sec:,.0f} rows a second,"
                f" {ran.rows_per_sec / local.rows_per_sec:.0%};"
                f" {ran.anonymous_bytes / 1e6:,.0f} MB of anonymous memory"
            )


def main() -> None:
    """Prints what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", required=True, help="with room for it")
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--bucket", action="store_true", help="stream it")
    # A process of its own, for `first_batch_secs`.
    parser.add_argument(
        "--first_batch", type=int, metavar="STEP", help=argparse.SUPPRESS
    )
    asked = parser.parse_args()
    if asked.first_batch is not None:
        print(time_first_batch(asked.folder, asked.first_batch))
        return
    print(bench.machine())
    folder = pathlib.Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        figures = measure_bucket if asked.bucket else measure
        for line in figures(folder, int(asked.gigabytes * 1e9) // ROW_BYTES):
            print(line, flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
