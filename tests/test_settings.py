"""Settings: every mistake at once, at start, and what follows from right ones."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from idp.errors import ConfigurationError
from idp.settings import Settings, load
from idp.storage.redis_url import servers

from .certificates import a_certificate

KEY = SecretStr(base64.urlsafe_b64encode(b"\x01" * 32).decode())


def loaded(**changes: Any) -> Settings:
    return load(**{"issuer": "https://id.example", "master_key": KEY} | changes)


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(**changes)
    return caught.value.problems


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.spec("RFC 8414", "2")
@pytest.mark.parametrize(
    "issuer",
    ["", "id.example", "ftp://id.example", "https://", "http://id.example", "http://192.0.2.1", "https://id.example/",
     "https://id.example/?x", "https://id.example/#x", "https://user@id.example", "https://id.example:port",
     "http://127.0.0.1.evil.example", "https://[::1"],
)  # fmt: skip
def test_an_issuer_that_cannot_be(issuer: str) -> None:
    assert any(problem.startswith("IDP_ISSUER") for problem in problems(issuer=issuer))


@pytest.mark.parametrize(
    ("issuer", "secure", "host", "prefix"),
    [
        ("https://id.example", True, "id.example", ""),
        ("https://id.example:8443/tenant/a", True, "id.example:8443", "/tenant/a"),
        ("http://localhost:8000", False, "localhost:8000", ""),
        ("http://idp.localhost:8000", False, "idp.localhost:8000", ""),
        ("http://127.0.0.1", False, "127.0.0.1", ""),
        ("http://[::1]:80", False, "[::1]:80", ""),
    ],
)
def test_what_follows_from_an_issuer(issuer: str, secure: bool, host: str, prefix: str) -> None:
    settings = loaded(issuer=issuer)
    assert (settings.secure, settings.host, settings.path_prefix) == (secure, host, prefix)
    assert settings.url("/token") == issuer + "/token"


def test_a_missing_master_key_is_a_clear_refusal_in_production() -> None:
    """design.md 4.4: a key that a production machine invents is one that nobody has backed up."""
    found = problems(master_key=None)
    assert len(found) == 1
    assert "IDP_MASTER_KEY" in found[0]
    assert "idp key master" in found[0]


@pytest.mark.parametrize("key", ["short", "!" * 43, "", base64.urlsafe_b64encode(b"x" * 31).decode()])
def test_a_master_key_that_is_none(key: str) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        loaded(master_key=SecretStr(key))


def test_on_loopback_a_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    settings = load(issuer="http://localhost:8000", master_key=None, data_dir=tmp_path / "data")
    path = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load(issuer="http://localhost:8000", master_key=None, data_dir=tmp_path / "data")
    assert settings.master_keys().current.key_id == again.master_keys().current.key_id


def test_a_key_file_and_older_keys(tmp_path: Path) -> None:
    path = tmp_path / "key"
    older = base64.urlsafe_b64encode(b"\x02" * 32).decode().rstrip("=")
    path.write_text(f"{KEY.get_secret_value()},{older}\n")
    keys = loaded(master_key=None, master_key_file=path).master_keys()
    assert keys.current.secret == b"\x01" * 32
    assert problems(master_key=None, master_key_file=tmp_path / "absent")


def test_all_mistakes_are_told_together() -> None:
    found = problems(
        issuer="http://id.example", trusted_proxies="nowhere", database_url="mysql://x",
        refresh_idle_life=3600, refresh_absolute_life=60,
    )  # fmt: skip
    for name in ("ISSUER", "TRUSTED_PROXIES", "DATABASE_URL", "REFRESH_IDLE_LIFE"):
        assert any(f"IDP_{name}" in problem for problem in found), name


@pytest.mark.parametrize(
    "url",
    ["mysql://x", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?uri=true",
     "postgresql+psycopg://u:hush@127.0.0.1:xx/x", "postgresql+psycopg://u:hush@a:1,b:2/x",
     "postgresql+psycopg://u:hush@[::1/x", "postgresql://u:hush@localhost/x", "nonsense"],
)  # fmt: skip
def test_a_database_url_that_cannot_be(url: str) -> None:
    found = problems(database_url=url)
    assert [problem.partition(":")[0] for problem in found] == ["IDP_DATABASE_URL"]
    assert "hush" not in found[0]


@pytest.mark.parametrize(
    "rest",
    ["u:p/?#[x@localhost:5432/x", "localhost/x", "u@[::1]:5432/x", "u@/x?host=/run/postgresql",
     "/x?host=a:1&host=b:2", "u%40x:p@db.example/x?sslmode=verify-full"],
)  # fmt: skip
def test_a_server_is_named_as_sqlalchemy_reads_it(rest: str) -> None:
    url = f"postgresql+psycopg://{rest}"
    assert loaded(database_url=url).sql_url == url
    make_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://cache", "redis:cache", "redis://a,b", "redis://:hush@a:port", "redis+sentinel://a:1,b:2",
     "redis+sentinel://:hush@a:1,b:2/", "redis+cluster://a:1;b:2", "redis+other://a", "nonsense", ""],
)  # fmt: skip
def test_a_redis_url_that_cannot_be(url: str) -> None:
    found = problems(redis_url=SecretStr(url))
    assert [problem.partition(":")[0] for problem in found] == ["IDP_REDIS_URL"]
    assert "hush" not in found[0]


@pytest.mark.parametrize(
    "url",
    ["redis://cache", "redis://user:p%40ss@cache:6379/3", "rediss://[::1]:6380?ssl_ca_certs={ca}",
     "redis+sentinel://:secret@a:26379,b/idp?sentinel_password=x", "rediss+cluster://u:p@a:1,b:2,c"],
)  # fmt: skip
def test_a_redis_url_that_can_be(url: str, tmp_path: Path) -> None:
    url = url.format(ca=a_certificate(tmp_path))
    assert loaded(redis_url=SecretStr(url)).redis_url == SecretStr(url)
    servers(url, 0, lambda _opened: None)


def test_a_path_means_one_file_whoever_reads_it(tmp_path: Path) -> None:
    assert loaded(database_url="sqlite:///some/x.db?timeout=3").sql_url == f"sqlite:///{tmp_path}/some/x.db?timeout=3"
    assert loaded(database_url="sqlite:////srv/x.db").sql_url == "sqlite:////srv/x.db"
    assert loaded(data_dir=Path("some")).sql_url == f"sqlite:///{tmp_path}/some/idp.sqlite"


def test_a_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    for folder in (tmp_path / "data", tmp_path / "data" / "below"):
        found = problems(issuer="http://localhost:8000", master_key=None, data_dir=folder)
        assert found[0].startswith(f"IDP_DATA_DIR: {folder}")


def test_a_draft_of_a_key_cannot_be_planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write to the directory must not choose where the key is written to."""
    target = tmp_path / "theirs"
    (tmp_path / f".master.key.{bytes(8).hex()}").symlink_to(target)
    monkeypatch.setattr("os.urandom", bytes)
    assert problems(issuer="http://localhost:8000", master_key=None, data_dir=tmp_path)
    assert not target.exists()


