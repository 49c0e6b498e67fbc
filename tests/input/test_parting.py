"""Which replica takes which share, and in what order all are added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.input.parting import Parting
from trainer.input.parting import sum_of

partings = st.builds(Parting, st.integers(1, 33), st.integers(1, 12)).filter(
    lambda parting: parting.replicas <= parting.shares
)


@given(partings)
def test_each_share_is_one_replicas_and_none_takes_two_more_than_another(
    parting,
):
    dealt = [parting.of(replica) for replica in range(parting.replicas)]
    assert [share for part in dealt for share in part] == list(
        range(parting.shares)
    )
    counts = [len(part) for part in dealt]
    assert max(counts) == parting.most
    assert max(counts) - min(counts) <= 1


@given(partings)
def test_replicas_tell_sums_of_their_own_shares_alone(parting):
    told = [parting.told_by(replica) for replica in range(parting.replicas)]
    for replica, sums in enumerate(told):
        own = parting.of(replica)
        shares = [share for first, last in sums for share in range(first, last)]
        assert shares == list(own)
    assert [s for sums in told for s in sums] == parting.told()


@given(partings)
def test_all_topologies_add_by_one_tree(parting):
    def add(a, b):
        return f"({a}+{b})"

    leaves = {(i, i + 1): str(i) for i in range(parting.shares)}
    expected = sum_of(leaves, add, 0, parting.shares)
    told = {s: sum_of(leaves, add, *s) for s in parting.told()}
    assert sum_of(told, add, 0, parting.shares) == expected


def test_the_tree_is_balanced():
    leaves = {(i, i + 1): str(i) for i in range(5)}
    added = sum_of(leaves, lambda a, b: f"({a}+{b})", 0, 5)
    assert added == "(((0+1)+2)+(3+4))"


@pytest.mark.parametrize(
    ("shares", "replicas", "sums"),
    [(8, 1, 1), (8, 2, 2), (8, 4, 4), (8, 8, 8), (8, 3, 5)],
)
def test_what_replicas_tell_is_one_sum_each_where_they_divide(
    shares, replicas, sums
):
    assert len(Parting(shares, replicas).told()) == sums
