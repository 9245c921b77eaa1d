"""The configuration of the OpenID Foundation's suite for this provider, with what its scripted browser does here:

    python -m tests.conformance.automation https://id.example me@example.com 'the password' > idp.json

A task whose address does not match is skipped if it is optional. What the suite wants to see for review (a second
sign-in, an error page) its browser shows it, in the modules under ``override``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Command = list[Any]
Task = dict[str, Any]
_BACK: Task = {
    "task": "Back at the suite", "match": "*/test/*/callback*",
    "commands": [["wait", "id", "submission_complete", 10]],
}  # fmt: skip
_PRESS = ["click", "css", "button.primary"]
ERROR_PAGES = {
    "oidcc-ensure-registered-redirect-uri": "redirect_uri",
    "oidcc-ensure-redirect-uri-in-authorization-request": "redirect_uri",
    "oidcc-redirect-uri-query-added": "redirect_uri",
    "oidcc-redirect-uri-query-mismatch": "redirect_uri",
}
CONSENT_PAGES = {
    "oidcc-registration-logo-uri": "Allow", "oidcc-registration-policy-uri": "privacy policy",
    "oidcc-registration-tos-uri": "terms",
}  # fmt: skip
_LOGOUT = "oidcc-rp-initiated-logout-"
LOGOUT_PAGES = {
    _LOGOUT + "bad-post-logout-redirect-uri": "post_logout_redirect_uri is not registered",
    _LOGOUT + "query-added-to-post-logout-redirect-uri": "post_logout_redirect_uri is not registered",
    _LOGOUT + "modified-id-token-hint": "id_token_hint is not",
    _LOGOUT + "bad-id-token-hint": "id_token_hint is not",
    _LOGOUT + "no-id-token-hint": "id_token_hint is missing",
    _LOGOUT + "no-post-logout-redirect-uri": "You are signed out",
}
QUESTIONS = (_LOGOUT + "no-params", _LOGOUT + "only-state")
SECOND_SIGN_IN = ("oidcc-prompt-login", "oidcc-max-age-1")


def configuration(issuer: str, email: str, password: str) -> dict[str, Any]:
    """For every plan of OpenID Connect; the plans of FAPI add their clients' ids and keys under ``client``."""
    return {
        "alias": "idp",
        "description": f"idp at {issuer}",
        "server": {
            "discoveryUrl": f"{issuer}/.well-known/openid-configuration", "login_hint": email,
            "allow_unexpected_metadata_fields": ["revocations_endpoint"],
        },
        "client": {"client_name": "first"},
        "client2": {"client_name": "second"},
        "resource": {"resourceUrl": f"{issuer}/userinfo"},
        "browser": [_authorize(issuer, *_person(issuer, email, password)), _logout(issuer)],
        "override": {module: {"browser": tasks} for module, tasks in _shown(issuer, email, password).items()},
    }  # fmt: skip


def _task(name: str, match: str, *commands: Command, optional: bool = False) -> Task:
    return {"task": name, "match": match, "optional": optional, "commands": list(commands)}


def _see(text: str, kind: str = "") -> Command:
    """Wait until the page says this, and show it to whoever reviews."""
    return ["wait", "xpath", "//*", 10, text, f"update-image-placeholder{kind}"]


def _authorize(issuer: str, *tasks: Task) -> dict[str, Any]:
    return {"match": f"{issuer}/authorize*", "tasks": list(tasks)}


def _signs_in(issuer: str, email: str, password: str, *before: Command) -> Task:
    fields = (["text", "id", "email", email], ["text", "id", "password", password], _PRESS)
    return _task("Sign in", f"{issuer}/login*", *before, *fields, optional=True)


def _person(issuer: str, email: str, password: str, *before: Command) -> tuple[Task, ...]:
    """From the app's request back to the app, whatever is asked on the way."""
    onward = (["click", "css", "form[data-press] button", "optional"], ["wait", "contains", "callback", 10])
    return (
        _signs_in(issuer, email, password, *before),
        _task("Allow", f"{issuer}/consent*", _PRESS, optional=True),
        _task("Going back", f"{issuer}/authorize/resume*", *onward, optional=True),
        _BACK,
    )


def _logout(issuer: str, *tasks: Task) -> dict[str, Any]:
    """Without tasks: until the browser is back, which takes a while where apps are told in frames."""
    waits = _task("Apps are told", f"{issuer}/logout*", ["wait", "contains", "redirect?", 15], optional=True)
    return {
        "match": f"{issuer}/logout*",
        "tasks": list(tasks) or [waits, _task("Back at the suite", "*/post_logout_redirect*")],
    }


def _shown(issuer: str, email: str, password: str) -> dict[str, list[dict[str, Any]]]:
    person = _authorize(issuer, *_person(issuer, email, password))
    again = _authorize(issuer, *_person(issuer, email, password, _see("Sign in", "-optional")))
    asks = _task("Do you want to sign out?", f"{issuer}/logout*", _PRESS)
    shown = {module: [again] for module in SECOND_SIGN_IN}
    for module, text in ERROR_PAGES.items():
        shown[module] = [_authorize(issuer, _task("Error page", f"{issuer}/authorize*", _see(text)))]
    for module, text in CONSENT_PAGES.items():
        page = _task("The app's page", f"{issuer}/consent*", _see(text))
        shown[module] = [_authorize(issuer, _signs_in(issuer, email, password), page)]
    for module, text in LOGOUT_PAGES.items():
        shown[module] = [person, _logout(issuer, _task("Page", f"{issuer}/logout*", _see(text)))]
    for module in QUESTIONS:
        done = _task("Signed out", f"{issuer}/logout/confirm*", _see("You are signed out"))
        shown[module] = [person, _logout(issuer, asks, done)]
    return shown


if __name__ == "__main__":
    print(json.dumps(configuration(*sys.argv[1:4]), indent=1))
