"""Every order of events, tried (design.md 4.2): the protocol as built is right, and needs each of its parts."""

from __future__ import annotations

from dataclasses import fields

import pytest

from idp.storage import hot_copy
from idp.storage.stores import HotOptions

from .hot_model import FILL, LEASE, SETTLE, TOMBSTONE, Model, Rules

NEEDED: dict[str, tuple[str, ...]] = {
    "leases_end": (), "fill_deadline": (), "generation": ("loss",), "tombstone_guards": (), "ticket_first": (),
    "commit_first": (), "mark_always": (), "receipts": ("failover",), "remembered": ("split",), "settle": (),
    "from_known": (), "own_reading": (), "natural_end": (),
}  # fmt: skip
OVER = 2


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param((), id="no fault"),
        pytest.param(("loss",), marks=pytest.mark.slow),
        pytest.param(("failover",), marks=pytest.mark.slow),
        pytest.param(("split",), marks=pytest.mark.slow),
    ],
)
def test_nobody_who_begins_after_the_acknowledgement_is_told_live(fault: tuple[str, ...]) -> None:
    """That no mark arrives, and that anybody stands still, is possible in each of them."""
    states, wrong = Model(Rules(), fault).run()
    assert wrong is None, "\n".join(wrong)
    assert states > 5000


def test_what_is_over_by_itself_is_over_in_its_lease() -> None:
    assert Model(Rules(), over=OVER).run()[1] is None


@pytest.mark.parametrize("part", NEEDED)
def test_without_one_of_its_parts_somebody_is(part: str) -> None:
    """A model that finds nothing wrong anywhere would not be believed."""
    over = OVER if part == "natural_end" else -1
    states, wrong = Model(Rules(**{part: False}), NEEDED[part], over=over).run()
    assert wrong is not None, f"{states} states"
    assert wrong[-1].endswith("live")


def test_every_part_is_left_out_once() -> None:
    assert set(NEEDED) == {field.name for field in fields(Rules)}


def test_what_it_assumes_it_needs() -> None:
    """``noeviction``: a server may lose everything, but not a tombstone alone."""
    assert Model(Rules(), ("eviction",)).run()[1] is not None


def test_the_model_is_that_of_the_code() -> None:
    assert hot_copy.SETTLE_SECONDS == hot_copy.FILL_SECONDS + hot_copy.LEASE_SECONDS + hot_copy.SKEW_SECONDS
    assert SETTLE == FILL + LEASE
    assert TOMBSTONE >= SETTLE
    assert HotOptions(url="").tombstone_seconds > hot_copy.SETTLE_SECONDS
