"""Requests that wait are run together, and each gets its own outputs."""

import asyncio
import threading

import numpy as np
import pytest

from trainer.server import batching
from trainer.server.batching import Batcher
from trainer.server.batching import sizes_of
from trainer.server.refusals import RefusedError

BLANK = np.zeros(2, np.float32)


def doubled(batch):
    return 2 * batch


def rows(*numbers):
    return np.array([[n, n] for n in numbers], np.float32)


class Held:
    """Runs batches once it is let, and notes them."""

    def __init__(self):
        self.sizes = []
        self.may_run = threading.Event()
        self.may_run.set()

    def __call__(self, batch):
        self.may_run.wait(60)
        self.sizes.append(len(batch))
        return doubled(batch)


async def running(held, batcher, asked):
    """Asks, and returns the task once its batch runs and cannot end."""
    held.may_run.clear()
    task = asyncio.create_task(batcher.outputs_of(asked))
    while not batcher._is_running:
        await asyncio.sleep(0)
    return task


@pytest.fixture
def in_threads(monkeypatch):
    """Has every batch run in the thread, as one that takes long."""
    monkeypatch.setattr(batching, "QUICK_SECS", -1)


def test_sizes_are_powers_of_two_and_the_largest():
    assert sizes_of(1) == (1,)
    assert sizes_of(8) == (1, 2, 4, 8)
    assert sizes_of(12) == (1, 2, 4, 8, 12)


def test_each_size_runs_before_anybody_asks():
    held = Held()
    Batcher(held, BLANK, 4)
    assert held.sizes == [1, 1, 1, 2, 2, 2, 4, 4, 4]


@pytest.mark.parametrize("quick_secs", [-1, 60])
def test_those_that_come_together_run_together(monkeypatch, quick_secs):
    monkeypatch.setattr(batching, "QUICK_SECS", quick_secs)
    held, seen = Held(), []
    batcher = Batcher(held, BLANK, 4, watch=lambda *told: seen.append(told))
    held.sizes.clear()

    async def ask():
        asked = [batcher.outputs_of(rows(n)) for n in range(7)]
        return await asyncio.gather(*asked)

    found = asyncio.run(ask())
    for number, outputs in enumerate(found):
        np.testing.assert_array_equal(outputs.values, rows(2 * number))
    assert held.sizes == [4, 4]
    assert seen == [(4, 4), (3, 4)]
    assert batcher.waiting == 0


def test_what_comes_while_one_runs_is_the_next(in_threads):
    held = Held()
    batcher = Batcher(held, BLANK, 8)
    held.sizes.clear()

    async def ask():
        first = await running(held, batcher, rows(1))
        others = [
            asyncio.create_task(batcher.outputs_of(rows(n))) for n in (2, 3)
        ]
        await asyncio.sleep(0)
        assert batcher.waiting == 2
        held.may_run.set()
        return await asyncio.gather(first, *others)

    found = asyncio.run(ask())
    assert held.sizes == [1, 2]
    assert [outputs.batch_rows for outputs in found] == [1, 2, 2]


def test_many_rows_are_several_batches_in_order():
    batcher = Batcher(doubled, BLANK, 4)
    found = asyncio.run(batcher.outputs_of(rows(*range(10))))
    np.testing.assert_array_equal(found.values, 2 * rows(*range(10)))
    assert found.batch_rows == 4


