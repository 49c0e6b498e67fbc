"""A context that several threads share."""

import contextlib

from trainer.process.together import together


def test_the_first_opens_it_and_the_last_closes_it():
    told = []

    @together
    @contextlib.contextmanager
    def opened():
        told.append("opened")
        yield len(told)
        told.append("closed")

    with contextlib.ExitStack() as second:
        with opened() as value:
            assert second.enter_context(opened()) == value == 1
        # The first has left, and the second goes on with it.
        assert told == ["opened"]
    assert told == ["opened", "closed"]
    with opened() as value:
        assert value == 3
