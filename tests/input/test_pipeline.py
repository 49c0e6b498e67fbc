"""The order, its shares, the chunks and the normalisation."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from trainer.input import moments
from trainer.input import normalization
from trainer.input import pipeline
from trainer.input import stored_rows
from trainer.sources import Dataset
from trainer.sources import Split

plans = st.builds(
    pipeline.Plan,
    examples=st.integers(1, 200),
    global_batch_size=st.integers(1, 70),
    replicas=st.integers(1, 5),
    micro_batches=st.integers(1, 3),
    most_steps=st.integers(1, 9),
    total_steps=st.integers(1, 60),
    seed=st.integers(0, 2**31 - 1) | st.none(),
    cuts=st.lists(st.integers(1, 30), max_size=3).map(tuple),
)


def examples_of(plan, step):
    """The examples of a global batch, replica after replica; -1 pads."""
    return np.concatenate(
        [
            pipeline.rows_of_steps(
                plan,
                tf.constant(step, tf.int64),
                tf.constant(1, tf.int64),
                tf.constant(replica * plan.replica_batch_size, tf.int64),
            ).numpy()[0]
            for replica in range(plan.replicas)
        ]
    )


@pytest.mark.slow
@given(plans, st.integers(0, 3))
@settings(max_examples=60)
def test_an_epoch_has_every_example_once(plan, epoch):
    first = epoch * plan.steps_per_epoch
    steps = range(first, first + plan.steps_per_epoch)
    seen = np.concatenate([examples_of(plan, step) for step in steps])
    assert sorted(seen[seen >= 0]) == list(range(plan.examples))


@given(plans, st.integers(0, 50))
@settings(max_examples=60)
def test_a_batch_is_the_same_on_any_replicas(plan, step):
    alone = dataclasses.replace(plan, replicas=1, micro_batches=1)
    ours, theirs = examples_of(plan, step), examples_of(alone, step)
    assert list(ours[ours >= 0]) == list(theirs[theirs >= 0])


@given(plans, st.integers(0, 50), st.integers(1, 9))
@settings(max_examples=60)
def test_a_share_has_the_same_rows_on_any_replicas(plan, step, shares):
    plan = dataclasses.replace(
        plan, replicas=min(plan.replicas, shares), virtual_replicas=shares
    )
    rows = plan.share_rows
    alone = dataclasses.replace(plan, replicas=1)
    expected = examples_of(alone, step).reshape(shares, rows)
    for replica in range(plan.replicas):
        found = pipeline.rows_of_steps(
            plan,
            tf.constant(step, tf.int64),
            tf.constant(1, tf.int64),
            tf.constant(plan.first_row(replica), tf.int64),
        ).numpy()[0]
        own = plan.parting.of(replica)
        found = found.reshape(-1, rows)[: len(own)]
        np.testing.assert_array_equal(found, expected[own.start : own.stop])


def test_epochs_and_seeds_differ_and_an_order_is_kept():
    plan = pipeline.Plan(1000, 1000, 9, 1, 1, seed=7)
    first = examples_of(plan, 0)
    assert list(first) == list(examples_of(plan, 0))
    assert list(first) != list(examples_of(plan, 1))
    other = dataclasses.replace(plan, seed=8)
    assert list(first) != list(examples_of(other, 0))
    stored = dataclasses.replace(plan, seed=None)
    assert list(examples_of(stored, 1)) == list(range(1000))


@given(plans)
def test_chunks_end_at_every_boundary(plan):
    step, ends = 0, []
    while step < plan.total_steps:
        end = plan.chunk_end(step)
        assert step < end <= step + plan.most_steps
        assert end == int(plan.chunk_end(tf.constant(step), pipeline._least))
        ends.append(end)
        step = end
    for cut in (plan.steps_per_epoch, *plan.cuts):
        assert set(range(cut, plan.total_steps + 1, cut)) <= set(ends)


def stream_of(split, plan, first_step=0, workers=1, worker=0):
    """One worker's dataset."""
    return pipeline.chunks(
        split,
        plan,
        first_step=first_step,
        context=tf.distribute.InputContext(workers, worker, plan.replicas),
    )


