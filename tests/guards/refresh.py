"""D. Refresh tokens: made by us, for one client, rotated once, dead with everything that they hang on."""

from __future__ import annotations

from .entry import guard, removal

_R = "oauth/test_refresh.py::"
_F = "domain/test_refresh.py::"
_S = "storage/test_credentials.py::"
_GENUINE = "if token is None or not is_genuine(self._keys, token, client.client_id):\n            raise"
_ASKER = '        _F.client_id == bindparam("asker"),\n'
_ANY = '        (_F.client_id == bindparam("asker")) | _F.client_id.is_not(None),\n'

GUARDS = (
    guard(
        "D1", "an old one ends everything", "services/refresh.py", "if verdict is Verdict.REUSE:", "if False:",
        f"{_R}test_a_genuine_token_after_grace_ends_the_client_session",
    ),
    guard(
        "D1", "that ending is committed although the answer is an error", "services/refresh.py",
        '"RFC 9700 4.14.2", persist=True', '"RFC 9700 4.14.2"',
        f"{_R}test_a_genuine_token_after_grace_ends_the_client_session",
    ),
    guard(
        "D1 H6", "the dead stay dead within grace", "domain/refresh.py",
        "if family is None or not live or family.client_id != client_id",
        "if family is None or family.client_id != client_id", f"{_F}test_the_dead_stay_dead_also_within_grace",
    ),
    guard(
        "D1", "grace has an end", "domain/refresh.py", "if presented == family.counter - 1 and in_grace:",
        "if presented == family.counter - 1:", f"{_F}test_by_counter_and_grace",
    ),
    guard(
        "D2", "only the immediate parent may come again", "domain/refresh.py",
        "if presented == family.counter - 1 and in_grace:", "if in_grace:", f"{_F}test_by_counter_and_grace",
        f"{_R}test_a_grandparent_is_a_copy_even_within_grace",
    ),
    guard(
        "D2", "strict is strict", "domain/refresh.py", ".total_seconds() < grace", ".total_seconds() <= grace",
        f"{_F}test_by_counter_and_grace",
    ),
    guard(
        "D3", "the counter moves from where it is", "storage/refresh_families.py",
        '_F.counter == bindparam("presented"),', '_F.counter >= bindparam("presented"),',
        f"{_S}test_only_the_current_counter_of_the_same_client_rotates[sqlite]",
    ),
    guard(
        "D4", "a forged one is none", "services/refresh.py", _GENUINE, "if token is None:\n            raise",
        f"{_R}test_a_forged_token_changes_nothing",
    ),
    guard(
        "D4", "the tag is compared", "domain/refresh.py",
        "return expected is not None and hmac.compare_digest(expected, token.tag)", "return expected is not None",
        f"{_F}test_every_altered_character_makes_it_junk_or_a_forgery",
    ),
    guard(
        "D4", "the tag is for one client", "domain/refresh.py", " + client_id.encode()", "",
        f"{_F}test_a_token_is_its_clients_alone",
    ),
    guard(
        "D4", "another app's is unknown", "services/refresh.py", _GENUINE, "if token is None:\n            raise",
        f"{_R}test_another_apps_token_is_unknown_and_stays_good",
        layers=(
            removal("storage/refresh_families.py", _ASKER, _ANY),
            removal("domain/refresh.py", "or family.client_id != client_id ", ""),
        ),
    ),
    guard(
        "D4", "the row is moved for its own client", "storage/refresh_families.py", _ASKER, _ANY,
        f"{_S}test_only_the_current_counter_of_the_same_client_rotates[sqlite]",
    ),
    guard(
        "D4 C5", "one token has one spelling", "domain/refresh.py",
        'if len(body) != _BODY_BYTES or base64.urlsafe_b64encode(body).rstrip(b"=").decode() != text[len(PREFIX) :]:',
        "if len(body) != _BODY_BYTES:", f"{_F}test_one_token_has_one_spelling",
    ),
    guard(
        "D5", "scope only narrows", "services/refresh.py",
        "if scope is not None and not set(scope) <= set(family.scope):", "if False:",
        f"{_R}test_scope_narrows_for_one_answer_and_never_widens",
    ),
    guard(
        "D5 B15", "resource only narrows", "services/refresh.py",
        "if not set(resources) <= {*self._tokens.audience(family.resources, family.scope, apis), *apis}:", "if False:",
        f"{_R}test_resource_narrows_for_one_answer_and_never_widens",
        layers=(
            removal(
                "oauth/rfc8707_resource.py",
                "if wanted and not set(wanted) <= {*tokens.audience(granted, scope, more), *more}:", "if False:",
            ),
        ),
    ),
    guard(
        "D7", "what the registration no longer allows is left out", "services/codes.py",
        "kept = tuple(name for name in scope if name in client.scope)", "kept = scope",
        f"{_R}test_a_registration_that_shrank_shrinks_the_next_answer",
    ),
    guard(
        "D7 K13", "a disabled person has nothing live", "storage/liveness.py",
        "    clients.c.disabled_at.is_(None),\n    USER_LIVE,\n", "    clients.c.disabled_at.is_(None),\n",
        "storage/test_sessions.py::test_a_disabled_person_has_nothing_live[sqlite]",
    ),
    guard(
        "D7 K13 C14", "a disabled client has nothing live", "storage/liveness.py",
        "    clients.c.disabled_at.is_(None),\n    USER_LIVE,\n", "    USER_LIVE,\n",
        "storage/test_sessions.py::test_a_disabled_client_has_nothing_live[sqlite]",
    ),
    guard(
        "D12 D7", "only what is alive rotates", "storage/refresh_families.py",
        "        exists().select_from(HELD).where(_HOLDS, CLIENT_SESSION_LIVE),\n", "",
        f"{_S}test_what_has_ended_does_not_rotate",
    ),
    guard(
        "D7 D1", "a family has an absolute and an idle end", "storage/refresh_families.py",
        "        FAMILY_WITHIN_ENDS,\n        exists()", "        exists()", f"{_R}test_idle_and_absolute_ends",
    ),
    guard(
        "D1 E9", "the absolute end does not move", "storage/liveness.py", "    refresh_families.c.expires_at > NOW,\n",
        "", f"{_R}test_idle_and_absolute_ends",
    ),
)  # fmt: skip
