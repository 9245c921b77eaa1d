"""Every command on users, clients, resources, keys and sessions, over the real services."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from idp.storage.sessions import SqlSessions
from tests.cli.conftest import PASSWORD, Idp, Ran

EMAIL = "ada@example.com"
REDIRECT = ("--redirect-uri", "https://app.example.com/callback")


@pytest.fixture
def ada(idp: Idp) -> Ran:
    ran = idp("user", "create", EMAIL, "--name", "Ada", "--password-stdin", "--json", stdin=PASSWORD + "\n")
    assert ran.code == 0, ran.err
    return ran


def created(idp: Idp, *options: str) -> Any:
    ran = idp("client", "create", "Notes", *REDIRECT, *options, "--json")
    assert ran.code == 0, ran.err
    return ran.json()


# ── users ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_user_is_created_and_listed_without_the_password(idp: Idp, ada: Ran) -> None:
    people, rows = idp("user", "list"), idp("user", "list", "--json")
    assert EMAIL in people.out
    assert "EMAIL" in people.out
    assert [row["id"] for row in rows.json()] == [ada.json()["id"]]
    assert "argon2" not in people.out + rows.out + ada.out
    assert PASSWORD not in ada.out + ada.err


def test_claims_are_kept(idp: Idp) -> None:
    ran = idp("user", "create", EMAIL, "--claim", "locale=de", "--claim", 'address={"country": "DE"}',
              "--password-stdin", "--json", stdin=PASSWORD)  # fmt: skip
    assert ran.json()["claims"] == {"locale": "de", "address": {"country": "DE"}}


def test_a_taken_address_and_a_weak_password_are_refused(idp: Idp, ada: Ran) -> None:
    taken = idp("user", "create", EMAIL.upper(), "--password-stdin", stdin=PASSWORD)
    weak = idp("user", "create", "bob@example.com", "--password-stdin", stdin="123")
    assert (taken.code, taken.out, weak.code) == (1, "", 1)
    assert "password: " in weak.err


def test_without_a_terminal_a_password_must_be_piped(idp: Idp) -> None:
    ran = idp("user", "create", EMAIL)
    assert ran.code == 1
    assert "--password-stdin" in ran.err


@pytest.mark.usefixtures("ada")
def test_the_life_of_an_account(idp: Idp) -> None:
    assert idp("user", "disable", EMAIL).code == 0
    assert idp("user", "list", "--json").json()[0]["state"] == "disabled"
    assert idp("user", "enable", EMAIL).code == 0
    assert idp("user", "set-password", EMAIL, "--password-stdin", stdin="another good password!").code == 0
    assert idp("user", "delete", EMAIL).code == 0
    assert idp("user", "list", "--json").json() == []
    gone = idp("user", "delete", EMAIL)
    assert (gone.code, gone.err) == (1, f"idp: not found: {EMAIL}\n")


# ── clients ───────────────────────────────────────────────────────────────────────────────────────


def test_the_secret_of_a_client_is_shown_once(idp: Idp) -> None:
    made = created(idp, "--client-id", "notes")
    assert made["client_id"] == "notes"
    assert len(made["client_secret"]) >= 43
    for ran in (idp("client", "show", "notes"), idp("client", "list"), idp("client", "list", "--json")):
        assert ran.code == 0
        assert made["client_secret"] not in ran.out
        assert "Notes" in ran.out


def test_a_public_client_has_no_secret(idp: Idp) -> None:
    made = created(idp, "--auth-method", "none", "--member", "client_uri=https://app.example.com")
    assert "client_secret" not in made
    assert made["client_uri"] == "https://app.example.com"
    assert idp("client", "rotate-secret", made["client_id"]).code == 1


def test_what_only_an_operator_decides(idp: Idp) -> None:
    made = created(idp, "--trusted", "yes", "--pkce-required", "no", "--refresh-grace", "0")
    assert (made["trusted"], made["pkce_required"], made["refresh_grace"]) == (True, False, 0)
    back = idp("client", "update", made["client_id"], "--trusted", "no", "--pkce-required", "default",
               "--refresh-grace", "default", "--json").json()  # fmt: skip
    assert (back["trusted"], back["pkce_required"], back["refresh_grace"]) == (False, "default", "default")


def test_an_update_leaves_the_rest(idp: Idp) -> None:
    client_id = created(idp)["client_id"]
    changed = idp("client", "update", client_id, "--name", "Diary", "--json").json()
    assert changed["client_name"] == "Diary"
    assert changed["redirect_uris"] == [REDIRECT[1]]
    assert idp("client", "update", client_id).code == 1


def test_the_life_of_a_client(idp: Idp) -> None:
    made = created(idp)
    client_id = made["client_id"]
    rotated = idp("client", "rotate-secret", client_id, "--json").json()
    assert rotated["client_secret"] != made["client_secret"]
    assert idp("client", "disable", client_id).code == 0
    assert idp("client", "show", client_id, "--json").json()["state"] == "disabled"
    assert idp("client", "enable", client_id).code == 0
    assert idp("client", "delete", client_id).code == 0
    assert idp("client", "show", client_id).code == 1


def test_a_bad_redirect_uri_is_refused(idp: Idp) -> None:
    ran = idp("client", "create", "Bad", "--redirect-uri", "javascript:alert(1)")
    assert (ran.code, ran.out) == (1, "")
    assert "redirect_uri" in ran.err


# ── resources ─────────────────────────────────────────────────────────────────────────────────────


def test_the_life_of_a_resource(idp: Idp) -> None:
    api = "https://api.example.com/"
    server = created(idp)["client_id"]
    made = idp("resource", "create", api, "--name", "Notes", "--scope", "notes:read=Read your notes",
               "--client-id", server, "--json")  # fmt: skip
    assert made.code == 0, made.err
    assert made.json()["scopes"] == {"notes:read": "Read your notes"}
    assert idp("resource", "list", "--json").json()[0]["client_id"] == server
    assert "notes:read" in idp("resource", "list").out
    assert idp("resource", "create", api, "--name", "Again").code == 1
    assert idp("resource", "delete", api).code == 0
    assert idp("resource", "delete", api).code == 1


def test_the_life_of_a_detail_type(idp: Idp) -> None:
    api = "https://api.example.com/"
    assert idp("resource", "create", api, "--name", "Bank").code == 0
    words = ("detail-type", "create", "payment", "--sentence", "Make this payment", "--resource")
    assert idp(*words, "https://other.example/").code == 1
    assert idp(*words, api, "--members", '{"properties": {"amount": {"type": "money"}}}').code == 1
    assert idp(*words, api, "--members", "[]").code == 2
    made = idp(*words, api, "--members", '{"properties": {"amount": {"type": "string"}}}', "--json")
    assert made.json()["members"] == {"properties": {"amount": {"type": "string"}}}
    assert idp(*words, api).code == 1
    assert "Make this payment" in idp("detail-type", "list").out
    assert idp("detail-type", "delete", "payment").code == 0
    assert idp("detail-type", "delete", "payment").code == 1


def test_what_is_known_of_a_person_is_set_and_removed(idp: Idp, ada: Ran) -> None:
    address = 'address={"country": "GB"}'
    set_to = ("--claim", "birthdate=1815", "--claim", "phone_number=+44 20 7946 0000", "--claim", address)
    found = idp("user", "set", EMAIL, *set_to, "--json").json()["claims"]
    assert found == {
        "name": "Ada", "birthdate": "1815", "phone_number": "+44 20 7946 0000", "address": {"country": "GB"},
    }  # fmt: skip
    wrong = idp("user", "set", EMAIL, "--claim", "sub=x", "--claim", "nickname=A")
    assert (wrong.code, wrong.out) == (1, "")
    assert "sub: There is no such entry." in wrong.err
    assert "birthdate" not in idp("user", "set", EMAIL, "--claim", "birthdate=", "--json").json()["claims"]
    strange = idp("user", "create", "b@example.com", "--claim", "iss=x", "--password-stdin", stdin=PASSWORD)
    assert strange.code == 1


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────


def states(idp: Idp) -> list[str]:
    return sorted(row["state"] for row in idp("key", "list", "--json").json())


def test_a_key_must_have_been_published_before_it_signs(idp: Idp) -> None:
    assert states(idp) == ["active"] * 3 + ["announced"] * 3, "of each algorithm"
    early = idp("key", "rotate")
    assert (early.code, early.out) == (1, "")
    assert "--force" in early.err
    assert idp("key", "rotate", "--force").code == 0
    assert states(idp) == ["active"] * 3 + ["announced"] * 3 + ["retired"] * 3
    one = idp("key", "rotate", "--alg", "ES256", "--force", "--json").json()
    assert [row["alg"] for row in one] == ["ES256"]
    assert "private" not in idp("key", "list", "--json").out


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────


def test_nobody_signed_in_has_no_session(idp: Idp, ada: Ran) -> None:
    assert idp("session", "list", EMAIL).out == "Nothing to show.\n"
    assert json.loads(idp("session", "list", EMAIL, "--json").out) == []
    assert idp("session", "end", "--user", EMAIL).out == "Nothing was open there.\n"
    assert idp("session", "list", "nobody@example.com").code == 1


@pytest.mark.parametrize("target", [("00000000-0000-4000-8000-000000000000",), ("--sid", "0" * 32)])
def test_a_session_that_never_was_is_not_found(idp: Idp, target: tuple[str, ...]) -> None:
    ran = idp("session", "end", *target)
    assert ran.code == 1
    assert "not found" in ran.err


# ── a hot copy that does not confirm ──────────────────────────────────────────────────────────────


def test_an_operator_hears_that_it_is_done_when_it_is(idp: Idp, ada: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers where Redis should be: the command waits until no lease can stand."""
    waited: list[float] = []
    monkeypatch.setattr("idp.cli.runtime.sleep", waited.append)
    monkeypatch.setenv("IDP_REDIS_URL", "redis://127.0.0.1:1")
    client_id = created(idp)["client_id"]
    assert idp("client", "disable", client_id).code == 0
    assert waited == []  # it held nothing that could be taken for live
    monkeypatch.setattr(SqlSessions, "lately_ended", lambda *_: [uuid4()])
    assert "every session has ended" in idp("user", "disable", EMAIL).out
    assert idp("session", "end", "--user", EMAIL).code == 0
    assert idp("client", "enable", client_id).code == 0
    assert idp("client", "delete", client_id).code == 0
    assert [2.5 < seconds <= 2.75 for seconds in waited] == [True] * 4, "enabling ends what disabling did not see"


