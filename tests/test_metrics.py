"""Numbers for operators: for whoever has the token, in words of ours alone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from idp.errors import Unavailable
from idp.metrics import DIRECTORY, endpoint
from idp.settings import Settings

from .builders import a_message
from .provider import Provider, database, running, seeded
from .redis_server import RedisServer

__all__ = ["database", "seeded"]

TOKEN = SecretStr("a-token-of-the-operator")
BEARER = {"Authorization": f"Bearer {TOKEN.get_secret_value()}"}


@pytest.fixture
def provider(database: str) -> Iterator[Provider]:
    with running(database, metrics_token=TOKEN) as made:
        yield made


def numbers(provider: Provider) -> dict[str, float]:
    answer = provider.http.get("/metrics", headers=BEARER)  # by the machine's own name
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    found = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_without_a_token_there_is_none(database: str) -> None:
    with running(database) as provider:
        assert provider.get("/metrics").status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", "Basic a-token-of-the-operator", "Bearer \u00e9"])
def test_the_token_is_needed(provider: Provider, sent: str) -> None:
    answer = provider.get("/metrics", Authorization=sent)
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_requests_are_counted_by_endpoint_and_status(provider: Provider) -> None:
    provider.get("/.well-known/jwks.json")
    provider.get("/healthz")
    provider.post("/introspect", {"token": "x"})
    provider.get("/somebody%40example.com/secret")
    found = numbers(provider)
    for labels in ('jwks",status="200', 'health",status="200', 'introspect",status="401', 'other",status="404'):
        assert found[f'idp_request_seconds_count{{endpoint="{labels}"}}'] == 1
    assert not any("secret" in name for name in found)


def test_the_outbox_is_told_of(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """How deep it is, and whether anybody takes it up; while the database is away the rest is still told."""
    now = provider.clock.now()
    provider.stores.outbox.put([a_message(due_at=now - timedelta(minutes=5)), a_message(due_at=now)])
    found = numbers(provider)
    assert found['idp_outbox_waiting{kind="mail"}'] == 2
    assert found['idp_outbox_waiting{kind="backchannel_logout"}'] == 0
    assert 299 < found['idp_outbox_overdue_seconds{kind="mail"}'] < 400

    def away(_self: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(type(provider.stores.outbox), "backlog", away)
    provider.get("/healthz")
    found = numbers(provider)
    assert not any(name.startswith("idp_outbox") for name in found)
    assert any(name.startswith("idp_request") for name in found)


def test_endpoints_are_a_closed_set() -> None:
    assert endpoint("/token") == "token"
    assert endpoint("/account/sessions/3/end") == "account"
    assert {endpoint(path) for path in ("/x", "/token/x", "", "//", "/\u00e9")} == {"other"}


def test_the_hot_copy_is_counted(database: str, redis: RedisServer) -> None:
    with running(database, metrics_token=TOKEN, redis_url=SecretStr(redis.url)) as provider:
        app, ada = provider.register(), provider.sign_in()
        token = provider.tokens(app, ada)["access_token"]
        for _ in range(3):
            assert provider.active(app, token)
        assert provider.revoke(app, token).status_code == 200
        assert not provider.active(app, token)
        found = numbers(provider)
    look_ups = {o: found[f'idp_hot_copy_look_ups_total{{outcome="{o}"}}'] for o in ("first", "miss", "hit", "ended")}
    assert look_ups == {"first": 1, "miss": 1, "hit": 1, "ended": 1}
    assert found['idp_hot_copy_fills_total{outcome="filled"}'] == 1
    assert found['idp_hot_copy_tombstones_total{outcome="confirmed"}'] == 1
    assert found["idp_redis_breakers_open"] == 0


_WORKER = """
import prometheus_client as p
p.Counter("jobs", "Jobs", ["outcome"]).labels("well").inc(2)
p.Histogram("seconds", "Seconds", buckets=(1, 5)).observe(3)
p.Gauge("open", "Open", multiprocess_mode="livesum").inc()
"""


@pytest.mark.promise("P6")
def test_the_dead_leave_their_numbers_in_one_file(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "numbers"
    folder.mkdir()
    monkeypatch.setenv(DIRECTORY, str(folder))
    for dead in (1, 2):
        subprocess.run([sys.executable, "-c", _WORKER], check=True, timeout=120)
        for _ in range(2):
            found = numbers(provider)
            assert found['jobs_total{outcome="well"}'] == 2 * dead
            assert [found[f'seconds_bucket{{le="{le}"}}'] for le in ("1.0", "5.0", "+Inf")] == [0, dead, dead]
            assert found["seconds_sum"] == 3 * dead
            assert "open" not in found
    assert {file.name for file in folder.iterdir()} == {"counter_dead.db", "histogram_dead.db", "lock"}


def test_the_token_is_a_secret() -> None:
    assert "operator" not in repr(Settings(metrics_token=TOKEN))
