"""All guards, in the order of security.md, and the rows that have none here, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import (
    asking,
    authorize,
    clients,
    codes,
    elsewhere,
    endings,
    pages,
    possession,
    redirect_uri,
    refresh,
    registration,
    requests_kept,
    sdk,
    tokens,
)
from .entry import Guard

GUARDS: Sequence[Guard] = (
    *redirect_uri.GUARDS, *authorize.GUARDS, *requests_kept.GUARDS, *codes.GUARDS, *clients.GUARDS, *refresh.GUARDS,
    *asking.GUARDS, *tokens.GUARDS, *pages.GUARDS, *endings.GUARDS, *elsewhere.GUARDS, *registration.GUARDS,
    *possession.GUARDS, *sdk.GUARDS,
)  # fmt: skip

NOTHING_TO_REMOVE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "C13": (
        "there is no password grant",
        ("tests/oauth/test_rfc6749_token.py::test_bad_input_is_named_and_changes_nothing",),
    ),
    "E3": (
        "of a header typ, kid and alg are read, and nothing else",
        ("tests/test_jose.py::test_what_is_not_exactly_right_is_rejected",),
    ),
    "E4": (
        "no key is fetched from where a header points",
        ("tests/test_jose.py::test_what_is_not_exactly_right_is_rejected",),
    ),
    "F12": (
        "no page reads credentials from the query, and no field shows a password again",
        (
            "tests/web/test_sign_in.py::test_credentials_in_the_query_are_ignored",
            "tests/web/test_markup.py::test_nothing_typed_comes_back_as_markup_nor_a_password_at_all",
        ),
    ),
    "G4": (
        "a form of ours says yes or no; what is asked stands on the server",
        (
            "tests/oidc/test_core_request.py::test_the_form_cannot_change_what_is_asked",
            "tests/web/test_consent.py::test_nothing_is_allowed_that_was_not_asked",
        ),
    ),
    "G8": (
        "a consent's row is found by the ids of the person and of the client; there is no other way to it",
        ("tests/storage/test_people.py::test_consent_grows_until_withdrawn",),
    ),
    "H8": (
        "a cookie is looked up by its hash: one that was altered is one that nobody has",
        ("tests/test_browser.py::test_an_altered_cookie_is_none_and_no_error",),
    ),
    "I8": (
        "the scope of a device's token request is not read",
        ("tests/oauth/test_rfc8628_device.py::test_only_what_was_approved_is_granted",),
    ),
    "J14": (
        "a client_id is looked up as it stands in the one segment that routing gives us",
        ("tests/oauth/test_rfc7591_registration.py::test_a_client_id_is_one_exact_segment",),
    ),
    "K1": (
        "a page without a session has nobody to show anything of",
        ("tests/web/test_sessions.py::test_nobody_sees_anything_without_signing_in",),
    ),
    "M1": (
        "every statement is built before there is a request, and its values are bound",
        ("tests/oauth/test_requests.py::test_nothing_strange_is_a_500_or_changes_a_row",),
    ),
    "M3": (
        "no page renders an exception, and there is no debugger",
        ("tests/test_app.py::test_an_unexpected_error_tells_nothing_and_logs_no_secret",),
    ),
    "M4": (
        "routes name their methods, and nothing overrides one",
        ("tests/oauth/test_rfc6749_token.py::test_only_post",),
    ),
    "M10": (
        "there is one router, and it decodes once",
        ("tests/test_app.py::test_what_is_not_there_is_not_found_and_leads_nowhere",),
    ),
}
"""Rows that hold because something does not exist: there is no line to take away. With tests that would notice it."""

NOT_HERE: Mapping[str, str] = {
    "F14": "a unique index of the database, not a line of ours; tests/races/test_makings.py races for it",
    "K5": "nobody can change their address yet",
    "K6": "no upstream sign-in exists",
    "K8": "there is no password reset by mail",
    "K9": "there is no password reset by mail",
    "K10": "no mail of ours has a link that acts",
    "K11": "of mails, not of the protocol; tests/web/test_mails.py",
    "K14": "there are no invitations, and an address is confirmed by operators alone",
    "L1": "there is one factor so far, the password",
    "L2": "there is one factor so far, the password",
    "L3": "there is one factor so far, the password",
    "L4": "there is one factor so far, the password",
    "L5": "there are no passkeys yet",
    "L6": "there are no passkeys yet",
    "L7": "there is no second factor to enrol",
    "M2": "we speak no LDAP, run no command and render no template that a request names",
}
"""Rows that do not concern the protocol, or concern what is not built."""
