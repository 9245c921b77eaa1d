"""What loses its transaction is done again (reliability.md F-26): the middleware, and a provider on PostgreSQL."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Engine, create_engine, text

from idp import jose
from idp.again import REPEATS, Again, claims_of, note, until_kept
from idp.cli import main
from idp.errors import LostTransaction, Unavailable
from idp.paths import MIGRATIONS
from idp.storage.database import Database, engine_options
from idp.storage.migrate import upgrade

from .postgres import PostgresServer
from .provider import ISSUER, MASTER_KEY, App, Provider, answered, running

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


# ── the middleware ───────────────────────────────────────────────────────────────────────────────


class Losing:
    """A WSGI application that loses its transaction ``losses`` times."""

    def __init__(self, losses: int, error: Exception | None = None) -> None:
        self.losses, self.error = losses, error or LostTransaction("deadlock")
        self.bodies: list[bytes] = []
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
        assert "seen" not in environ, "each attempt gets an environment of its own"
        environ["seen"] = True
        self.bodies.append(environ["wsgi.input"].read())
        claims_of(environ).add(len(self.bodies))
        if len(self.bodies) <= self.losses:
            note(environ, self.error)
            start_response("503 Service Unavailable", [("Retry-After", "2")])
            return Closing(self, [b"lost"])
        start_response("200 OK", [("Claims", str(sorted(claims_of(environ))))])
        return Closing(self, [b"kept"])


class Closing(list[bytes]):
    """An answer that counts its ``close`` (PEP 3333)."""

    def __init__(self, application: Losing, parts: list[bytes]) -> None:
        super().__init__(parts)
        self._application = application

    def close(self) -> None:
        self._application.closed += 1


def ask(application: Losing) -> tuple[str, dict[str, str], bytes]:
    seen: list[Any] = []
    answer = Again(application)({"wsgi.input": io.BytesIO(b"body")}, lambda *arguments: seen.append(arguments))  # type: ignore[arg-type,misc,return-value,func-returns-value]
    [(status, headers)] = seen
    return status, dict(headers), b"".join(answer)


@pytest.mark.parametrize("losses", range(REPEATS + 1))
def test_a_request_is_done_again_with_the_same_body(losses: int) -> None:
    application = Losing(losses)
    status, headers, body = ask(application)
    assert (status, body) == ("200 OK", b"kept")
    assert application.bodies == [b"body"] * (losses + 1)
    assert application.closed == losses, "what nobody is shown is closed"
    assert headers["Claims"] == str(list(range(1, losses + 2))), "claims are the request's, not the attempt's"


def test_the_last_answer_stands() -> None:
    application = Losing(99)
    status, headers, _ = ask(application)
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "2")
    assert len(application.bodies) == REPEATS + 1


def test_a_backend_that_does_not_answer_is_not_asked_again() -> None:
    """Whether it was done is unknown, and whoever waits has waited long enough."""
    application = Losing(1, Unavailable("no answer in time"))
    assert ask(application)[0] == "503 Service Unavailable"
    assert len(application.bodies) == 1


def test_what_is_no_request_is_done_again_too() -> None:
    losses = iter([True] * REPEATS)

    def act() -> str:
        if next(losses, False):
            raise LostTransaction("deadlock")
        return "done"

    assert until_kept(act) == "done"
    losses = iter([True] * (REPEATS + 1))
    with pytest.raises(LostTransaction):
        until_kept(act)


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def engine(postgres: PostgresServer) -> Iterator[Engine]:
    url = postgres.new_database()
    made = create_engine(url, **engine_options(url, 8))
    upgrade(made, MIGRATIONS)
    with made.connect() as connection:
        connection.exec_driver_sql(_LOSE)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def provider(engine: Engine) -> Iterator[Provider]:
    with running(engine.url.render_as_string(hide_password=False)) as made:
        yield made


# Which transactions are lost: of a length that no life of a session is a multiple of, so that each step meets it.
FIFTH = "1000010000001100000001000010000000100"
TWO_FIFTHS = "0110010100111001000110010100110100010"
ALL = "1" * 37
_LOSE = """
CREATE SEQUENCE losses;
CREATE SEQUENCE attempts;
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('test.looked', true) = txid_current()::text THEN RETURN NULL; END IF;
  PERFORM set_config('test.looked', txid_current()::text, true);
  IF substr(current_setting('test.pattern'), 1 + mod(nextval('attempts'), 37)::int, 1) = '1' THEN
    RAISE 'lost for a test' USING ERRCODE = CASE WHEN mod(nextval('losses'), 2) = 0 THEN '40001' ELSE '40P01' END;
  END IF;
  RETURN NULL;
