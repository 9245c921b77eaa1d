"""Clients, resources, signing keys, the revocation log, the record."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from idp.domain.authorization_details import DetailType
from idp.domain.client import AuthMethod, ClientOrigin, GrantType
from idp.domain.key import KeyState
from idp.domain.ports import Stores
from idp.domain.revocation import RevocationKind
from idp.errors import Conflict, NotFound, Unavailable
from idp.storage.database import Database
from idp.storage.resources import SNAPSHOT_SECONDS, SqlResources

from ..builders import (
    NOW,
    a_client,
    a_code,
    a_refresh_family,
    a_resource,
    a_revocation,
    a_scope,
    a_signing_key,
    a_user,
    an_event,
)
from .people import joined, race, sign_in

LATER = NOW + timedelta(hours=1)


# ── clients and resources ─────────────────────────────────────────────────────────────────────────


def test_a_client_comes_back_as_it_was(stores: Stores) -> None:
    app = a_client(
        origin=ClientOrigin.DYNAMIC, grant_types=(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
        token_endpoint_auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks={"keys": []}, pkce_required=False, refresh_grace=0,
        registration_token_hash=b"\x00\xff", post_logout_redirect_uris=("https://a.example/",), disabled_at=LATER,
        metadata={"client_name#de": "Fotos", "nested": {"a": [1, None]}},
    )  # fmt: skip
    stores.clients.add(app)
    found = stores.clients.get(app.client_id)
    assert found == app
    assert found is not None
    assert found.grant_types[0] is GrantType.AUTHORIZATION_CODE
    assert stores.clients.get(app.client_id.upper()) is None
    with pytest.raises(Conflict):
        stores.clients.add(a_client(client_id=app.client_id))


def test_clients_are_changed_listed_and_deleted(stores: Stores) -> None:
    first, second = a_client(), a_client(created_at=LATER)
    stores.clients.add(second)
    stores.clients.add(first)
    changed = replace(first, jwks={"keys": []}, updated_at=LATER)
    assert stores.clients.save(changed)
    assert stores.clients.list() == (changed, second)
    assert stores.clients.delete(first.client_id)
    assert not stores.clients.delete(first.client_id)
    assert not stores.clients.save(first)


def test_nothing_of_a_deleted_client_comes_back_with_its_name(stores: Stores) -> None:
    """A row slipped in behind the ending must not live again if the id is registered anew."""
    who = sign_in(stores)
    cs = joined(stores, who)
    family, code = a_refresh_family(cs), a_code(who.session, who.client)
    stores.refresh_families.add(family)
    stores.codes.add(code)
    stores.consents.allow(who.user.id, who.client.client_id, ("openid",), NOW)
    stores.clients.delete(who.client.client_id)
    stores.clients.add(who.client)
    assert stores.client_sessions.liveness(cs.id, NOW) is None
    assert stores.refresh_families.get(family.id, NOW) is None
    assert stores.codes.get(code.code_hash) is None
    assert stores.consents.of_user(who.user.id) == ()


def test_resources_and_scopes(stores: Stores) -> None:
    server = a_client()
    stores.clients.add(server)
    api = a_resource(identifier="https://a.example", client_id=server.client_id)
    other = a_resource(identifier="https://b.example")
    read, write = a_scope(api, "photos:read"), a_scope(api, "photos:write")
    stores.resources.add(api, (write, read))
    stores.resources.add(other, ())
    assert stores.resources.list() == [(api, (read, write)), (other, ())]
    assert stores.resources.scopes(("photos:read", "openid")) == {"photos:read": read}
    assert stores.resources.scopes(()) == {}
    assert stores.resources.known(("https://a.example", "https://c.example")) == {"https://a.example": api}
    assert stores.resources.known(()) == {}
    assert stores.resources.of_server(server.client_id) == ("https://a.example",)
    assert stores.resources.delete("https://a.example")
    assert not stores.resources.delete("https://a.example")
    assert stores.resources.scopes(("photos:read",)) == {}


def test_a_copy_of_the_resources_spares_the_database(
    engine: Engine, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds, and only for what is there."""
    elsewhere = SqlResources(Database(engine))
    server, api = a_client(), a_resource(identifier="https://a.example")
    stores.clients.add(server)
    stores.resources.add(api, (a_scope(api, "read"),))
    assert set(stores.resources.scopes(("read", "write"))) == {"read"}
    late = a_resource(identifier="https://b.example", client_id=server.client_id)
    elsewhere.add(late, (a_scope(late, "write"),))
    assert set(stores.resources.scopes(("read", "write"))) == {"read", "write"}
    assert set(stores.resources.known((api.identifier, late.identifier))) == {api.identifier, late.identifier}
    assert stores.resources.of_server(server.client_id) == (late.identifier,)
    elsewhere.delete(api.identifier)
    assert set(stores.resources.scopes(("read",))) == {"read"}
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + SNAPSHOT_SECONDS)
    assert stores.resources.scopes(("read",)) == {}
    assert stores.resources.known((api.identifier,)) == {}


