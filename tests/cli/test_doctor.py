"""``idp doctor`` finds what is wrong, says what to do, and shows no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from idp.cli import checks, database
from idp.settings import Settings
from idp.storage.system import SystemClock
from tests.cli.conftest import Idp, Ran
from tests.redis_server import RedisServer, until

KEY = "A" * 43


def found(ran: Ran) -> dict[str, Any]:
    return {check["name"]: check for check in ran.json()["checks"]}


def test_on_a_new_machine_nothing_fails(idp: Idp, tmp_path: Path) -> None:
    ran = idp("doctor", "--json")
    assert (ran.code, ran.json()["ok"]) == (0, True)
    assert found(ran)["database"]["level"] == "warn"
    assert not (tmp_path / "data" / "idp.sqlite").exists()


def test_a_running_provider_is_healthy(idp: Idp) -> None:
    idp("user", "list")
    ran = idp("doctor", "--json")
    assert ran.code == 0
    levels = {name: check["level"] for name, check in found(ran).items()}
    assert {name for name, level in levels.items() if level != "ok"} == {"mail"}, found(ran)
    assert {"database", "clock", "migrations", "keys", "key seals", "master key", "data dir"} <= set(found(ran))


def test_people_read_one_line_a_check_and_every_setting(idp: Idp) -> None:
    text = idp("doctor").out
    assert "ok    settings" in text
    assert all(f"IDP_{name.upper()}" in text for name in Settings.model_fields)


def test_every_wrong_setting_is_reported_at_once(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "http://id.example.com")
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", "not an address")
    ran = idp("doctor", "--json")
    problems = [check["text"] for check in ran.json()["checks"] if check["level"] == "fail"]
    assert ran.code == 1
    assert len(problems) == 2
    assert len(ran.json()["settings"]) == len(Settings.model_fields)


def test_unreadable_values_are_reported_too(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_CODE_LIFE", "soon")
    ran = idp("doctor")
    assert ran.code == 1
    assert "IDP_CODE_LIFE" in ran.out


def test_no_secret_is_shown(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_MASTER_KEY", KEY)
    monkeypatch.setenv("IDP_SMTP_URL", "smtp://u:hush1@127.0.0.1:1")
    monkeypatch.setenv("IDP_MAIL_FROM", "idp@example.com")
    monkeypatch.setenv("IDP_REDIS_URL", "redis://:hush2@cache")
    monkeypatch.setenv("IDP_CLIENT_REGISTRATION_TOKEN", "hush3")
    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql+psycopg://u:hush4@127.0.0.1:1/none")
    for ran in (idp("doctor"), idp("doctor", "--json")):
        assert "hush" not in ran.out + ran.err
        assert KEY not in ran.out + ran.err
        assert "u:***@127.0.0.1" in ran.out


def test_an_unreachable_database_fails(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql+psycopg://u@127.0.0.1:1/none")
    ran = idp("doctor", "--json")
    assert (ran.code, found(ran)["database"]["level"]) == (1, "fail")


def test_pending_migrations_fail_on_a_server(idp: Idp, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", postgres_url)
    ran = idp("doctor", "--json")
    assert (ran.code, found(ran)["migrations"]["level"]) == (1, "fail")
    assert found(ran)["migrations"]["todo"] == "idp db upgrade"
    assert found(ran)["clock"]["level"] == "ok"


def test_a_lost_master_key_is_told(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    idp("user", "list")
    monkeypatch.setenv("IDP_MASTER_KEY", KEY)
    ran = idp("doctor", "--json")
    assert (ran.code, found(ran)["keys"]["level"]) == (1, "fail")


def test_a_clock_that_is_apart_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "clock_difference", lambda _settings: timedelta(seconds=-1.5))
    check = checks._clock(Settings())
    assert check.level == "fail"
    assert "-1.5 s" in check.text
    assert "NTP" in check.todo


def test_files_open_to_others_are_told(idp: Idp, tmp_path: Path) -> None:
    idp("user", "list")
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "master.key").chmod(0o644)
    assert found(idp("doctor", "--json"))["db files"]["level"] == "ok"
    (tmp_path / "data" / "idp.sqlite").chmod(0o644)
    ran = idp("doctor", "--json")
    assert found(ran)["data dir"]["todo"].startswith("chmod 700")
    assert found(ran)["master key"]["todo"].startswith("chmod 600")
    assert found(ran)["db files"]["todo"].startswith("chmod 600")


# ── redis ─────────────────────────────────────────────────────────────────────────────────────────


def redis_findings(ran: Ran) -> list[tuple[str, str]]:
    return [
        (check["level"], check["text"].partition(": ")[2]) for check in ran.json()["checks"] if check["name"] == "redis"
    ]


def test_a_redis_as_it_should_be(idp: Idp, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", redis.url)
    ran = idp("doctor", "--json")
    ((level, text),) = redis_findings(ran)
    assert (ran.code, level) == (0, "ok")
    assert text.startswith("Redis 7")


def test_a_redis_that_is_away_fails(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", "redis://127.0.0.1:1")
    ran = idp("doctor", "--json")
    assert (ran.code, redis_findings(ran)[0][0]) == (1, "fail")


def test_what_the_hot_copy_assumes_of_redis_is_looked_at(
    idp: Idp, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", redis.url)
    monkeypatch.setenv("IDP_REDIS_REPLICAS", "1")
    monkeypatch.setattr(SystemClock, "now", lambda _self: datetime.now(UTC) - timedelta(seconds=90))
    redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    redis.cli("CONFIG", "SET", "save", "3600 1")
    try:
        ran = idp("doctor", "--json")
    finally:
        redis.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis.cli("CONFIG", "SET", "save", "")
    assert ran.code == 1
    policy, disk, replicas, clock = redis_findings(ran)
    assert policy == ("fail", "maxmemory-policy is allkeys-lru")
    assert disk == ("warn", "it keeps its data on disk")
    assert replicas == ("warn", "0 replicas are connected, 1 must confirm")
    assert clock[0] == "warn"
    assert "+90." in clock[1]


def test_a_replica_that_need_not_confirm_is_told(idp: Idp, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_REDIS_URL", redis.url)
    with redis.replica() as replica:
        until(lambda: redis.info("replication")["connected_slaves"] == 1)
        assert redis_findings(idp("doctor", "--json")) == [("warn", "1 replicas are connected, 0 must confirm")]
        monkeypatch.setenv("IDP_REDIS_URL", replica.url)
        assert redis_findings(idp("doctor", "--json")) == [("fail", "it is a replica")]
    until(lambda: redis.info("replication")["connected_slaves"] == 0)