def test_a_key_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(KEY.get_secret_value())
    tmp_path.chmod(0o500)
    try:
        before = path.stat().st_mtime_ns
        load(issuer="http://localhost:8000", master_key=None, data_dir=tmp_path)
        assert (path.stat().st_mtime_ns, [each.name for each in tmp_path.iterdir()]) == (before, ["master.key"])
    finally:
        tmp_path.chmod(0o700)


def test_a_key_file_of_raw_bytes_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff" * 32)
    assert "base64url" in problems(master_key=None, master_key_file=tmp_path / "key")[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("code_life", 61), ("access_token_life", 3601), ("refresh_grace", -1), ("pkce_required", "none"),
     ("client_registration", "maybe"), ("log_level", "loud")],
)  # fmt: skip
def test_a_value_outside_its_bounds_is_named(name: str, value: object) -> None:
    assert any(f"IDP_{name.upper()}" in problem for problem in problems(**{name: value}))


def test_settings_come_from_the_environment_and_cannot_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "https://sso.example")
    monkeypatch.setenv("IDP_MASTER_KEY", KEY.get_secret_value())
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", "10.0.0.1, 2001:db8::/32")
    settings = load()
    assert settings.issuer == "https://sso.example"
    assert [str(network) for network in settings.proxy_networks()] == ["10.0.0.1/32", "2001:db8::/32"]
    with pytest.raises(ValidationError):
        settings.issuer = "x"  # type: ignore[misc]


@pytest.mark.promise("P7")
def test_secrets_are_never_shown() -> None:
    secret = SecretStr("hunter2")
    settings = loaded(smtp_url=SecretStr("smtp://u:hunter2@mail"), mail_from="a@b", client_registration_token=secret)
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text
        assert KEY.get_secret_value() not in text


@pytest.mark.parametrize(
    "value", ["https://foundry.example", "=https://x.example/jwks", "https://x=ftp://x/jwks", "https://x=http://x/jwks"]
)
def test_where_the_keys_of_statements_are_must_be_said(value: str) -> None:
    assert any("IDP_SOFTWARE_STATEMENT_ISSUERS" in text for text in problems(software_statement_issuers=value))


def test_statements_cannot_be_required_of_nobody() -> None:
    assert any("IDP_SOFTWARE_STATEMENT_ISSUERS" in text for text in problems(software_statement_required=True))