def chunks_of(split, plan, first_step=0, workers=1):
    """Every worker's chunks, as lists of NumPy dictionaries."""
    streams = [
        stream_of(split, plan, first_step, workers, worker)
        for worker in range(workers)
    ]
    return [list(stream.as_numpy_iterator()) for stream in streams]


def count_rows(chunks):
    """How often each example's label was handed out with weight 1."""
    labels = []
    for chunk in chunks:
        rows = chunk["first_row"] + np.arange(chunk["y"].shape[1])
        for i in range(chunk["steps"]):
            labels.extend(chunk["y"][i][rows < chunk["examples"][i]])
    return sorted(labels)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("examples", "batch"), [(1, 1), (1, 8), (5, 8), (37, 8), (40, 8), (9, 1)]
)
def test_chunks_hand_out_each_row_once_an_epoch(examples, batch, workers):
    # 100 rows are stored, of which the split has every other one.
    x = np.arange(300, dtype=np.uint8).reshape(100, 3)
    rows = np.arange(0, 2 * examples, 2)
    split = Split(x, np.arange(100), rows)
    plan = pipeline.Plan(
        examples, batch, 2 * -(-examples // batch), 4, 3, 1, seed=1
    )
    handed = chunks_of(split, plan, workers=workers)
    merged = [chunk for chunks in handed for chunk in chunks]
    assert count_rows(merged) == sorted([*rows, *rows])
    for chunk in merged:
        assert (chunk["x"] == x[chunk["y"]])[: chunk["steps"]].all()


def test_a_memory_map_is_read_like_an_array(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (50, 2, 3), np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    plan = pipeline.Plan(50, 8, 14, 1, 4, seed=3)
    (held,) = chunks_of(Split(x, np.arange(50)), plan)
    (read,) = chunks_of(Split(mapped, np.arange(50)), plan)
    for one, other in zip(held, read, strict=True):
        np.testing.assert_equal(one, other)


def test_no_tuner_is_left_to_sleep_when_a_run_ends():
    split = Split(np.zeros((9, 2)), np.arange(9))
    stream = stream_of(split, pipeline.Plan(9, 8, 2, 1, 1))
    assert stream.options().autotune.enabled is False


def test_a_later_start_hands_out_what_was_left():
    split = Split(np.zeros((37, 2)), np.arange(37))
    plan = pipeline.Plan(37, 8, 10, 1, 3, seed=3)
    (whole,) = chunks_of(split, plan)
    (rest,) = chunks_of(split, plan, first_step=3)
    np.testing.assert_equal(rest, whole[1:])


def test_an_evaluation_begins_again_at_its_first_row():
    split = Split(np.zeros((9, 2)), np.arange(9))
    plan = pipeline.Plan(9, 4, 3, 1, 2)
    stream = pipeline.distribute(
        tf.distribute.get_strategy(), split, plan, repeat=True
    )
    labels = [next(stream)["y"].numpy().ravel() for _ in range(4)]
    np.testing.assert_array_equal(labels[:2], labels[2:])
    assert list(labels[0]) == list(range(8))


def dataset(x, kind, largest=None):
    split = Split(x, np.zeros(len(x)), np.arange(0, len(x), 2))
    return Dataset("d", {"train": split}, kind, largest)


def test_a_table_is_standardised_by_column_of_its_training_rows():
    x = np.random.default_rng(0).normal(1e4, [1, 5, 0], (400, 3))
    normalize = normalization.fit_normalization("auto", dataset(x, "table"))
    y = normalize(tf.constant(x[::2])).numpy()
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(y.std(axis=0), [1, 1, 0], atol=2e-3)


@pytest.mark.parametrize(("inverted", "scaled"), [(False, True), (True, False)])
def test_images_far_from_0_are_standardised(inverted, scaled):
    x = np.random.default_rng(0).integers(0, 120, (64, 4, 4)).astype(np.uint8)
    x = 255 - x if inverted else x
    normalize = normalization.fit_normalization(
        "auto", dataset(x, "image", 255.0)
    )
    y = normalize(tf.constant(x[::2])).numpy()
    if scaled:
        np.testing.assert_array_equal(
            y, x[::2].reshape(-1, 16).astype(np.float32) / np.float32(255)
        )
    else:
        assert abs(y.mean()) < 1e-4
        assert abs(y.std() - 1) < 1e-3


def test_a_constant_column_stays_at_0():
    # Its deviation is rounding, by which nothing may be divided.
    x = np.full((1000, 1), 0.1)
    normalize = normalization.fit_normalization("auto", dataset(x, "table"))
    y = normalize(tf.constant([[0.1], [0.2]])).numpy()
    np.testing.assert_allclose(y, np.array([[0], [0.1]]), atol=1e-6)


def test_rows_in_memory_are_held_once():
    x = np.arange(20.0).reshape(10, 2)
    take = stored_rows.gather(x, at_random=True)
    x[3] = 7
    np.testing.assert_array_equal(take(tf.constant([3, 0])), [[7, 7], [0, 1]])


def test_moments_do_not_cancel_in_blocks():
    x = np.random.default_rng(0).normal(1e6, 1, (1000, 1))
    mean, std = moments.moments(Split(x, x), per_column=True, block_rows=7)
    np.testing.assert_allclose(mean, x.mean(axis=0))
    np.testing.assert_allclose(std, x.std(axis=0), rtol=1e-6)


def test_of_much_data_evenly_spaced_blocks_are_looked_at(monkeypatch):
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 8)).astype(np.float32)
    x[:2000] += 5
    monkeypatch.setattr(moments, "MOST_MOMENT_BYTES", x.nbytes // 4)
    monkeypatch.setattr(moments, "MOMENT_BLOCK_BYTES", 10 * 8 * 4)
    seen = []

    class Counted(np.ndarray):
        def __getitem__(self, rows):
            seen.append(rows)
            return np.asarray(self)[rows]

    mean, _ = moments.moments(Split(x.view(Counted), x), per_column=False)
    assert len(seen) == 100
    assert {rows.stop - rows.start for rows in seen} == {10}
    assert mean[0] == pytest.approx(2.5, abs=0.05)


def test_to_scale_takes_no_look_at_the_rows():
    class Unread(np.ndarray):
        def __getitem__(self, rows):
            raise AssertionError(rows)

    x = np.zeros((3, 2), np.uint8).view(Unread)
    split = Split(x, np.zeros(3))
    scaled = normalization.fit_normalization(
        "scale", Dataset("", {"train": split}, "image", 255.0)
    )
    assert scaled.std == 255


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_rows_of_a_map_are_those_of_the_array(tmp_path, rows):
    array = np.random.default_rng(0).integers(0, 9, (50, 2, 3), np.uint8)
    np.save(tmp_path / "x.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    index = np.random.default_rng(1).integers(0, 50, rows)
    np.testing.assert_array_equal(
        stored_rows._reader(mapped)(index), array[index]
    )


def test_whole_epochs_are_shuffled_as_their_steps_are():
    examples, seed = 21, 7
    plan = pipeline.Plan(
        examples=examples,
        global_batch_size=8,
        replicas=1,
        most_steps=3,
        total_steps=9,
        seed=seed,
    )
    found = pipeline.shuffled(examples, np.arange(1, 3), seed)
    for epoch, order in enumerate(found, 1):
        first, steps = (
            tf.constant(3 * epoch, tf.int64),
            tf.constant(3, tf.int64),
        )
        rows = pipeline.rows_of_steps(
            plan, first, steps, tf.constant(0, tf.int64)
        ).numpy()
        np.testing.assert_array_equal(order, rows[rows >= 0])
    assert sorted(found[0]) == list(range(examples))


@pytest.mark.parametrize(
    ("x", "y", "has_weights", "outputs", "batch_size", "fitting"),
    [
        (("u1", 28, 28), ("i8",), False, 0, 50, 50),  # MNIST, as it is wanted
        (("f4", 4), ("f4", 1000), False, 0, 1024, 16),
        (("f4", 4), ("f4", 1000), False, 1000, 1024, 8),
        (("u1", 8), ("f4", 2), False, 0, 2**20, 4),
        (("u1", 8), ("f4", 2), True, 0, 2**20, 3),
    ],
)
def test_a_chunk_is_bounded_by_all_that_it_holds(
    x, y, has_weights, outputs, batch_size, fitting
):
    of_x, of_y = (np.zeros((3, *shape), dtype) for dtype, *shape in (x, y))
    split = Split(of_x, of_y, weights=np.ones(3) if has_weights else None)
    found = pipeline.steps_that_fit(split, batch_size, 50, outputs)
    assert found == fitting
