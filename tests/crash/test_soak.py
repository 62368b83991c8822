"""A short form of the soak: a few kills at random moments; `make soak` has the long one."""

from __future__ import annotations

import pytest

from tests.crash.soak import storm


@pytest.mark.long
def test_a_few_kills_at_random_moments_lose_nothing() -> None:
    with storm(seed=11) as one:
        for disturb in (one.render, one.html, one.prune, one.merge):
            disturb()
        one.end()
    assert one.counts.complaints == []
    assert one.counts.lost.total() == one.counts.wrong.total() == 0
    assert one.counts.kills.total() + one.counts.ended.total() == 4
