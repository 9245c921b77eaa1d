"""D. Introspection, revocation, userinfo, and the life of what is asked about."""

from __future__ import annotations

from .entry import guard, removal

_I = "oauth/test_rfc7662_introspection.py::"
_V = "oauth/test_rfc7009_revocation.py::"
_U = "oidc/test_core_userinfo.py::"
_L = "storage/test_sessions.py::"

GUARDS = (
    guard(
        "D8 D4", "another client ends no session by an access token", "services/tokens.py",
        "if found is not None and found.client_id != client.client_id:", "if False:",
        f"{_V}test_another_client_ends_nothing",
        layers=(removal("oauth/rfc7009_revocation.py", "if token.client_id != client.client_id:", "if False:"),),
    ),
    guard(
        "D8 D4", "another client ends nothing by a refresh token", "services/refresh.py",
        "if token is None or not is_genuine(self._keys, token, client.client_id):\n            return None",
        "if token is None:\n            return None", f"{_V}test_another_client_ends_nothing",
        layers=(
            removal("services/tokens.py", "if found is not None and found.client_id != client.client_id:", "if False:"),
        ),
    ),
    guard(
        "D9", "a hint is only a hint", "oauth/rfc7009_revocation.py", "if not self._refresh_token(client, text):",
        'if parameters.get("token_type_hint") == "access_token" or not self._refresh_token(client, text):',
        f"{_V}test_any_token_ends_its_client_session_whatever_the_hint",
    ),
    guard(
        "D10", "what could not be stored is not acknowledged", "oauth/rfc7009_revocation.py",
        "        with self._work():\n", '        with __import__("contextlib").suppress(Exception), self._work():\n',
        f"{_V}test_what_cannot_be_stored_is_not_acknowledged",
    ),
    guard(
        "D8 D11", "a token without a session is remembered as revoked", "services/tokens.py",
        "return not self._stores.revocations.revoked_jti(jti)", "return True",
        f"{_V}test_a_client_credentials_token_is_remembered_by_its_jti",
    ),
    guard(
        "D11 H6 K3", "active is what lives now", "oauth/rfc7662_introspection.py", "if not self.alive(token):",
        "if False:", f"{_I}test_an_ended_session_is_inactive_for_everybody_at_once",
    ),
    guard(
        "D11 H6 K3", "what has ended is not live", "storage/liveness.py",
        "    client_sessions.c.ended_at.is_(None),\n    clients", "    clients",
        f"{_V}test_any_token_ends_its_client_session_whatever_the_hint",
    ),
    guard(
        "D11 H6 K3", "what hangs on a session ends with it", "storage/liveness.py",
        "    or_(NEEDS_NO_SESSION, SESSION_LIVE),\n", "", f"{_L}test_live_is_what_the_domain_says",
    ),
    guard(
        "H6", "userinfo asks the session too", "services/tokens.py", "if found is None or not found[0].live:",
        "if found is None:", f"{_U}test_a_token_of_an_ended_session_is_refused_though_it_has_not_expired",
    ),
    guard(
        "D13", "a public client asks nothing", "oauth/rfc7662_introspection.py", "        if caller.public:\n",
        "        if False:\n", f"{_I}test_the_caller_must_prove_itself",
    ),
    guard(
        "D14", "its client and its API may know, and nobody else", "oauth/rfc7662_introspection.py",
        "if token is None or not self._tokens.may_introspect(caller, token.client_id, token.audience):",
        "if token is None:", f"{_I}test_who_may_ask_about_an_access_token",
    ),
    guard(
        "D14", "an API is asked by its audience", "services/tokens.py",
        "return bool(set(self._stores.resources.of_server(client.client_id)) & set(audience))",
        "return bool(self._stores.resources.of_server(client.client_id))",
        f"{_I}test_who_may_ask_about_an_access_token",
    ),
    guard(
        "D14 D4", "a refresh token is its client's alone", "services/refresh.py",
        "if token is None or not is_genuine(self._keys, token, client.client_id):\n            return None",
        "if token is None:\n            return None", f"{_I}test_a_refresh_token_is_its_clients_alone",
    ),
    guard(
        "D15 D1", "a used refresh token is not active", "services/refresh.py",
        "return family, live and token.counter == family.counter", "return family, live",
        f"{_I}test_a_used_refresh_token_is_not_active",
    ),
    guard(
        "D17", "no token in the URI", "oauth/rfc6750_bearer.py",
        'if asked.query and "access_token" in parse_qs(asked.query.decode("latin-1"), keep_blank_values=True):',
        "if False:", f"{_U}test_never_in_the_query",
    ),
    guard(
        "D17", "no token twice", "oauth/rfc6750_bearer.py", "if len(found) > 1:", "if False:", f"{_U}test_never_twice",
    ),
    guard(
        "D18", "a scope tells its claims and no others", "oidc/core_userinfo.py", "names_of_scope(token.scope)",
        'names_of_scope(("profile", "email", "address", "phone"))', f"{_U}test_claims_asked_for_one_by_one",
    ),
    guard(
        "D18 B15", "a token for others is none for us", "oauth/sender_constraint.py",
        "self._access_tokens.read(presented.token, audience=self._issuer)", "self._access_tokens.read(presented.token)",
        f"{_U}test_a_token_for_another_audience_is_refused",
    ),
    guard(
        "D18", "userinfo needs openid", "oidc/core_userinfo.py", "if OPENID not in token.scope:", "if False:",
        f"{_U}test_a_token_without_openid_is_not_enough",
    ),
    guard(
        "D7 H6", "what was issued before a client was disabled stays dead", "services/tokens.py",
        "if revoked_at is not None and issued_at <= revoked_at.timestamp():", "if False:",
        "oauth/test_rfc6749_token.py::test_what_ended_with_its_client_stays_ended",
    ),
    guard(
        "X10", "the log is for its readers", "oauth/revocation_log.py", "if REVOCATIONS not in token.scope:",
        "if False:", "oauth/test_revocation_log.py::test_a_persons_token_opens_nothing",
    ),
    guard(
        "X10", "a reader's token outlives nothing that it hangs on", "oauth/revocation_log.py",
        "if not self._revocations.may_follow(token.client_id, token.jti, datetime.fromtimestamp(token.iat, tz=UTC)):",
        "if False:", "oauth/test_revocation_log.py::test_a_token_outlives_nothing_that_it_hangs_on",
    ),
    guard(
        "X10", "only an API's resource server may read it", "oauth/rfc6749_grants.py",
        "if not self.server.services.tokens.serves_a_resource(client):", "if False:",
        "oauth/test_revocation_log.py::test_no_other_client_gets_one",
    ),
    guard(
        "X10", "in a token of its own", "oauth/rfc6749_grants.py", "        if len(wanted) > 1:\n",
        "        if False:\n", "oauth/test_revocation_log.py::test_it_stands_in_a_token_of_its_own",
    ),
    guard(
        "X6", "a signed answer passes for no access token", "oauth/rfc9701_signed_introspection.py",
        'TYP = "token-introspection+jwt"', 'TYP = "at+jwt"',
        "oauth/test_rfc9701_signed_introspection.py::test_the_answer_is_a_typed_jwt_for_the_caller_alone",
    ),
)  # fmt: skip
