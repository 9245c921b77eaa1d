"""PKCE as pure functions (RFC 7636)."""

from __future__ import annotations

import hashlib

import pytest

from idp.domain.client import AuthMethod
from idp.errors import ProtocolError
from idp.oauth.rfc7636_pkce import METHODS, check_verifier, read_challenge, required

from ..builders import a_client
from ..provider import CHALLENGE, VERIFIER, b64url

CONFIDENTIAL = a_client()
PUBLIC = a_client(token_endpoint_auth_method=AuthMethod.NONE)


@pytest.mark.spec("RFC 7636", "B")
def test_the_published_example() -> None:
    check_verifier(CHALLENGE, VERIFIER)
    assert METHODS == ("S256",)


@pytest.mark.spec("RFC 7636", "4.6")
@pytest.mark.parametrize(
    "verifier",
    [None, "", CHALLENGE, VERIFIER[:-1], VERIFIER + "A", VERIFIER.lower(), "x" * 43, "x" * 129, "x" * 42,
     VERIFIER + "\n", VERIFIER + "=", "é" * 43, "\ud800" * 43, "+" * 43],
)  # fmt: skip
def test_any_other_verifier_is_refused(verifier: str | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_verifier(CHALLENGE, verifier)
    assert caught.value.error == "invalid_grant"


@pytest.mark.spec("RFC 7636", "4.1")
@pytest.mark.parametrize("verifier", ["x", "x" * 42, "x" * 129, "+" * 43, VERIFIER + "="])
def test_a_verifier_of_another_form_is_refused_although_it_fits(verifier: str) -> None:
    challenge = b64url(hashlib.sha256(verifier.encode()).digest())
    with pytest.raises(ProtocolError) as caught:
        check_verifier(challenge, verifier)
    assert caught.value.error == "invalid_grant"


@pytest.mark.spec("RFC 9700", "4.8.2")
def test_a_verifier_without_a_challenge_tells_of_a_downgrade() -> None:
    check_verifier(None, None)
    with pytest.raises(ProtocolError) as caught:
        check_verifier(None, VERIFIER)
    assert caught.value.error == "invalid_grant"


@pytest.mark.spec("RFC 7636", "4.3")
@pytest.mark.parametrize("setting", ["all", "public"])
def test_a_challenge_that_was_sent_is_enforced_for_everybody(setting: str) -> None:
    """authlib.md trap 14: an absent method means ``plain`` there, also where only S256 is supported."""
    right = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    for client in (CONFIDENTIAL, PUBLIC, a_client(pkce_required=False)):
        assert read_challenge(right, client, setting) == CHALLENGE
        for wrong in (
            {"code_challenge": VERIFIER}, {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
            {**right, "code_challenge_method": "s256"}, {**right, "code_challenge": "x" * 42},
            {**right, "code_challenge": "x" * 44}, {**right, "code_challenge": "=" * 43},
            {"code_challenge_method": "S256"},
        ):  # fmt: skip
            with pytest.raises(ProtocolError) as caught:
                read_challenge(wrong, client, setting)
            assert caught.value.error == "invalid_request"


@pytest.mark.spec("RFC 9700", "2.1.1")
@pytest.mark.parametrize(
    ("public", "flag", "setting", "must"),
    [(False, None, "all", True), (False, None, "public", False), (False, False, "all", False),
     (False, True, "public", True), (True, None, "all", True), (True, None, "public", True),
     (True, False, "all", True), (True, False, "public", True)],
)  # fmt: skip
def test_who_must_send_one(public: bool, flag: bool | None, setting: str, must: bool) -> None:
    method = AuthMethod.NONE if public else AuthMethod.BASIC
    client = a_client(token_endpoint_auth_method=method, pkce_required=flag)
    assert required(client, setting) is must
    if must:
        with pytest.raises(ProtocolError):
            read_challenge({}, client, setting)
    else:
        assert read_challenge({}, client, setting) is None
