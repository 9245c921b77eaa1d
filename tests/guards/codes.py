"""C. Codes at the token endpoint, and how a request must come there.

``storage/redemptions.py`` does on PostgreSQL what ``storage/codes.py`` does on SQLite; here everything is tried on
SQLite, so its conditions have none of these entries, and ``tests/storage/test_redemptions.py`` alone.
"""

from __future__ import annotations

from .entry import guard, removal

_T = "oauth/test_rfc6749_token.py::"

GUARDS = (
    guard(
        "C1", "a second use ends what the first created", "services/codes.py",
        "        if used.client_session_id is not None:\n", "        if False:\n",
        f"{_T}test_a_second_valid_use_ends_what_the_first_created",
    ),
    guard(
        "C1", "that ending is committed although the answer is an error", "services/codes.py",
        '"the code was used before; what it gave has been ended", "RFC 6749 4.1.2", persist=True)',
        '"the code was used before; what it gave has been ended", "RFC 6749 4.1.2")',
        f"{_T}test_a_second_valid_use_ends_what_the_first_created",
    ),
    guard(
        "C2", "a code is its client's alone", "services/codes.py",
        "if found is None or found.client_id != client.client_id:", "if found is None:",
        f"{_T}test_another_apps_code_is_unknown_and_stays_good", f"{_T}test_a_stranger_with_a_used_code_ends_nothing",
    ),
    guard(
        "C3 C1", "claimed once", "storage/codes.py", "_KEY, codes.c.used_at.is_(None), codes.c.expires_at > NOW",
        "_KEY, codes.c.expires_at > NOW", "storage/test_credentials.py::test_a_code_is_claimed_once[sqlite]",
        f"{_T}test_a_second_valid_use_ends_what_the_first_created",
        layers=(removal("services/codes.py", "        if found.used_at is not None:\n", "        if False:\n"),),
    ),
    guard(
        "C3", "a code lives a minute", "storage/codes.py", "_KEY, codes.c.used_at.is_(None), codes.c.expires_at > NOW",
        "_KEY, codes.c.used_at.is_(None)", "storage/test_credentials.py::test_an_expired_code_is_not_claimed[sqlite]",
        f"{_T}test_a_code_lives_a_minute",
    ),
    guard(
        "C4", "a code is all of its characters", "services/codes.py",
        "self._stores.codes.get(secret_hash(code)) if len(code) == 43 else None",
        "self._stores.codes.get(secret_hash(code[:43]))", f"{_T}test_an_altered_code_is_unknown",
    ),
    guard(
        "C6", "nothing is read from the query", "oauth/requests.py", "    if asked.query:\n", "    if False:\n",
        f"{_T}test_nothing_is_read_from_the_query",
    ),
    guard(
        "C6", "only POST", "oauth/rfc6749_token.py", '"/token", "token", self.view, methods=["POST"])',
        '"/token", "token", self.view, methods=["GET", "POST"])', f"{_T}test_only_post",
    ),
    guard(
        "C7", "only a form", "oauth/requests.py", "    if asked.media_type != FORM:\n", "    if False:\n",
        f"{_T}test_only_a_form",
    ),
    guard(
        "B8", "no repeated member", "oauth/requests.py",
        "    parameters = parse(asked.body)\n    refuse_repeats(parameters)\n", "    parameters = parse(asked.body)\n",
        f"{_T}test_a_repeated_member_is_refused",
    ),
    guard(
        "C14", "the code and refresh grants are registered for", "oauth/grants.py",
        "return grant_type in {item.value for item in self.client.grant_types}", "return True",
        "oauth/test_refresh.py::test_who_is_no_longer_registered_to_refresh_does_not",
    ),
    guard(
        "C14", "so are all our own grants", "oauth/grants.py", "if self.GRANT_TYPE not in wrapped.client.grant_types:",
        "if False:", "oauth/test_rfc8693_token_exchange.py::test_a_client_that_is_not_registered_for_it",
        f"{_T}test_bad_input_is_named_and_changes_nothing",
    ),
    guard(
        "C14", "so is client_credentials", "oauth/rfc6749_grants.py",
        "if GrantType.CLIENT_CREDENTIALS not in client.grant_types or client.public:", "if client.public:",
        f"{_T}test_not_for_public_clients_and_not_without_the_grant",
    ),
    guard(
        "C14 J3", "who registered themselves earns no scope of an API", "oauth/rfc6749_grants.py",
        "own = () if client.origin is ClientOrigin.DYNAMIC else client.scope", "own = client.scope",
        f"{_T}test_a_self_registered_client_earns_no_scope_of_an_api",
    ),
    guard(
        "C14 B7", "client_credentials for no more than the registration", "oauth/rfc6749_grants.py",
        "if not set(wanted) <= set(allowed):", "if False:", f"{_T}test_it_gets_nothing_that_it_is_not_registered_for",
    ),
    guard(
        "C15", "client_credentials not for public clients", "oauth/rfc6749_grants.py",
        "if GrantType.CLIENT_CREDENTIALS not in client.grant_types or client.public:",
        "if GrantType.CLIENT_CREDENTIALS not in client.grant_types:",
        f"{_T}test_a_public_client_that_has_the_grant_all_the_same_gets_nothing",
    ),
    guard(
        "C15", "nor can they register for it", "domain/client_metadata.py",
        "if GrantType.CLIENT_CREDENTIALS in grants and method is AuthMethod.NONE:", "if False:",
        "domain/test_client_metadata.py::test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "C16 M5", "a token answer is not kept", "oauth/responses.py",
        "status, {**NO_STORE, **headers} if headers else NO_STORE)", "status, headers or {})",
        f"{_T}test_what_a_code_gives",
        layers=(removal("web/security.py", '    "Cache-Control": "no-store",\n', ""),),
    ),
    guard(
        "C17", "no CORS but where programs of browsers need it", "oauth/cors.py",
        "else _NONE", "else _ANSWERS",
        "oauth/test_cors.py::test_the_rest_is_closed",
    ),
    guard(
        "C17", "CORS never with credentials", "oauth/cors.py", "_ANSWERS = {**OPEN, ",
        '_ANSWERS = {**OPEN, "Access-Control-Allow-Credentials": "true", ',
        "oauth/test_cors.py::test_answers_and_errors_are_open",
    ),
    guard(
        "C18", "a body has an end", "bodies.py", "if len(announced) > 18 or int(announced) > self._limit:", "if False:",
        "test_bodies.py::test_too_large_by_its_own_word_is_refused_unread",
        f"{_T}test_a_body_of_five_megabytes_is_too_much",
        layers=(removal("app.py", '"MAX_CONTENT_LENGTH": MAX_BODY, "MAX_FORM_MEMORY_SIZE": MAX_BODY, ', ""),),
    ),
    guard(
        "C18", "so has one in chunks", "bodies.py", "        if len(body) > self._limit:\n", "        if False:\n",
        "test_bodies.py::test_too_large_in_chunks_is_refused_once_it_is",
    ),
    guard(
        "H6 C3", "a code dies with its session", "services/codes.py",
        "        session = self._stores.sessions.lock_live(found.session_id, now)\n",
        "        session = self._stores.sessions.get(found.session_id)\n",
        f"{_T}test_a_code_dies_with_the_sign_in_that_it_came_of",
    ),
    guard(
        "D7", "a withdrawn consent makes no tokens", "services/founding.py",
        "if consent is None or not consent.covers(scopes):", "if False:",
        "oauth/test_rfc6749_token.py::test_a_code_is_worth_no_more_than_the_consent_behind_it",
    ),
)  # fmt: skip
