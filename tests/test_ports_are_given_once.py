"""A port that a test was given is its own until its server has bound it, however long that takes."""

from __future__ import annotations

import pytest

from mailroom.local.ports import listen, number
from tests import ports


def test_none_is_given_again_soon() -> None:
    given = [ports.own_port() for _ in range(300)]
    assert len(set(given)) == 300


@pytest.mark.parametrize("of", [1, 6, 20])
def test_no_other_worker_is_given_it(of: int) -> None:
    shares = [ports.share_of(f"gw{worker}", of) for worker in range(of)]
    assert len(set().union(*shares)) == sum(map(len, shares))
    assert all(len(share) >= 400 and share[0] >= ports.FIRST and share[-1] < ports.END for share in shares)


def test_one_that_is_taken_is_not_given() -> None:
    given = ports.own_port()
    following = given + 1
    try:
        with listen(following) as taken:
            assert ports.own_port() not in (given, number(taken))
    except OSError:
        assert ports.own_port() not in (given, following)  # somebody else has it