def test_rows_wait_for_others_until_the_batch_is_full():
    held = Held()
    batcher = Batcher(held, BLANK, 2, wait_secs=3600)
    held.sizes.clear()

    async def ask():
        first = asyncio.create_task(batcher.outputs_of(rows(1)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert held.sizes == []
        return await asyncio.gather(first, batcher.outputs_of(rows(2)))

    found = asyncio.run(ask())
    assert [len(outputs.values) for outputs in found] == [1, 1]
    assert held.sizes == [2]


def test_rows_wait_no_longer_than_they_may():
    batcher = Batcher(doubled, BLANK, 2, wait_secs=0.001)
    found = asyncio.run(batcher.outputs_of(rows(1)))
    np.testing.assert_array_equal(found.values, rows(2))


def test_a_request_of_many_rows_waits_as_one(in_threads):
    held = Held()
    batcher = Batcher(held, BLANK, 2, most_waiting=2)

    async def ask():
        held.may_run.clear()
        asked = [
            asyncio.create_task(batcher.outputs_of(rows(*range(7))))
            for _ in range(2)
        ]
        while not batcher._is_running:
            await asyncio.sleep(0)
        assert batcher.waiting == 2
        with pytest.raises(RefusedError):
            await batcher.outputs_of(rows(3))
        held.may_run.set()
        return await asyncio.gather(*asked)

    for found in asyncio.run(ask()):
        np.testing.assert_array_equal(found.values, 2 * rows(*range(7)))
    assert batcher.waiting == 0


def test_more_than_may_wait_are_told_to_ask_again(in_threads):
    held = Held()
    batcher = Batcher(held, BLANK, 2, most_waiting=2)

    async def ask():
        asked = [await running(held, batcher, rows(0))]
        asked += [
            asyncio.create_task(batcher.outputs_of(rows(n))) for n in (1, 2)
        ]
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as refused:
            await batcher.outputs_of(rows(3))
        held.may_run.set()
        await asyncio.gather(*asked)
        return refused.value

    refusal = asyncio.run(ask())
    assert refusal.status == 429
    assert int(refusal.headers["retry-after"]) >= 1


def test_who_gave_up_is_not_run(in_threads):
    held = Held()
    batcher = Batcher(held, BLANK, 4)
    held.sizes.clear()

    async def ask():
        first = await running(held, batcher, rows(1))
        gone = asyncio.create_task(batcher.outputs_of(rows(2, 3)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        held.may_run.set()
        await first
        return await batcher.outputs_of(rows(4))

    found = asyncio.run(ask())
    np.testing.assert_array_equal(found.values, rows(8))
    assert held.sizes == [1, 1]


def test_who_gave_up_keeps_nobody_out(in_threads):
    held, told = Held(), []
    batcher = Batcher(held, BLANK, 2, most_waiting=2)
    batcher.watch_queue = told.append

    async def ask():
        first = await running(held, batcher, rows(1))
        gone = [
            asyncio.create_task(batcher.outputs_of(rows(*range(5))))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        with pytest.raises(RefusedError):
            await batcher.outputs_of(rows(2))
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        assert (batcher.waiting, told[-1]) == (0, 0)
        asked = [asyncio.create_task(batcher.outputs_of(rows(3))), first]
        await asyncio.sleep(0)
        held.may_run.set()
        return await asyncio.gather(*asked)

    found, _ = asyncio.run(ask())
    np.testing.assert_array_equal(found.values, rows(6))
    assert (batcher.waiting, batcher._rows) == (0, 0)


@pytest.mark.parametrize("quick_secs", [-1, 60])
def test_a_batch_that_fails_is_told_to_all_in_it(monkeypatch, quick_secs):
    monkeypatch.setattr(batching, "QUICK_SECS", quick_secs)
    fails = [False]

    def run(batch):
        if fails[0]:
            raise RuntimeError("out of memory")
        return doubled(batch)

    batcher = Batcher(run, BLANK, 2)

    async def ask():
        fails[0] = True
        asked = [batcher.outputs_of(rows(1, 2, 3)), batcher.outputs_of(rows(4))]
        told = await asyncio.gather(*asked, return_exceptions=True)
        fails[0] = False
        return told, await batcher.outputs_of(rows(5))

    told, after = asyncio.run(ask())
    assert [str(error) for error in told] == ["out of memory"] * 2
    np.testing.assert_array_equal(after.values, rows(10))