def test_what_a_transaction_sees_is_no_copy_for_others(stores: Stores) -> None:
    api = a_resource()

    def given_up() -> None:
        with stores.work():
            stores.resources.add(api, (a_scope(api, "read"),))
            assert set(stores.resources.scopes(("read",))) == {"read"}
            raise NotFound

    with pytest.raises(NotFound):
        given_up()
    assert stores.resources.scopes(("read",)) == {}


def test_a_resource_is_added_whole_or_not(stores: Stores) -> None:
    api, other = a_resource(), a_resource()
    stores.resources.add(api, (a_scope(api, "taken"),))
    with pytest.raises(Conflict):
        stores.resources.add(api, ())
    with stores.work():
        with pytest.raises(Conflict, match="taken"):
            stores.resources.add(other, (a_scope(other, "free"), a_scope(other, "taken")))
        stores.clients.add(a_client())
    assert [resource for resource, _ in stores.resources.list()] == [api]
    assert stores.resources.scopes(("free",)) == {}


def test_a_resource_outlives_its_server(stores: Stores) -> None:
    server = a_client()
    stores.clients.add(server)
    api = a_resource(client_id=server.client_id)
    stores.resources.add(api, ())
    stores.clients.delete(server.client_id)
    assert stores.resources.list() == [(replace(api, client_id=None), ())]


def test_types_of_details_are_kept_with_their_resource(stores: Stores) -> None:
    api = a_resource()
    stores.resources.add(api, [])
    members = {"properties": {"amount": {"type": "string"}}, "required": ["amount"]}
    kind = DetailType(name="payment", resource=api.identifier, sentence="Pay", members=members, created_at=NOW)
    stores.detail_types.add(kind)
    assert stores.detail_types.list() == (kind,)
    assert stores.detail_types.some(["payment", "payment", "other"]) == {"payment": kind}
    assert stores.detail_types.some(["other"]) == {}
    with pytest.raises(Conflict):
        stores.detail_types.add(kind)
    assert stores.resources.delete(api.identifier)
    assert stores.detail_types.list() == ()
    assert not stores.detail_types.delete("payment")


# ── signing keys ──────────────────────────────────────────────────────────────────────────────────


def test_the_life_of_a_key(stores: Stores) -> None:
    key, younger = a_signing_key(), a_signing_key(created_at=LATER)
    stores.signing_keys.add(younger)
    stores.signing_keys.add(key)
    assert stores.signing_keys.all() == (key, younger)
    stores.signing_keys.change(key.kid, KeyState.ACTIVE, LATER, None)
    active = replace(key, state=KeyState.ACTIVE, activated_at=LATER)
    assert stores.signing_keys.all()[0] == active
    stores.signing_keys.change(key.kid, KeyState.RETIRED, LATER, LATER + timedelta(hours=1))
    assert stores.signing_keys.all()[0] == replace(
        active, state=KeyState.RETIRED, retired_at=LATER, remove_at=LATER + timedelta(hours=1)
    )
    assert stores.signing_keys.remove_due(LATER) == 0
    assert stores.signing_keys.remove_due(LATER + timedelta(hours=1)) == 1
    assert stores.signing_keys.all() == (younger,)


def test_workers_that_start_at_once_make_one_key(stores: Stores) -> None:
    def start(_number: int) -> None:
        with stores.work():
            stores.signing_keys.lock()
            if not stores.signing_keys.all():
                stores.signing_keys.add(a_signing_key())

    race(8, start)
    assert len(stores.signing_keys.all()) == 1


def test_a_lock_needs_a_transaction(stores: Stores) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        stores.signing_keys.lock()


# ── the revocation log ────────────────────────────────────────────────────────────────────────────


