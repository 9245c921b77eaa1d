"""What happens next with an authorization request, as a table: prompt × max_age × hint × consent × interaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from idp.domain.client import AuthMethod, Client
from idp.domain.consent import Consent
from idp.domain.decision import AskConsent, ChooseAccount, Decision, Issue, Refuse, SignIn, decide
from idp.domain.interaction import Interaction
from idp.domain.session import Factor, Session

from ..builders import NOW, a_client, a_device, a_request, a_session, a_user, an_interaction

ADA = a_user()
APP = a_client()
NATIVE = a_client(token_endpoint_auth_method=AuthMethod.NONE, application_type="native")
OURS = a_client(trusted=True)
SIGNED_IN = a_session(a_device(ADA), factors=())
SCOPE = ("openid", "email")


def ago(seconds: float) -> Session:
    """Ada, whose password was checked so long ago."""
    return replace(SIGNED_IN, factors=(Factor(method="pwd", at=NOW - timedelta(seconds=seconds)),))


HOUR_AGO = ago(3600)


def allowed(*scopes: str, client: Client = APP) -> Consent:
    return Consent(user_id=ADA.id, client_id=client.client_id, scopes=scopes, created_at=NOW, updated_at=NOW)


def asked(
    session: Session | None = HOUR_AGO,
    consent: Consent | None = None,
    interaction: Interaction | None = None,
    client: Client = APP,
    **request: Any,
) -> Decision:
    return decide(a_request(client, **{"scope": SCOPE, **request}), client, session, consent, interaction, NOW)


def waiting(**members: Any) -> Interaction:
    """An interaction that began a minute ago."""
    return an_interaction(**{"created_at": NOW - timedelta(seconds=60), **members})


BOTH = allowed(*SCOPE)
NEW_CONSENT = AskConsent(SCOPE, ())
ASK_AGAIN = AskConsent((), SCOPE)
FRESH = SignIn(fresh=True)
MEANWHILE = ago(30)  # signed in while the interaction waited

TABLE: dict[str, tuple[dict[str, Any], Decision]] = {
    "nobody": ({"session": None}, SignIn()),
    "nobody, login": ({"session": None, "prompt": ("login",)}, SignIn()),
    "nobody, consent given": ({"session": None, "consent": BOTH}, SignIn()),
    "no consent": ({}, NEW_CONSENT),
    "consent": ({"consent": BOTH}, Issue()),
    "more consent than asked": ({"consent": allowed(*SCOPE, "profile")}, Issue()),
    "one scope more": ({"consent": allowed("openid")}, AskConsent(("email",), ("openid",))),
    "no scope at all, no consent": ({"scope": ()}, AskConsent((), ())),
    "no scope at all, consent": ({"scope": (), "consent": allowed()}, Issue()),
    "prompt=consent asks although given": ({"prompt": ("consent",), "consent": BOTH}, ASK_AGAIN),
    "prompt=consent answered here": (
        {"prompt": ("consent",), "consent": BOTH, "interaction": waiting(consented_by=SIGNED_IN.id)}, Issue(),
    ),
    "prompt=consent answered by somebody else's session": (
        {"prompt": ("consent",), "consent": BOTH, "interaction": waiting(consented_by=uuid4())}, ASK_AGAIN,
    ),
    "an answer does not stand in for a scope that was withdrawn since": (
        {"consent": allowed("openid"), "interaction": waiting(consented_by=SIGNED_IN.id)},
        AskConsent(("email",), ("openid",)),
    ),
    "ours": ({"client": OURS}, Issue()),
    "ours, prompt=consent": ({"client": OURS, "prompt": ("consent",)}, NEW_CONSENT),
    "native: another program could pose as it": (
        {"client": NATIVE, "consent": allowed(*SCOPE, client=NATIVE)}, ASK_AGAIN,
    ),
    "native, answered here": (
        {"client": NATIVE, "consent": allowed(*SCOPE, client=NATIVE),
         "interaction": waiting(consented_by=SIGNED_IN.id)}, Issue(),
    ),
    "prompt=login": ({"prompt": ("login",), "consent": BOTH}, FRESH),
    "prompt=login just after a sign-in for something else": (
        {"session": ago(1), "prompt": ("login",), "consent": BOTH}, FRESH,
    ),
    "prompt=login, sign-in before the interaction": (
        {"prompt": ("login",), "consent": BOTH, "interaction": waiting()}, FRESH,
    ),
    "prompt=login, signed in since": (
        {"session": MEANWHILE, "prompt": ("login",), "consent": BOTH, "interaction": waiting()}, Issue(),
    ),
    "prompt=login consent, signed in since": (
        {"session": MEANWHILE, "prompt": ("login", "consent"), "consent": BOTH, "interaction": waiting()}, ASK_AGAIN,
    ),
    "max_age kept": ({"max_age": 3600, "consent": BOTH}, Issue()),
    "max_age passed": ({"max_age": 3599, "consent": BOTH}, FRESH),
    "max_age=0": ({"session": ago(0.001), "max_age": 0, "consent": BOTH}, FRESH),
    "max_age=0, signed in since: no loop": (
        {"session": MEANWHILE, "max_age": 0, "consent": BOTH, "interaction": waiting()}, Issue(),
    ),
    "max_age, sign-in before the interaction": (
        {"max_age": 600, "consent": BOTH, "interaction": waiting()}, FRESH,
    ),
    "select_account": ({"prompt": ("select_account",), "consent": BOTH}, ChooseAccount()),
    "select_account, chosen": (
        {"prompt": ("select_account",), "consent": BOTH, "interaction": waiting(chosen_by=SIGNED_IN.id)}, Issue(),
    ),
    "select_account, chosen in another session": (
        {"prompt": ("select_account",), "consent": BOTH, "interaction": waiting(chosen_by=uuid4())}, ChooseAccount(),
    ),
    "select_account, signed in since": (
        {"session": MEANWHILE, "prompt": ("select_account",), "consent": BOTH, "interaction": waiting()}, Issue(),
    ),
    "login before select_account": ({"prompt": ("select_account", "login"), "consent": BOTH}, FRESH),
    "hint of her": ({"hinted_sub": ADA.id, "consent": BOTH}, Issue()),
    "hint of somebody else": ({"hinted_sub": uuid4(), "consent": BOTH}, FRESH),
    "hint of nobody": ({"hinted_sub": UUID(int=0), "consent": BOTH}, FRESH),
    "hint of somebody else, and she has signed in since": (
        {"session": MEANWHILE, "hinted_sub": uuid4(), "consent": BOTH, "interaction": waiting()}, FRESH,
    ),
    "acr as a wish": ({"acr_values": ("gold",), "consent": BOTH}, Issue()),
    "acr as a demand we can meet": ({"acr_values": ("gold", "aal1"), "acr_essential": True, "consent": BOTH}, Issue()),
}  # fmt: skip


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("case", TABLE)
def test_what_comes_next(case: str) -> None:
    facts, expected = TABLE[case]
    assert asked(**facts) == expected


ERROR_OF = {
    SignIn: "login_required", ChooseAccount: "account_selection_required", AskConsent: "consent_required",
}  # fmt: skip


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.6")
@pytest.mark.parametrize("case", [case for case in TABLE if not TABLE[case][0].get("prompt")])
def test_prompt_none_turns_every_page_into_its_error(case: str) -> None:
    facts, expected = TABLE[case]
    answer = asked(**{**facts, "prompt": ("none",)})
    if isinstance(expected, Issue):
        assert answer == Issue()
    else:
        assert isinstance(answer, Refuse)
        assert answer.error == ERROR_OF[type(expected)]


@pytest.mark.parametrize("case", TABLE)
def test_cancel_wins_over_everything(case: str) -> None:
    facts, _expected = TABLE[case]
    interaction = waiting(denied_at=NOW)
    answer = asked(**{**facts, "interaction": interaction})
    assert isinstance(answer, Refuse)
    assert answer.error == "access_denied"


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5.1.1")
def test_an_essential_acr_that_nobody_can_reach_is_refused_before_anybody_is_bothered() -> None:
    for session, prompt in product((None, HOUR_AGO), ((), ("none",), ("login",))):
        answer = asked(session=session, prompt=prompt, acr_values=("gold",), acr_essential=True, consent=BOTH)
        assert isinstance(answer, Refuse)
        assert answer.error == "unmet_authentication_requirements"


def test_nothing_is_issued_without_a_session_whatever_else_holds() -> None:
    for prompt, consent, interaction in product(
        ((), ("none",), ("login",), ("consent",), ("select_account",)),
        (None, BOTH),
        (None, waiting(), waiting(consented_by=SIGNED_IN.id, chosen_by=SIGNED_IN.id)),
    ):
        assert not isinstance(asked(None, consent, interaction, OURS, prompt=prompt), Issue)
