"""OpenID Connect Back-Channel Logout 1.0, against a real receiver.

Conformance: oidcc-backchannel-logout-discovery-endpoint-verification, oidcc-backchannel-rp-initiated-logout.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID

import pytest

from idp import jose
from idp.courier import Courier
from idp.domain.outbox import MessageState, OutboxMessage, Search
from idp.domain.session import EndReason, OneClientSession, ThisSession, WholeUser

from ..provider import (
    CALLBACK,
    ISSUER,
    App,
    Browser,
    Provider,
    answered,
    both,
    claims_of,
    database,
    header_of,
    refused,
    running,
    seeded,
)
from ..receivers import Receiver

__all__ = ["both", "database", "seeded"]

BCL = "OpenID Connect Back-Channel Logout 1.0"
OFFLINE = "openid offline_access"
DAY = 86400


@pytest.fixture
def idp(database: str) -> Iterator[Provider]:
    """A provider that may deliver to loopback."""
    with running(database, fetch_private_networks=True) as made:
        yield made


@pytest.fixture
def photos() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def deliver(idp: Provider) -> None:
    """Everything that is due."""
    Courier(idp.flask.extensions["idp"].deliveries, 4).drain(threading.Event())


def notices(idp: Provider) -> list[OutboxMessage]:
    return list(idp.stores.outbox.list(Search(kind="backchannel_logout"), 100))


def end(idp: Provider, browser: Browser, reason: EndReason = EndReason.SIGNED_OUT) -> None:
    assert browser.session
    with idp.stores.work():
        idp.services.sessions.end_session(ThisSession(browser.session.id), reason, by="test")


def an_app(idp: Provider, uri: str | None, name: str = "Photos", **metadata: object) -> App:
    return idp.register(name, **({"backchannel_logout_uri": uri} if uri else {}), **metadata)


# ── registration and discovery ────────────────────────────────────────────────────────────────────


@pytest.mark.spec(BCL, "2.1")
def test_discovery_says_so(idp: Provider) -> None:
    document = answered(idp.get("/.well-known/openid-configuration"))
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True


MEMBERS = {"redirect_uris": [CALLBACK]}


@pytest.mark.spec(BCL, "2.2")
@pytest.mark.parametrize("uri", ["https://rp.example/out?a=1&b=2", "http://127.0.0.1:3000/out", "http://localhost/o"])
def test_a_client_registers_its_address(idp: Provider, uri: str) -> None:
    members = {**MEMBERS, "backchannel_logout_uri": uri, "backchannel_logout_session_required": True}
    answer = idp.http.post("/register", base_url=ISSUER, json=members)
    assert answer.status_code == 201, answer.text
    assert answer.json is not None
    assert (answer.json["backchannel_logout_uri"], answer.json["backchannel_logout_session_required"]) == (uri, True)
    path = answer.json["registration_client_uri"].removeprefix(ISSUER)
    token = {"Authorization": f"Bearer {answer.json['registration_access_token']}"}
    changed = {**MEMBERS, "client_id": answer.json["client_id"], "backchannel_logout_session_required": False}
    put = idp.http.put(path, base_url=ISSUER, json=changed, headers=token)
    assert put.json is not None
    assert "backchannel_logout_uri" not in put.json
    assert put.json["backchannel_logout_session_required"] is False


@pytest.mark.spec(BCL, "2.2")
@pytest.mark.parametrize(
    "members",
    [{"backchannel_logout_uri": uri} for uri in (
        "https://rp.example/out#here", "https://rp.example/out#", "http://rp.example/out", "/out", "rp.example/out",
        "https:///out", "https://user:pw@rp.example/", "javascript:alert(1)", "https://rp.example/\r\nX: y", 7,
        ["https://rp.example/out"], "com.example.app:/out",
    )]
    + [{"backchannel_logout_session_required": value} for value in ("true", 1, ["x"])]
    + [{"backchannel_logout_uri": "http://127.0.0.1/out", "token_endpoint_auth_method": "none"},
       {"backchannel_logout_uri": "HTTP://localhost/out", "token_endpoint_auth_method": "none"}],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(idp: Provider, members: dict[str, object]) -> None:
    answer = idp.http.post("/register", base_url=ISSUER, json={**MEMBERS, **members})
    refused(answer, 400, "invalid_client_metadata")


# ── the logout token and its request ──────────────────────────────────────────────────────────────


@pytest.mark.spec(BCL, "2.4")
@pytest.mark.spec(BCL, "2.5")
def test_the_logout_token(idp: Provider, photos: Receiver) -> None:
    app, ada = an_app(idp, photos.uri("/ok?keep=this")), idp.sign_in()
    id_token = claims_of(idp.tokens(app, ada, nonce="n-0S6")["id_token"])
    end(idp, ada)
    deliver(idp)
    (arrival,) = photos.arrivals
    assert arrival.path == "/ok?keep=this"
    assert arrival.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert set(arrival.form) == {"logout_token"}
    assert header_of(arrival.token)["typ"] == "logout+jwt"
    claims = jose.verify(
        arrival.token, idp.services.keys.find, typ=("logout+jwt",), issuer=ISSUER, audience=app.id,
        require=("iss", "aud", "iat", "exp"),
    )  # fmt: skip
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "sid", "events"}
    assert (claims["sub"], claims["sid"], claims["aud"]) == (id_token["sub"], id_token["sid"], app.id)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert 0 < claims["exp"] - claims["iat"] <= 120
    (message,) = notices(idp)
    assert claims["jti"] == str(message.id)
    assert message.state is MessageState.DELIVERED


@pytest.mark.spec(BCL, "4.1")
def test_a_logout_token_is_good_for_nothing_else(idp: Provider, photos: Receiver) -> None:
    app, ada = an_app(idp, photos.uri()), idp.sign_in()
    idp.tokens(app, ada)
    end(idp, ada)
    deliver(idp)
    token = photos.arrivals[0].token
    assert idp.userinfo(token).status_code == 401
    assert not idp.active(app, token)
    bob = idp.sign_in(idp.person("bob@example.com"))
    answer = idp.visit(bob, "/logout?" + urlencode({"id_token_hint": token}))
    assert answer.status_code != 303 or "signed-out" not in answer.headers["Location"], "no hint: it asks"


def test_it_is_signed_by_the_key_of_the_day(idp: Provider, photos: Receiver) -> None:
    app, ada = an_app(idp, photos.uri()), idp.sign_in()
    idp.tokens(app, ada)
    end(idp, ada)
    with idp.stores.work():
        idp.services.keys.rotate(force=True)
    deliver(idp)
    assert header_of(photos.arrivals[0].token)["kid"] == idp.services.keys.signer().kid


@pytest.mark.spec(BCL, "2.8")
@pytest.mark.parametrize("status", [200, 204])
def test_it_is_accepted(idp: Provider, photos: Receiver, status: int) -> None:
    photos.statuses["/ok"] = status
    idp.tokens(an_app(idp, photos.uri()), ada := idp.sign_in())
    end(idp, ada)
    for _ in range(2):
        deliver(idp)
    assert len(photos.arrivals) == 1
    assert notices(idp)[0].state is MessageState.DELIVERED


# ── who is told ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(BCL, "2.3")
def test_everybody_concerned_is_told_once(idp: Provider, photos: Receiver) -> None:
    """Two apps of two sign-ins: four client sessions, four notices; a third app has no address."""
    apps = [an_app(idp, photos.uri("/photos")), an_app(idp, photos.uri("/wiki"), "Wiki"), an_app(idp, None, "Mail")]
    here, there, bob = idp.sign_in(), idp.sign_in(), idp.sign_in(idp.person("bob@example.com"))
    sids = {claims_of(idp.tokens(app, who)["id_token"])["sid"] for app in apps[:2] for who in (here, there)}
    idp.tokens(apps[2], here)
    idp.tokens(apps[0], bob)
    assert here.user
    with idp.stores.work():
        idp.services.sessions.end_session(WholeUser(here.user.id), EndReason.ACCOUNT_PAGE, by="test")
    deliver(idp)
    assert sorted(arrival.claims["sid"] for arrival in photos.arrivals) == sorted(sids)
    assert len({arrival.claims["jti"] for arrival in photos.arrivals}) == 4


@pytest.mark.spec(BCL, "2.7")
def test_an_offline_app_is_told_of_a_sign_out_and_keeps_its_token(idp: Provider, photos: Receiver) -> None:
    """Its own session in that browser ends; "refresh tokens issued with offline_access … SHOULD NOT be revoked"."""
    app, ada = an_app(idp, photos.uri()), idp.sign_in()
    tokens = idp.tokens(app, ada, scope=OFFLINE)
    end(idp, ada)
    deliver(idp)
    assert [arrival.claims["sid"] for arrival in photos.arrivals] == [claims_of(tokens["id_token"])["sid"]]
    assert answered(idp.refresh(app, tokens["refresh_token"]))["access_token"]


@pytest.mark.spec(BCL, "2.7")
def test_nobody_has_left_where_a_session_ran_out(idp: Provider, photos: Receiver) -> None:
    """An online app is told, for its session is over; an offline one goes on (design.md section 5)."""
    online, offline = an_app(idp, photos.uri("/online")), an_app(idp, photos.uri("/offline"), "Wiki")
    ada = idp.sign_in()
    idp.tokens(online, ada)
    idp.tokens(offline, ada, scope=OFFLINE)
    with idp.clock.later(15 * DAY):
        idp.services.housekeeping.round()
        deliver(idp)
    assert (len(photos.at("/online")), len(photos.at("/offline"))) == (1, 0)


@pytest.mark.spec(BCL, "2.3")
def test_rp_initiated_logout_tells_the_one_who_asked_too(idp: Provider, photos: Receiver) -> None:
    """oidcc-backchannel-rp-initiated-logout."""
    app, ada = an_app(idp, photos.uri(), post_logout_redirect_uris=["https://photos.example/bye"]), idp.sign_in()
    hint = idp.tokens(app, ada)["id_token"]
    query = {"id_token_hint": hint, "post_logout_redirect_uri": "https://photos.example/bye", "state": "s"}
    answer = idp.visit(ada, "/logout?" + urlencode(query))
    assert answer.status_code == 303, answer.text
    deliver(idp)
    assert [arrival.claims["sid"] for arrival in photos.arrivals] == [claims_of(hint)["sid"]]


def test_what_is_revoked_alone_is_told_alone(idp: Provider, photos: Receiver) -> None:
    app, other, ada = an_app(idp, photos.uri("/photos")), an_app(idp, photos.uri("/wiki"), "Wiki"), idp.sign_in()
    sid = claims_of(idp.tokens(app, ada)["id_token"])["sid"]
    idp.tokens(other, ada)
    with idp.stores.work():
        idp.services.sessions.end_session(OneClientSession(UUID(sid)), EndReason.TOKEN_REVOKED, by="test")
    deliver(idp)
    assert [(arrival.path, arrival.claims["sid"]) for arrival in photos.arrivals] == [("/photos", sid)]


def test_a_client_is_told_where_it_is_now(idp: Provider, photos: Receiver) -> None:
    """Moved, disabled or deleted between the ending and the sending; one that takes the address back is left."""
    moved, disabled, deleted, silent = (an_app(idp, photos.uri(f"/{n}"), n) for n in ("moved", "off", "gone", "none"))
    ada = idp.sign_in()
    for app in (moved, disabled, deleted, silent):
        idp.tokens(app, ada)
    end(idp, ada)
    with idp.stores.work():
        idp.services.clients.update(moved.id, {"backchannel_logout_uri": photos.uri("/elsewhere")})
        idp.services.clients.update(silent.id, {"backchannel_logout_uri": None})
        idp.services.clients.disable(disabled.id)
        idp.services.clients.delete(deleted.id)
    deliver(idp)
    assert sorted(arrival.path for arrival in photos.arrivals) == ["/elsewhere", "/gone", "/off"]
    (left,) = (message for message in notices(idp) if message.client_id == silent.id)
    assert (left.state, left.last_error) == (
        MessageState.GAVE_UP, "the client has no backchannel_logout_uri any more",
    )  # fmt: skip


# ── receivers that are not well (F-43) ────────────────────────────────────────────────────────────


@pytest.mark.spec(BCL, "2.5")
def test_the_same_notice_again_and_again(idp: Provider, photos: Receiver) -> None:
    """Each repetition is a token of its own time with the ``jti`` of the first."""
    photos.statuses["/ok"] = 503
    idp.tokens(an_app(idp, photos.uri()), ada := idp.sign_in())
    end(idp, ada)
    for _ in range(3):
        deliver(idp)
        idp.clock.move(120)
    photos.statuses["/ok"] = 200
    deliver(idp)
    assert len(photos.arrivals) == 4
    assert len({arrival.claims["jti"] for arrival in photos.arrivals}) == 1
    assert len({arrival.claims["iat"] for arrival in photos.arrivals}) == 4
    assert notices(idp)[0].state is MessageState.DELIVERED


@pytest.mark.spec(BCL, "2.5")
@pytest.mark.parametrize("status", [400, 404, 302])
def test_what_is_refused_is_repeated_twice(idp: Provider, photos: Receiver, status: int) -> None:
    photos.statuses["/ok"], photos.locations["/ok"] = status, photos.uri("/elsewhere")
    idp.tokens(an_app(idp, photos.uri()), ada := idp.sign_in())
    end(idp, ada)
    for _ in range(6):
        deliver(idp)
        idp.clock.move(3600)
    assert [arrival.path for arrival in photos.arrivals] == ["/ok"] * 3, "and no redirect is followed"
    (message,) = notices(idp)
    assert (message.state, message.last_error) == (MessageState.GAVE_UP, f"status {status}")


def test_a_dead_one_is_tried_for_a_day(idp: Provider) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{nobody.getsockname()[1]}/out"
        idp.tokens(an_app(idp, uri), ada := idp.sign_in())
        end(idp, ada)
        for _ in range(40):
            deliver(idp)
            idp.clock.move(3700)
    (message,) = notices(idp)
    assert (message.state, message.last_error) == (MessageState.GAVE_UP, "ConnectionRefusedError")
    assert 15 < message.attempts < 30


@pytest.mark.spec("CVE-2020-10770", "")
def test_no_private_address_is_reached_without_the_switch(database: str, photos: Receiver) -> None:
    with running(database) as idp:
        idp.tokens(an_app(idp, photos.uri()), ada := idp.sign_in())
        end(idp, ada)
        for _ in range(4):
            deliver(idp)
            idp.clock.move(3600)
        (message,) = notices(idp)
    assert photos.arrivals == []
    assert (message.state, message.attempts, message.last_error) == (MessageState.GAVE_UP, 3, "not https")


def test_a_slow_one_delays_nobody(idp: Provider, photos: Receiver) -> None:
    """Neither the person who signs out, nor the other apps, whose notices come after ten for it (F-43)."""
    photos.delays["/slow"] = 30
    slow, well = an_app(idp, photos.uri("/slow")), an_app(idp, photos.uri("/well"), "Wiki")
    people = [idp.sign_in() for _ in range(10)]
    for one in people:
        idp.tokens(slow, one)
    last = idp.sign_in()
    idp.tokens(well, last)
    began = time.monotonic()
    for one in (*people, last):
        end(idp, one)
    assert time.monotonic() - began < 5
    stop = threading.Event()
    courier = threading.Thread(target=Courier(idp.flask.extensions["idp"].deliveries, 4).run, args=(stop,))
    courier.start()
    try:
        photos.wait(lambda: bool(photos.at("/well")))
        assert len(photos.at("/slow")) <= 2, "half of the threads"
    finally:
        stop.set()
        photos.over.set()
        courier.join()
