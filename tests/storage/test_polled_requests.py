"""Requests that clients poll for: decided once, redeemed once, on both databases (P4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from idp.domain.polled import PolledKind
from idp.domain.ports import Stores
from idp.domain.session import ClientOfUser, EndReason, EndTarget, WholeClient, WholeUser

from ..builders import NOW, a_client, a_hash, a_polled_request
from .people import SignedIn, race, sign_in

SECOND = timedelta(seconds=1)


def test_a_request_comes_back_as_it_was(stores: Stores) -> None:
    who = sign_in(stores)
    request = a_polled_request(
        who.client, kind=PolledKind.CIBA, user_id=who.user.id, resources=("https://api.example",), notification=b"\0",
        binding_message="W4-SCT", acr_values=("aal1",), user_code_hash=None,
    )  # fmt: skip
    assert stores.polled_requests.add(request)
    assert stores.polled_requests.get(request.id) == request
    assert stores.polled_requests.by_code(request.code_hash) == request
    assert stores.polled_requests.waiting_for(who.user.id, "ciba", NOW) == (request,)
    assert stores.polled_requests.waiting_for(who.user.id, "device", NOW) == ()
    assert stores.polled_requests.waiting_for(who.user.id, "ciba", request.expires_at) == ()


def test_a_user_code_is_given_once(stores: Stores) -> None:
    client = a_client()
    stores.clients.add(client)
    request = a_polled_request(client)
    assert stores.polled_requests.add(request)
    assert not stores.polled_requests.add(replace(request, id=uuid4(), code_hash=a_hash()))
    key = request.user_code_hash or b""
    assert stores.polled_requests.by_user_code(key, NOW) == request
    assert stores.polled_requests.by_user_code(key, request.expires_at) is None
    assert stores.polled_requests.deny(request.id, NOW)
    assert stores.polled_requests.by_user_code(key, NOW) is None


@pytest.mark.spec("RFC 8628", "3.5")
def test_each_poll_that_comes_too_soon_makes_the_next_wait_longer(stores: Stores) -> None:
    who = sign_in(stores)
    request = a_polled_request(who.client)
    stores.polled_requests.add(request)

    def poll(seconds: int) -> bool:
        at = NOW + seconds * SECOND
        return stores.polled_requests.polled(request.id, at, at + SECOND, 5)

    assert [poll(at) for at in (0, 4, 9, 10, 19, 27)] == [True, True, True, False, True, False]
    found = stores.polled_requests.get(request.id)
    assert found is not None
    assert found.interval == 15


def _approved(stores: Stores, who: SignedIn) -> bytes:
    request = a_polled_request(who.client)
    stores.polled_requests.add(request)
    assert stores.polled_requests.approve(request.id, who.session, NOW)
    return request.code_hash


def test_there_is_one_decision(stores: Stores) -> None:
    who, other = sign_in(stores), sign_in(stores)
    request = a_polled_request(who.client)
    stores.polled_requests.add(request)
    made = race(8, lambda n: (
        stores.polled_requests.deny(request.id, NOW) if n % 2 else
        stores.polled_requests.approve(request.id, who.session, NOW)
    ))  # fmt: skip
    assert sum(made) == 1
    asked = replace(a_polled_request(who.client), user_id=who.user.id)
    stores.polled_requests.add(asked)
    assert not stores.polled_requests.approve(asked.id, other.session, NOW)
    assert stores.polled_requests.approve(asked.id, who.session, NOW)
    found = stores.polled_requests.get(asked.id)
    assert found is not None
    assert (found.session_id, found.auth_time, found.amr) == (who.session.id, who.session.auth_time, ("pwd",))


@pytest.mark.promise("P4")
def test_of_many_redemptions_one_wins(stores: Stores) -> None:
    who = sign_in(stores)
    found = stores.polled_requests.by_code(_approved(stores, who))
    assert found is not None
    assert not stores.polled_requests.claim(found.id, found.expires_at)
    assert sum(race(16, lambda _: stores.polled_requests.claim(found.id, NOW))) == 1


@pytest.mark.promise("P1")
@pytest.mark.parametrize("target", ["user", "client", "both"])
def test_an_ending_uses_up_what_was_approved(stores: Stores, target: str) -> None:
    who, other = sign_in(stores), sign_in(stores)
    mine, theirs = _approved(stores, who), _approved(stores, other)
    aims: dict[str, EndTarget] = {
        "user": WholeUser(who.user.id), "client": WholeClient(who.client.client_id),
        "both": ClientOfUser(who.user.id, who.client.client_id),
    }  # fmt: skip
    stores.sessions.end(aims[target], EndReason.ADMINISTRATOR, "operator", NOW)
    ended, kept = stores.polled_requests.by_code(mine), stores.polled_requests.by_code(theirs)
    assert ended is not None
    assert kept is not None
    assert not stores.polled_requests.claim(ended.id, NOW)
    assert stores.polled_requests.claim(kept.id, NOW)