def test_revocations_are_numbered(stores: Stores) -> None:
    first = stores.revocations.append([a_revocation("a"), a_revocation("b")])
    second = stores.revocations.append([a_revocation("jti", kind=RevocationKind.JTI)])
    seqs = [entry.seq for entry in (*first, *second)]
    assert seqs == [seqs[0], seqs[0] + 1, seqs[0] + 2]
    assert stores.revocations.append([]) == ()
    assert stores.revocations.page(0, 10).entries == (*first, *second)
    assert stores.revocations.page(seqs[0], 1).entries == first[1:]
    assert stores.revocations.revoked_jti("jti")
    assert not stores.revocations.revoked_jti("a")


def test_numbers_are_never_used_again(stores: Stores) -> None:
    (last,) = stores.revocations.append([a_revocation()])
    stores.sweeper.sweep(NOW + timedelta(days=1), 100)
    assert stores.revocations.page(0, 10).entries == ()
    (after,) = stores.revocations.append([a_revocation()])
    assert after.seq > last.seq


def test_numbers_grow_in_commit_order(stores: Stores) -> None:
    """A follower that reads while twelve threads append never finds a number below one it has seen."""
    stop, seen = threading.Event(), [0]

    def follow() -> None:
        while not stop.is_set():
            for entry in stores.revocations.page(seen[-1], 100).entries:
                assert entry.seq > seen[-1]
                seen.append(entry.seq)

    follower = threading.Thread(target=follow)
    follower.start()

    def append(number: int) -> None:
        for _ in range(5):
            with stores.work():
                stores.revocations.append([a_revocation(f"sid {number}"), a_revocation(f"sub {number}")])

    race(12, append)
    stop.set()
    follower.join()
    seen += [entry.seq for entry in stores.revocations.page(seen[-1], 1000).entries]
    assert seen[1:] == [entry.seq for entry in stores.revocations.page(0, 1000).entries]
    assert len(seen) == 1 + 12 * 5 * 2


def test_whoever_has_seen_a_head_has_seen_everything_below_it(stores: Stores) -> None:
    """Eight threads append, one time in three giving up before the commit; followers move by ``head`` alone."""
    done = threading.Event()
    limits = (1, 3, 100)
    seen: list[list[str]] = [[] for _ in limits]
    kept: list[str] = []

    def follow(entries: list[str], limit: int) -> None:
        place = 0
        while True:
            last_look = done.is_set()
            page = stores.revocations.page(place, limit)
            assert all(place < entry.seq <= page.head for entry in page.entries)
            entries += [entry.value for entry in page.entries]
            place = page.head
            if last_look and not page.more:
                return

    followers = [threading.Thread(target=follow, args=pair) for pair in zip(seen, limits, strict=True)]
    for follower in followers:
        follower.start()

    def append(number: int) -> None:
        for turn in range(6):
            values = [f"{number} {turn} {part}" for part in range(turn % 3 + 1)]
            try:
                with stores.work():
                    stores.revocations.append([a_revocation(value) for value in values])
                    if (number + turn) % 3 == 0:
                        raise NotFound("given up")
            except (NotFound, Unavailable):  # given up, or no turn in time on a busy machine
                continue
            kept.extend(values)

    race(8, append)
    done.set()
    for follower in followers:
        follower.join()
    assert all(sorted(mine) == sorted(kept) for mine in seen), "everything, once"
    assert seen[0] == seen[1] == seen[2], "in one order"


def test_a_head_is_right_when_everything_was_swept_and_when_numbers_leapt(stores: Stores) -> None:
    stores.revocations.append([a_revocation("a"), a_revocation("b")])
    stores.sweeper.sweep(NOW + timedelta(days=1), 100)
    assert stores.revocations.page(0, 10).head == 2
    with stores.work():
        stores.revocations.leap(1000)
    page = stores.revocations.page(2, 10)
    assert (page.head, page.entries) == (1002, ())
    (entry,) = stores.revocations.append([a_revocation("c")])
    assert entry.seq == 1003


# ── the record ────────────────────────────────────────────────────────────────────────────────────


def test_the_record(stores: Stores) -> None:
    ada, bob = a_user(), a_user()
    first, second = an_event(ada), an_event(ada, at=LATER, kind="session.ended", reason="idle", client_id="app")
    for event in (first, second, an_event(bob)):
        stores.events.append(event)
    assert stores.events.of_user(ada.id, 10) == (second, first)
    assert stores.events.of_user(ada.id, 1) == (second,)