# ── initial access tokens ─────────────────────────────────────────────────────────────────────────


def test_an_initial_access_token_is_shown_once_listed_and_revoked(idp: Idp) -> None:
    made = idp("initial-access-token", "create", "the build farm", "--quota", "5", "--days", "7", "--json")
    assert made.code == 0, made.err
    token = made.json()["initial_access_token"]
    listed = idp("initial-access-token", "list", "--json")
    assert [(row["id"], row["used"], row["quota"], row["state"]) for row in listed.json()] == [
        (made.json()["id"], 0, 5, "valid")
    ]
    assert token not in listed.out
    assert idp("initial-access-token", "revoke", made.json()["id"]).code == 0
    assert idp("initial-access-token", "list", "--json").json()[0]["state"] == "over"
    assert idp("initial-access-token", "revoke", made.json()["id"]).code == 1
    assert idp("initial-access-token", "create", "x", "--days", "4000").code == 1


# ── trusted issuers ───────────────────────────────────────────────────────────────────────────────


def test_the_life_of_a_trusted_issuer(idp: Idp) -> None:
    client = created(idp)["client_id"]
    idp("resource", "create", "https://api.example.com/", "--name", "Notes", "--scope", "notes:read=Read your notes")
    trust = ("issuer", "create", "https://works.example", "--client", client, "--scope", "notes:read")
    made = idp(*trust, "--jwks-uri", "https://works.example/jwks", "--json")
    assert made.code == 0, made.err
    assert (made.json()["clients"], made.json()["subject"]) == ([client], "email")
    assert "works.example" in idp("issuer", "list").out
    assert idp(*trust, "--jwks-uri", "https://works.example/jwks").code == 1
    assert idp(*trust, "--jwks-uri", "ftp://works.example/jwks").code == 1
    assert idp(*trust).code == 2
    assert idp("issuer", "delete", "https://works.example").code == 0
    assert idp("issuer", "delete", "https://works.example").code == 1


def test_what_a_client_may_exchange_tokens_for(idp: Idp) -> None:
    client = created(idp)["client_id"]
    target = ("--exchange-target", "https://store.example")
    made = idp("client", "update", client, *target, "--exchange-manner", "impersonation", "--json")
    assert made.json()["exchange"]["targets"] == ["https://store.example"]
    assert made.json()["exchange"]["impersonation"]
    assert not made.json()["exchange"]["delegation"]
    assert idp("client", "update", client, "--exchange-manner", "delegation").code == 1
    assert idp("client", "update", client, "--exchange-target", "", "--json").json()["exchange"] is None
    named = idp("client", "update", client, "--exchange-actor", "store-api", "--json").json()["exchange"]
    assert (named["may_act"], named["targets"], named["delegation"]) == ("store-api", [], False)
    assert idp("client", "update", client, "--exchange-actor", "", "--json").json()["exchange"] is None
