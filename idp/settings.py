"""One frozen Settings, read from ``IDP_*`` (secrets also from files), checked as a whole at start.

All mistakes are reported together, each with what to do (``ConfigurationError``).

Why an ``http`` issuer is for loopback only: tokens and cookies in the clear on a network are lost
(RFC 9700 section 2.6); on loopback it lets ``idp demo`` run without a certificate.

Why a missing master key is made on loopback and refused elsewhere: a key that a production machine
invents for itself is one that nobody has backed up and that the second machine does not have.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from . import mail_server
from .domain.client import AuthMethod
from .domain.key import DEFAULT_ALG, SIGNING_ALGS
from .domain.master_key import KEY_BYTES, MasterKey, MasterKeys
from .domain.revocation import LONGEST_TOKEN_LIFE
from .errors import ConfigurationError
from .own_addresses import issuer_problems, mtls_problems, streams_problems

MINUTE, HOUR, DAY = 60, 3600, 86400
_LONGEST_LIFE = int(LONGEST_TOKEN_LIFE.total_seconds())


class Settings(BaseSettings):
    """Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="IDP_", frozen=True, extra="ignore", hide_input_in_errors=True)

    issuer: str = Field(
        "http://localhost:8000", description="Public address of this provider; every URL is made from it"
    )
    name: str = Field("idp", description="What people know this provider as; shown on every page")
    accent_color: str = Field("#0b5fff", description="Accent of the pages; refused if its contrast is too low")
    data_dir: Path = Field(Path("data"), description="Where the embedded database and development key live")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite in the data directory")
    database_pool_size: int = Field(8, ge=1, le=200, description="Connections each worker process keeps at most")
    database_pooler: Literal["none", "transaction"] = Field(
        "none", description="What stands before PostgreSQL; 'transaction' for PgBouncer in transaction mode"
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis for the hot copy of sessions: one server, Sentinel, Cluster"
    )
    redis_replicas: int = Field(0, ge=0, le=10, description="Replicas that must confirm an ending, of each primary")
    metrics_token: SecretStr | None = Field(None, description="Bearer token of /metrics; without it there is none")
    master_key: SecretStr | None = Field(None, description="32 random bytes, base64url; older ones follow after commas")
    master_key_file: Path | None = Field(None, description="File that holds the master key")
    streams_url: str = Field(
        "", description="Address of 'idp serve --streams', ending in /revocations; empty: a proxy sends it there"
    )
    streams_limit: int = Field(
        2000, ge=2, le=100_000, description="Streams held by one process of 'idp serve --streams'"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    client_certificate_header: str = Field(
        "", description="Header in which these proxies say the client's TLS certificate, e.g. ClientCert; empty: none"
    )
    client_certificate_authorities: Path | None = Field(
        None, description="PEM file of the authorities of tls_client_auth (RFC 8705); without it that method is off"
    )
    mtls_url: str = Field("", description="Where the proxies ask for client certificates, if elsewhere than IDP_ISSUER")
    smtp_url: SecretStr | None = Field(None, description="Mail server: smtp://user:password@host:port, or smtps://")
    mail_from: str = Field("", description="Sender of mails, if there is a mail server")
    pkce_required: Literal["all", "public"] = Field("all", description="Who must send a code_challenge")
    require_pushed_requests: bool = Field(False, description="Must every client push its requests (RFC 9126)?")
    client_registration: Literal["open", "token", "closed"] = Field("closed", description="Who may register clients")
    client_registration_token: SecretStr | None = Field(
        None, description="An initial access token without end, if 'token'"
    )
    software_statement_issuers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Whose software statements count at registration: 'issuer=URL of its key set', …"
    )
    software_statement_required: bool = Field(False, description="Does registration need a software statement?")
    client_id_documents: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts (with a port but for 443) whose Client ID Metadata Documents are clients here; '*' for any",
    )
    user_registration: bool = Field(True, description="May people create accounts on the sign-in page?")
    fetch_private_networks: bool = Field(False, description="May we fetch client URLs at private addresses?")
    assertion_audience: Literal["issuer", "endpoint"] = Field(
        "endpoint", description="What client assertions may name in aud: endpoints too (RFC 9126), or the issuer alone"
    )
    dpop_nonce: bool = Field(False, description="Must DPoP proofs name a nonce that we gave (RFC 9449 section 8)?")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged")

    access_token_life: int = Field(15 * MINUTE, ge=30, le=_LONGEST_LIFE, description="Life of access tokens")
    id_token_life: int = Field(15 * MINUTE, ge=30, le=DAY, description="Life of ID tokens")
    code_life: int = Field(60, ge=5, le=60, description="Life of authorization codes (ASVS 10.4.3)")
    pushed_request_life: int = Field(60, ge=5, le=600, description="Life of a pushed request_uri (RFC 9126)")
    refresh_idle_life: int = Field(30 * DAY, ge=60, description="A refresh token unused for so long is dead")
    refresh_absolute_life: int = Field(365 * DAY, ge=60, description="No refresh family lives longer")
    refresh_grace: int = Field(
        30, ge=0, le=300, description="Within it the last refresh token may be retried; 0 is strict"
    )
    session_idle_life: int = Field(14 * DAY, ge=60, description="A session unused for so long ends")
    session_absolute_life: int = Field(90 * DAY, ge=60, description="No session lives longer")
    session_remember_life: int = Field(30 * DAY, ge=60, description="Idle life and cookie life of 'keep me signed in'")
    proof_life: int = Field(10 * MINUTE, ge=30, le=HOUR, description="How fresh a proof ending other sessions needs")
    interaction_life: int = Field(60 * MINUTE, ge=20 * MINUTE, le=DAY, description="How long a sign-in may take")
    signing_algs: Annotated[tuple[str, ...], NoDecode] = Field(
        (DEFAULT_ALG, "ES256", "EdDSA"), description="Algorithms that clients may choose for what we sign; RS256 always"
    )
    key_rotation: int = Field(90 * DAY, ge=HOUR, description="Age at which a signing key is replaced")
    jwks_max_age: int = Field(5 * MINUTE, ge=0, le=HOUR, description="How long others may cache the JWKS")
    housekeeping: bool = Field(True, description="Do the work of 'idp worker' inside 'idp serve' too")

    @field_validator(
        "trusted_proxies", "client_id_documents", "software_statement_issuers", "signing_algs", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("signing_algs")
    @classmethod
    def _algs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """RS256 first, whatever is said: it is what a client gets that names none."""
        if unknown := [alg for alg in value if alg not in SIGNING_ALGS]:
            raise ValueError(f"{unknown[0]} is not one of {', '.join(SIGNING_ALGS)}")
        return tuple(dict.fromkeys((DEFAULT_ALG, *value)))

    # ── derived ──────────────────────────────────────────────────────────────────────────────────

    @property
    def secure(self) -> bool:
        """Is the issuer https, and so every cookie ``Secure`` with the ``__Host-`` prefix?"""
        return self.issuer.startswith("https:")

    @property
    def host(self) -> str:
        """The ``Host`` under which we are asked, as the issuer spells it."""
        return urlsplit(self.issuer).netloc

    @property
    def mtls_host(self) -> str | None:
        """The ``Host`` of requests to ``mtls_url``."""
        return urlsplit(self.mtls_url).netloc.lower() or None

    @property
    def path_prefix(self) -> str:
        """The path of the issuer, '' for a root issuer; every endpoint stands beneath it."""
        return urlsplit(self.issuer).path

    @property
    def pooled(self) -> bool:
        """Does a pooler hand out connections to the database transaction by transaction?"""
        return self.database_pooler == "transaction"

    @property
    def sql_url(self) -> str:
        """The database in use. A path is made absolute here, for each library has its own idea of where it starts."""
        if not self.database_url:
            return f"{_SQLITE}{(self.data_dir / 'idp.sqlite').absolute()}"
        if not self.database_url.startswith(_SQLITE):
            return self.database_url
        path, mark, query = self.database_url.removeprefix(_SQLITE).partition("?")
        return f"{_SQLITE}{Path(path).absolute()}{mark}{query}"

    def url(self, path: str) -> str:
        """An absolute URL of ours; made from the issuer, never from a request (CVE-2025-64101)."""
        return self.issuer + path

    def urls(self, path: str) -> tuple[str, ...]:
        """Every address of an endpoint: ours, and that for clients with certificates (RFC 8705 section 5)."""
        return (self.url(path), self.mtls_url + path) if self.mtls_url else (self.url(path),)

    @property
    def auth_methods(self) -> tuple[AuthMethod, ...]:
        """How clients may authenticate here: by certificate only where one can be seen."""
        missing = set() if self.client_certificate_authorities else {AuthMethod.TLS}
        if not self.client_certificate_header:
            missing = {AuthMethod.TLS, AuthMethod.SELF_SIGNED_TLS}
        return tuple(method for method in AuthMethod if method not in missing)

    @property
    def revocations_urls(self) -> tuple[str, ...]:
        """Every address of the revocation log: a proxy may send ours to where the streams are."""
        return self.revocations_url, self.url("/revocations")

    @property
    def revocations_url(self) -> str:
        """Where resource servers follow the revocation log."""
        return self.streams_url or self.url("/revocations")

    @property
    def statement_issuers(self) -> dict[str, str]:
        """By issuer of software statements, where its keys are."""
        pairs = (entry.partition("=") for entry in self.software_statement_issuers)
        return {issuer.strip(): uri.strip() for issuer, _sign, uri in pairs}

    def proxy_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The proxies we were told of."""
        return [ipaddress.ip_network(network, strict=False) for network in self.trusted_proxies]

    def problems(self) -> list[str]:
        """Everything wrong that single fields cannot see."""
        return [
            *issuer_problems(self.issuer), *self._proxy_problems(), *self._key_problems(),
            *self._database_problems(), *_redis_problems(self.redis_url), *self._life_problems(),
            *self._statement_problems(),
            *streams_problems(self.issuer, self.streams_url), *self._certificate_problems(),
            *mail_server.problems(self.smtp_url.get_secret_value() if self.smtp_url else None, self.mail_from),
        ]  # fmt: skip

    def _proxy_problems(self) -> list[str]:
        try:
            self.proxy_networks()
        except ValueError as error:
            return [f"IDP_TRUSTED_PROXIES: {error}; list addresses or networks, separated by commas"]
        return []

    def _certificate_problems(self) -> list[str]:
        header, problems = self.client_certificate_header, []
        if header and not self.trusted_proxies:
            problems.append("IDP_CLIENT_CERTIFICATE_HEADER needs IDP_TRUSTED_PROXIES: who may be believed")
        if header and not _HEADER.fullmatch(header):
            problems.append(
                "IDP_CLIENT_CERTIFICATE_HEADER must be a header's name of letters and digits, e.g. ClientCert: "
                "one with a hyphen can be imitated with an underscore"
            )
        if not header and (self.client_certificate_authorities or self.mtls_url):
            problems.append("IDP_CLIENT_CERTIFICATE_AUTHORITIES and IDP_MTLS_URL need IDP_CLIENT_CERTIFICATE_HEADER")
        if self.client_certificate_authorities and not self.client_certificate_authorities.is_file():
            problems.append("IDP_CLIENT_CERTIFICATE_AUTHORITIES names no file that is there")
        return [*problems, *mtls_problems(self.issuer, self.mtls_url)]

    def _key_problems(self) -> list[str]:
        try:
            self.master_keys()
        except ConfigurationError as error:
            return error.problems
        return []

    def _statement_problems(self) -> list[str]:
        """Keys come over TLS, or from this machine."""
        problems = []
        for issuer, uri in self.statement_issuers.items():
            if not issuer or not uri.startswith(("https://", "http://")):
                problems.append("IDP_SOFTWARE_STATEMENT_ISSUERS: use issuer=https://issuer.example/jwks.json, …")
            elif uri.startswith("http://") and not self.fetch_private_networks:
                problems.append(f"IDP_SOFTWARE_STATEMENT_ISSUERS: the keys of {issuer} must be fetched by https")
        if self.software_statement_required and not self.software_statement_issuers:
            problems.append("IDP_SOFTWARE_STATEMENT_REQUIRED needs IDP_SOFTWARE_STATEMENT_ISSUERS")
        return problems

    def _life_problems(self) -> list[str]:
        problems = []
        if self.refresh_idle_life > self.refresh_absolute_life:
            problems.append("IDP_REFRESH_IDLE_LIFE is longer than IDP_REFRESH_ABSOLUTE_LIFE; lower it")
        return problems

    def _database_problems(self) -> list[str]:
        """Without the URL, which may have a password in it."""
        file, server = self.database_url.removeprefix(_SQLITE), self.database_url.removeprefix(_POSTGRESQL)
        if not self.database_url or (server != self.database_url and _SERVER.fullmatch(server)):
            return []
        if file != self.database_url and not file.startswith(("?", "file:", ":memory:")) and file:
            return []
        return ["IDP_DATABASE_URL: use sqlite:///path or postgresql+psycopg://user:password@host:port/name"]

    # ── the master key ───────────────────────────────────────────────────────────────────────────

    def master_keys(self) -> MasterKeys:
        """The keys in force. On loopback a missing one is made and kept in the data directory."""
        text = self._master_key_text()
        return MasterKeys([_decode_key(part) for part in text.replace(",", " ").split()])

    def _master_key_text(self) -> str:
        if self.master_key is not None:
            return self.master_key.get_secret_value()
        path = self.master_key_file or (None if self.secure else self.data_dir / "master.key")
        if path is None:
            raise ConfigurationError([_NO_KEY])
        if self.master_key_file is None:
            _make_development_key(path)
        try:
            return path.read_text(errors="replace").strip()
        except OSError as error:
            raise ConfigurationError([f"IDP_MASTER_KEY_FILE: {path} cannot be read ({error.strerror})"]) from None


_SQLITE, _POSTGRESQL = "sqlite:///", "postgresql+psycopg://"
_SERVER = re.compile(r"([^:/]*(:[^@]*)?@)?(\[[^/?]+\]|[^:/?]+)?(:[0-9]*)?(/[^?]*)?(\?.*)?", re.DOTALL)
"""What follows, as SQLAlchemy reads it; a URL that it cannot read is told before it is tried."""

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
"""No hyphen: WSGI has one name for ``Client-Cert``, which the proxy writes, and ``Client_Cert``, which anybody may."""
_REDIS_FORMS = (
    "use redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/service "
    "or redis+cluster://host:port,host:port"
)
_HOSTS = r"(?:[^@/?]*@)?[^@/?,:\[\]]*(?:\[[0-9a-fA-F:.]+\])?(?::[0-9]{1,5})?"
_REDIS = re.compile(
    rf"rediss?://{_HOSTS}(?:/[0-9]*)?(?:\?.*)?"
    rf"|rediss?\+cluster://{_HOSTS}(?:,{_HOSTS})*/?(?:\?.*)?"
    rf"|rediss?\+sentinel://{_HOSTS}(?:,{_HOSTS})*/[^/?]+(?:\?.*)?"
)

_NO_KEY = (
    "IDP_MASTER_KEY (or IDP_MASTER_KEY_FILE) is missing: make one with `idp key master` "
    "and keep a copy outside this machine"
)


def load(**overrides: Any) -> Settings:
    """Read the environment and check it whole. Raises ConfigurationError with every problem."""
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError([_problem(entry) for entry in error.errors()]) from None
    if problems := settings.problems():
        raise ConfigurationError(problems)
    return settings


def _problem(entry: Any) -> str:
    name = "IDP_" + "_".join(str(part) for part in entry["loc"]).upper()
    return f"{name}: {entry['msg']}"


def _redis_problems(url: SecretStr | None) -> list[str]:
    """Without the URL, which may have a password in it."""
    if url is None or _REDIS.fullmatch(url.get_secret_value()):
        return []
    return [f"IDP_REDIS_URL: {_REDIS_FORMS}"]


def _decode_key(text: str) -> MasterKey:
    try:
        secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigurationError([f"IDP_MASTER_KEY must be {KEY_BYTES} bytes in base64url; `idp key master` makes one"])
    return MasterKey(secret)


def _make_development_key(path: Path) -> None:
    """Make the key unless there is one. Raises ConfigurationError where that cannot be."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_key(path)
    except OSError as error:
        advice = "make it a directory of this user's own, or name another"
        raise ConfigurationError([f"IDP_DATA_DIR: {path.parent} cannot be used ({error.strerror}); {advice}"]) from None


def _write_key(path: Path) -> None:
    """Of several processes that start at once one alone wins, and nobody reads half a key.

    Nobody can guess the draft's name and have a file or a link of theirs waiting there.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode() + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
