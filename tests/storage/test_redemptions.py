"""A code redeemed by one statement: all of it or nothing, and who comes between is seen (PostgreSQL alone can)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text, update

from idp.domain.code import AuthorizationCode, Redeemed
from idp.domain.ports import Stores
from idp.domain.refresh import RefreshFamily
from idp.domain.session import ClientOfUser, ClientSession, EndReason, OneClientSession, ThisSession, WholeUser
from idp.errors import LostTransaction
from idp.storage.database import Database
from idp.storage.prepared import PreparedStatements
from idp.storage.tables import sessions

from ..builders import NOW, a_client_session, a_code, a_refresh_family
from .people import SignedIn, joined, sign_in

SCOPES = ("openid", "notes.read")
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@dataclass(frozen=True)
class Redemption:
    """A code that may be redeemed, and what it will create."""

    who: SignedIn
    code: AuthorizationCode
    held: ClientSession
    family: RefreshFamily

    def once(self, stores: Stores, consent: tuple[str, ...] | None = SCOPES) -> Redeemed:
        """Redeem it."""
        client = self.who.client
        return stores.redemptions.at_once(self.code.code_hash, client, consent, self.held, self.family, NOW)


@pytest.fixture
def redemption(stores: Stores) -> Redemption:
    """Consent has been given."""
    who = sign_in(stores)
    code = a_code(who.session, who.client)
    stores.codes.add(code)
    stores.consents.allow(who.user.id, who.client.client_id, SCOPES, NOW)
    held = a_client_session(who.session, who.client)
    return Redemption(who, code, held, a_refresh_family(held))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_sqlite_leaves_it_to_the_transaction(stores: Stores, redemption: Redemption) -> None:
    assert redemption.once(stores) is Redeemed.NOT
    assert stores.codes.get(redemption.code.code_hash) == redemption.code


@on_postgresql
@pytest.mark.spec("RFC 6749", "4.1.2")
def test_it_is_all_there_and_cannot_be_done_twice(stores: Stores, redemption: Redemption) -> None:
    assert redemption.once(stores) is Redeemed.DONE
    sid = redemption.held.id
    assert stores.codes.get(redemption.code.code_hash) == replace(redemption.code, used_at=NOW, client_session_id=sid)
    assert stores.client_sessions.get(sid) == redemption.held
    assert stores.refresh_families.get(redemption.family.id, NOW) == (redemption.family, True)
    assert redemption.once(stores) is Redeemed.NOT


@on_postgresql
def test_a_client_that_does_not_refresh_gets_no_family(stores: Stores, redemption: Redemption) -> None:
    client, held = redemption.who.client, redemption.held
    done = stores.redemptions.at_once(redemption.code.code_hash, client, SCOPES[:1], held, None, NOW)
    assert done is Redeemed.DONE
    assert stores.client_sessions.get(held.id) == held
    assert stores.refresh_families.get(redemption.family.id, NOW) is None


@on_postgresql
def test_a_trusted_client_needs_no_consent(stores: Stores, redemption: Redemption) -> None:
    stores.consents.withdraw(redemption.who.user.id, redemption.who.client.client_id)
    assert redemption.once(stores) is Redeemed.NOT
    assert redemption.once(stores, consent=None) is Redeemed.DONE


def _withdrawn(stores: Stores, one: Redemption) -> None:
    stores.consents.withdraw(one.who.user.id, one.who.client.client_id)


def _changed(stores: Stores, one: Redemption) -> None:
    stores.clients.save(replace(one.who.client, updated_at=NOW + timedelta(microseconds=1)))


def _disabled(stores: Stores, one: Redemption) -> None:
    stores.clients.save(replace(one.who.client, disabled_at=NOW))


def _held_already(stores: Stores, one: Redemption) -> None:
    joined(stores, one.who)


def _used_up(stores: Stores, one: Redemption) -> None:
    stores.sessions.end(ClientOfUser(one.who.user.id, one.who.client.client_id), EndReason.CLIENT_DISABLED, "", NOW)


@on_postgresql
@pytest.mark.parametrize("before", [_withdrawn, _changed, _disabled, _held_already, _used_up])
def test_where_anything_is_not_as_it_was_nothing_is_done(
    stores: Stores, redemption: Redemption, before: Callable[[Stores, Redemption], None]
) -> None:
    before(stores, redemption)
    code = stores.codes.get(redemption.code.code_hash)
    assert redemption.once(stores) is Redeemed.NOT
    assert stores.codes.get(redemption.code.code_hash) == code
    assert stores.client_sessions.get(redemption.held.id) is None


@on_postgresql
def test_consent_to_less_is_none_and_so_is_a_code_that_has_expired(stores: Stores, redemption: Redemption) -> None:
    assert redemption.once(stores, (*SCOPES, "email")) is Redeemed.NOT
    late = redemption.code.expires_at
    client, held = redemption.who.client, redemption.held
    assert stores.redemptions.at_once(redemption.code.code_hash, client, SCOPES, held, None, late) is Redeemed.NOT


@on_postgresql
def test_a_client_session_that_has_ended_is_in_nobodys_way(stores: Stores, redemption: Redemption) -> None:
    stores.sessions.end(OneClientSession(joined(stores, redemption.who).id), EndReason.TOKEN_REVOKED, "", NOW)
    assert redemption.once(stores) is Redeemed.DONE


@contextmanager
def _while_it_waits(
    engine: Engine, stores: Stores, redemption: Redemption, between: Callable[[], object]
) -> Iterator[Callable[[], Redeemed]]:
    """``between`` has been done and not committed; it is committed once the redemption waits for it."""
    done, go = threading.Event(), threading.Event()

    def other() -> None:
        with stores.work():
            between()
            done.set()
            assert go.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(other)
        assert done.wait(10)
        second = pool.submit(redemption.once, stores)
        _until_somebody_waits(engine)
        go.set()
        first.result(10)
        yield lambda: second.result(10)


def _until_somebody_waits(engine: Engine) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with engine.connect() as connection:
        for _ in range(1000):
            if connection.execute(waiting).scalar_one():
                return
            connection.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("nobody waits")


@on_postgresql
def test_a_withdrawal_that_came_first_is_seen(engine: Engine, stores: Stores, redemption: Redemption) -> None:
    who = redemption.who

    def withdraw() -> None:
        stores.consents.withdraw(who.user.id, who.client.client_id)

    with _while_it_waits(engine, stores, redemption, withdraw) as result:
        assert result() is Redeemed.NOT
    assert stores.codes.get(redemption.code.code_hash) == redemption.code


@on_postgresql
@pytest.mark.parametrize("whole", [False, True])
def test_an_ending_that_came_first_is_seen(
    engine: Engine, stores: Stores, redemption: Redemption, whole: bool
) -> None:  # fmt: skip
    who = redemption.who
    target = WholeUser(who.user.id) if whole else ThisSession(who.session.id)

    def end() -> None:
        stores.sessions.end(target, EndReason.SIGNED_OUT, "", NOW)

    with _while_it_waits(engine, stores, redemption, end) as result:
        assert result() in (Redeemed.IN_VAIN, Redeemed.NOT)
    assert stores.client_sessions.get(redemption.held.id) is None
    used = stores.codes.get(redemption.code.code_hash)
    assert used is not None
    assert used.used_at == NOW


@on_postgresql
def test_a_client_session_that_comes_between_undoes_all_of_it(
    engine: Engine, stores: Stores, redemption: Redemption
) -> None:  # fmt: skip
    with _while_it_waits(engine, stores, redemption, lambda: joined(stores, redemption.who)) as result:
        assert result() is Redeemed.NOT
    assert stores.codes.get(redemption.code.code_hash) == redemption.code
    assert stores.client_sessions.get(redemption.held.id) is None


@on_postgresql
def test_a_session_that_is_used_meanwhile_is_still_one(
    engine: Engine, stores: Stores, redemption: Redemption
) -> None:  # fmt: skip
    """PostgreSQL looks at the row anew; what the statement itself has claimed is looked at as it was."""
    database = Database(engine)

    def use() -> None:
        with database.work():
            database.count(update(sessions).values(last_seen_at=NOW + timedelta(seconds=1)))
            stores_may_wait.set()
            assert go.wait(10)

    stores_may_wait, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(use)
        assert stores_may_wait.wait(10)
        second = pool.submit(redemption.once, stores)
        _until_somebody_waits(engine)
        go.set()
        first.result(10)
        assert second.result(10) is Redeemed.DONE
    assert stores.client_sessions.get(redemption.held.id) == redemption.held


@on_postgresql
def test_what_lost_its_transaction_is_done_again_by_core_and_is_the_same(
    stores: Stores, redemption: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_arguments: object) -> None:
        raise LostTransaction("deadlock detected")

    with monkeypatch.context() as patch:
        patch.setattr(PreparedStatements, "alone", lost)
        assert redemption.once(stores) is Redeemed.DONE
    sid = redemption.held.id
    assert stores.codes.get(redemption.code.code_hash) == replace(redemption.code, used_at=NOW, client_session_id=sid)
    assert stores.client_sessions.get(sid) == redemption.held
    assert stores.refresh_families.get(redemption.family.id, NOW) == (redemption.family, True)
