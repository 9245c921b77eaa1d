"""What is used once or has one successor: codes, refresh families, interactions, assertion ids."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from idp.domain.interaction import AuthorizationRequest
from idp.domain.ports import Stores
from idp.errors import LostTransaction
from idp.storage.prepared import PreparedStatements, Result

from ..builders import DAY, NOW, a_client, a_code, a_hash, a_pushed_request, a_refresh_family, a_request, an_interaction
from .people import SignedIn, joined, race, sign_in

MINUTE = timedelta(seconds=60)
DETAILS = ({"type": "payment", "amount": {"value": "1.50"}, "actions": ["status"]}, {"type": "record"})


# ── codes ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_comes_back_as_it_was(stores: Stores) -> None:
    who = sign_in(stores)
    code = a_code(
        who.session, who.client, resources=("https://a.example",), claims={"id_token": {"email": None}},
        authorization_details=DETAILS,
    )  # fmt: skip
    stores.codes.add(code)
    assert stores.codes.get(code.code_hash) == code
    assert stores.codes.get(a_hash()) is None


@pytest.mark.promise("P4")
def test_a_code_is_claimed_once(stores: Stores) -> None:
    who = sign_in(stores)
    code, sid = a_code(who.session, who.client), uuid4()
    stores.codes.add(code)
    assert stores.codes.claim(code.code_hash, NOW)
    assert not stores.codes.claim(code.code_hash, NOW)
    stores.codes.redeemed(code.code_hash, sid)
    assert stores.codes.get(code.code_hash) == replace(code, used_at=NOW, client_session_id=sid)


@pytest.mark.promise("P4")
def test_fifty_racing_claims_have_one_winner(stores: Stores) -> None:
    who = sign_in(stores)
    code = a_code(who.session, who.client)
    stores.codes.add(code)
    assert sum(race(50, lambda _number: stores.codes.claim(code.code_hash, NOW))) == 1


def test_an_expired_code_is_not_claimed(stores: Stores) -> None:
    who = sign_in(stores)
    code = a_code(who.session, who.client)
    stores.codes.add(code)
    assert not stores.codes.claim(code.code_hash, code.expires_at)
    assert stores.codes.claim(code.code_hash, code.expires_at - timedelta(microseconds=1))


# ── pushed requests ───────────────────────────────────────────────────────────────────────────────


def test_a_pushed_request_comes_back_as_it_was(stores: Stores) -> None:
    who = sign_in(stores)
    pushed = a_pushed_request(who.client, signed=True, parameters=(("state", "\u00e9 \U0001f600"), ("resource", "a")))
    stores.pushed_requests.add(pushed)
    assert stores.pushed_requests.get(pushed.reference_hash) == pushed
    assert stores.pushed_requests.get(a_hash()) is None


@pytest.mark.promise("P4")
def test_of_fifty_answers_to_a_pushed_request_one_is_given(stores: Stores) -> None:
    who = sign_in(stores)
    pushed = a_pushed_request(who.client)
    stores.pushed_requests.add(pushed)
    late = pushed.expires_at + MINUTE  # whoever came in time may take their time
    assert sum(race(50, lambda _number: stores.pushed_requests.claim(pushed.reference_hash, late))) == 1
    assert stores.pushed_requests.get(pushed.reference_hash) == replace(pushed, used_at=late)


# ── refresh families ──────────────────────────────────────────────────────────────────────────────


def test_rotation_moves_one_row(stores: Stores, engine: Engine) -> None:
    who = sign_in(stores)
    family = a_refresh_family(joined(stores, who), jkt="thumbprint", authorization_details=DETAILS)
    stores.refresh_families.add(family)
    assert stores.refresh_families.get(family.id, NOW) == (family, True)
    at = NOW
    for counter in range(20):
        at += MINUTE
        rotated = stores.refresh_families.rotate(family.id, counter, family.client_id, at, {"jkt": "thumbprint"})
        assert rotated == replace(family, counter=counter + 1, rotated_at=at)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM refresh_families")) == 1
    assert stores.refresh_families.get(uuid4(), NOW) is None


@pytest.mark.parametrize("key", ["thumbprint", None])
def test_a_rotation_that_lost_its_transaction_is_done_again_by_core(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """Which reads more into a statement than the hot path does: a parameter named as a column is set (F-26)."""
    family = a_refresh_family(joined(stores, sign_in(stores)), jkt=key)
    stores.refresh_families.add(family)

    def lost(*_: object) -> Result:
        raise LostTransaction("deadlock detected")

    monkeypatch.setattr(PreparedStatements, "alone", lost)
    rotated = stores.refresh_families.rotate(family.id, 0, family.client_id, NOW + MINUTE, {"jkt": "thumbprint"})
    assert rotated == replace(family, counter=1, rotated_at=NOW + MINUTE)


@pytest.mark.parametrize("offline", [False, True])
def test_a_refresh_is_activity(stores: Stores, offline: bool) -> None:
    """Of the client session and, unless nobody need be there, of its Session: once a minute (design.md 4.5)."""
    who = sign_in(stores)
    held = joined(stores, who, offline=offline)
    family = a_refresh_family(held)
    stores.refresh_families.add(family)
    for counter, at in enumerate((NOW + MINUTE / 2, NOW + MINUTE, NOW + MINUTE * 1.5)):
        assert stores.refresh_families.rotate(family.id, counter, family.client_id, at) is not None
        stores.client_sessions.touch(held.id, at)
    session, used = stores.sessions.get(who.session.id), stores.client_sessions.get(held.id)
    assert session is not None
    assert used is not None
    seen = who.session.last_seen_at if offline else NOW + MINUTE * 1.5
    assert (used.last_used_at, session.last_seen_at) == (NOW + MINUTE * 1.5, seen)


def test_a_refresh_waits_for_nobody_to_note_activity(stores: Stores, engine: Engine) -> None:
    """Whoever holds the rows may be ending them, and would wait for the family in turn. SQLite has one writer."""
    who = sign_in(stores)
    held = joined(stores, who)
    family = a_refresh_family(held)
    stores.refresh_families.add(family)
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN")  # the driver is in autocommit
        if engine.dialect.name == "postgresql":
            for table, key in (("sessions", who.session.id), ("client_sessions", held.id)):
                other.execute(text(f"SELECT 1 FROM {table} WHERE id = :key FOR UPDATE"), {"key": key})
        assert stores.refresh_families.rotate(family.id, 0, family.client_id, NOW + MINUTE * 5) is not None
        other.exec_driver_sql("ROLLBACK")
    assert stores.client_sessions.get(held.id) == held


@pytest.mark.promise("P3")
def test_fifty_racing_rotations_have_one_winner(stores: Stores) -> None:
    who = sign_in(stores)
    family = a_refresh_family(joined(stores, who))
    stores.refresh_families.add(family)
    won = race(50, lambda _number: stores.refresh_families.rotate(family.id, 0, family.client_id, NOW + MINUTE))
    assert [found for found in won if found] == [replace(family, counter=1, rotated_at=NOW + MINUTE)]


@pytest.mark.promise("P3")
def test_only_the_current_counter_of_the_same_client_rotates(stores: Stores) -> None:
    who = sign_in(stores)
    family = a_refresh_family(joined(stores, who), counter=5)
    stores.refresh_families.add(family)
    assert stores.refresh_families.rotate(family.id, 4, family.client_id, NOW) is None
    assert stores.refresh_families.rotate(family.id, 6, family.client_id, NOW) is None
    assert stores.refresh_families.rotate(family.id, 5, "another", NOW) is None
    assert stores.refresh_families.rotate(uuid4(), 5, family.client_id, NOW) is None
    assert stores.refresh_families.get(family.id, NOW) == (family, True)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "cause", ["idle", "absolute", "session idle", "session absolute", "user", "deleted user", "client"]
)
def test_what_has_ended_does_not_rotate(stores: Stores, cause: str) -> None:
    who = sign_in(stores, idle_seconds=600)
    cs = joined(stores, who, offline=cause in {"idle", "absolute", "user", "deleted user", "client"})
    family = a_refresh_family(cs, idle_seconds=1200, expires_at=NOW + timedelta(days=2))
    stores.refresh_families.add(family)
    at = _put_an_end(stores, who, cause)
    assert stores.refresh_families.rotate(family.id, 0, family.client_id, at) is None
    assert stores.refresh_families.get(family.id, at) == (family, False)


def _put_an_end(stores: Stores, who: SignedIn, cause: str) -> datetime:
    if cause == "user":
        stores.users.save(replace(who.user, disabled_at=NOW))
    elif cause == "deleted user":
        stores.users.save(replace(who.user, deleted_at=NOW))
    elif cause == "client":
        stores.clients.save(replace(who.client, disabled_at=NOW))
    ends = {"idle": 1200, "session idle": 600, "absolute": 2 * 86400, "session absolute": 90 * 86400}
    return NOW + timedelta(seconds=ends.get(cause, 0))


def test_an_offline_family_outlives_the_ends_of_its_session(stores: Stores) -> None:
    who = sign_in(stores, idle_seconds=600)
    family = a_refresh_family(joined(stores, who, offline=True))
    stores.refresh_families.add(family)
    assert stores.refresh_families.rotate(family.id, 0, family.client_id, NOW + DAY) is not None


# ── interactions ──────────────────────────────────────────────────────────────────────────────────


def test_an_interaction_comes_back_as_it_was(stores: Stores, engine: Engine) -> None:
    request = a_request(
        prompt=("login", "consent"), max_age=0, hinted_sub=uuid4(), acr_values=("aal1",), acr_essential=True,
        ui_locales=("de", "en"), claims={"userinfo": {"email": {"essential": True}}}, resources=("https://a.example",),
        pushed_as="ab" * 32, response_mode="form_post.jwt", authorization_details=DETAILS,
    )  # fmt: skip
    interaction = an_interaction(request)
    stores.interactions.add(interaction)
    assert stores.interactions.get(interaction.id) == interaction
    assert stores.interactions.get("another") is None
    with engine.connect() as connection:
        dump = str(connection.execute(text("SELECT * FROM interactions")).all())
    assert interaction.id not in dump


def test_a_request_of_another_version_is_read(stores: Stores, engine: Engine) -> None:
    """Two versions run side by side while one replaces the other: more members, or fewer."""
    interaction = an_interaction()
    stores.interactions.add(interaction)
    kept = {
        "client_id": "app",
        "redirect_uri": "https://a.example/cb",
        "scope": ["openid"],
        "from_tomorrow": {"a": [1]},
    }
    cast = "CAST(:kept AS JSONB)" if engine.dialect.name == "postgresql" else ":kept"
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE interactions SET request = {cast}"), {"kept": json.dumps(kept)})
    found = stores.interactions.get(interaction.id)
    assert found is not None
    assert found.request == AuthorizationRequest(
        client_id="app", redirect_uri="https://a.example/cb", scope=("openid",)
    )


def test_answers_are_remembered(stores: Stores) -> None:
    interaction, chosen, consented = an_interaction(), uuid4(), uuid4()
    stores.interactions.add(interaction)
    stores.interactions.chosen(interaction.id, chosen)
    stores.interactions.consented(interaction.id, consented)
    stores.interactions.denied(interaction.id, NOW)
    assert stores.interactions.get(interaction.id) == replace(
        interaction, chosen_by=chosen, consented_by=consented, denied_at=NOW
    )


@pytest.mark.promise("P4")
def test_an_interaction_is_completed_once(stores: Stores) -> None:
    interaction = an_interaction()
    stores.interactions.add(interaction)
    assert sum(race(20, lambda _number: stores.interactions.complete(interaction.id, NOW))) == 1
    stores.interactions.denied(interaction.id, NOW)
    assert stores.interactions.get(interaction.id) == replace(interaction, completed_at=NOW)


# ── assertion ids ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P4")
def test_an_assertion_is_used_once(stores: Stores) -> None:
    jti, client = a_hash(), a_client().client_id
    assert sum(race(50, lambda _number: stores.assertion_ids.claim(client, jti, NOW))) == 1
    assert stores.assertion_ids.claim("another", jti, NOW)
    assert stores.assertion_ids.claim(client, a_hash(), NOW)