END $$;
"""


@contextmanager
def losing(engine: Engine, pattern: str) -> Iterator[None]:
    """Transactions that write are lost at their COMMIT where the pattern says 1, and so are single statements."""
    name = engine.url.database
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET test.pattern = '{pattern}'")
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        for table in tables:
            connection.exec_driver_sql(
                f"CREATE CONSTRAINT TRIGGER lose AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()"
            )
    engine.dispose()
    try:
        yield
    finally:
        with engine.connect() as connection:
            for table in tables:
                connection.exec_driver_sql(f"DROP TRIGGER lose ON {table}")


def losses(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT last_value FROM losses")).scalar_one())


@pytest.mark.slow
@pytest.mark.promise("P4")
@pytest.mark.parametrize("pattern", [FIFTH, TWO_FIFTHS])
def test_transactions_lost_at_commit_are_done_again_and_nothing_twice(
    provider: Provider, engine: Engine, pattern: str
) -> None:
    """F-26: 20 % (and 40 %) of commits fail with 40001 or 40P01; no answer shows it, no row is doubled."""
    provider.engine.dispose()
    app, user = provider.register(trusted=True), provider.person()
    rounds, before = 25, (provider.counts(), losses(engine))
    with losing(engine, pattern):
        provider.engine.dispose()
        for _ in range(rounds):
            one_life(provider, app, until_kept(lambda: provider.sign_in(user)))
    after = provider.counts()
    assert losses(engine) - before[1] > rounds * pattern.count("1") / 37
    grown = {name: after[name] - before[0][name] for name in after}
    assert grown["sessions"] == grown["client_sessions"] == grown["refresh_families"] == grown["codes"] == rounds
    assert grown["revocations"] == rounds, "each ending once"


def one_life(provider: Provider, app: App, browser: Any) -> None:
    """A code, tokens, two refreshes and a lost answer, an ending: each answered as if nothing had been lost."""
    tokens = answered(provider.redeem(app, until_kept(lambda: provider.code(app, browser))))
    first = answered(provider.refresh(app, tokens["refresh_token"]))
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert again["refresh_token"] == first["refresh_token"]
    second = answered(provider.refresh(app, first["refresh_token"]))
    assert provider.active(app, second["access_token"])
    assert provider.revoke(app, second["refresh_token"]).status_code == 200
    assert not provider.active(app, second["access_token"])


@pytest.mark.promise("P4")
def test_a_client_assertion_is_used_once_by_its_sender_however_often_we_try(provider: Provider, engine: Engine) -> None:
    jwk = jose.public_jwk(RSA_KEY, "RS256")
    app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [jwk]})
    user = provider.person()
    with losing(engine, TWO_FIFTHS):
        provider.engine.dispose()
        for number in range(20):
            code = until_kept(lambda: provider.code(app, provider.sign_in(user)))
            now = int(provider.clock.now().timestamp())
            claims = {"iss": app.id, "sub": app.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": f"{number}"}
            proof = jwt.encode(claims, RSA_KEY, algorithm="RS256", headers={"kid": jwk["kid"]})
            members = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}
            tokens = answered(provider.redeem(app, code, **members))
            replay = provider.post("/revoke", {"token": tokens["access_token"], **members})
            assert (replay.status_code, (replay.json or {})["error"]) == (401, "invalid_client")


def test_when_everything_is_lost_it_is_503_and_nothing_has_happened(provider: Provider, engine: Engine) -> None:
    app, user = provider.register(trusted=True), provider.person()
    browser = provider.sign_in(user)
    code = provider.code(app, browser)
    with losing(engine, ALL):
        provider.engine.dispose()
        with provider.nothing_changes():
            refused = provider.redeem(app, code)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    provider.engine.dispose()
    assert provider.redeem(app, code).status_code == 200


def test_a_command_begins_again_without_asking_for_the_password_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IDP_ISSUER", ISSUER)
    monkeypatch.setenv("IDP_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("IDP_MASTER_KEY", MASTER_KEY)
    with losing(engine, TWO_FIFTHS):
        for number in range(5):
            monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
            assert main(["user", "create", f"again{number}@example.com", "--password-stdin", "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["email"] == f"again{number}@example.com"


@pytest.mark.slow
def test_a_deadlock_is_lost_by_one_and_then_done(engine: Engine) -> None:
    """The server finds it after ``deadlock_timeout``, which must be shorter than our ``lock_timeout``."""
    name = engine.url.database
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET deadlock_timeout = '100ms'")
        connection.exec_driver_sql(
            "CREATE TABLE locks (id int PRIMARY KEY, n int); INSERT INTO locks VALUES (1,0),(2,0)"
        )
    engine.dispose()
    database, both_hold, attempts = Database(engine), threading.Barrier(2), []
    update = text("UPDATE locks SET n = n + 1 WHERE id = :id")

    def cross(first: int, second: int) -> None:
        with database.work():
            attempts.append(first)
            database.count(update, {"id": first})
            if len(attempts) <= 2:
                both_hold.wait(10)
            database.count(update, {"id": second})

    threads = [threading.Thread(target=until_kept, args=(lambda pair=pair: cross(*pair),)) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [row[0] for row in database.rows(text("SELECT n FROM locks ORDER BY id"))] == [2, 2]
    assert len(attempts) == 3
