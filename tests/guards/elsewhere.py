"""I. What a person decides elsewhere, and tokens for tokens: device grant, CIBA, exchange, assertions, details."""

from __future__ import annotations

from .entry import guard

_D = "oauth/test_rfc8628_device.py::"
_C = "oidc/test_ciba.py::"
_X = "oauth/test_rfc8693_token_exchange.py::"
_B = "oauth/test_rfc7523_jwt_bearer.py::"
_A = "oauth/test_rfc9396_authorization_details.py::"
_P = "storage/test_polled_requests.py::"
_FOUND = "if found is None or found.client_id != client.client_id or found.kind is not kind:"

GUARDS = (
    guard(
        "I2 X5 C5", "a device code is no CIBA request", "services/polling.py", _FOUND,
        "if found is None or found.client_id != client.client_id:", f"{_D}test_no_code_of_the_other_kind",
    ),
    guard(
        "I3", "not too fast", "services/polling.py",
        "if self._stores.polled_requests.polled(found.id, now, now + _TOLERANCE, SLOWER):", "if True:",
        f"{_D}test_pending_then_slow_down_then_tokens",
    ),
    guard(
        "I3", "slower each time", "storage/polled_requests.py",
        'interval=_P.interval + bindparam("more", type_=Integer)',
        'interval=_P.interval + 0 * bindparam("more", type_=Integer)',
        f"{_P}test_each_poll_that_comes_too_soon_makes_the_next_wait_longer",
    ),
    guard(
        "I4", "redeemed once", "storage/polled_requests.py",
        "_P.denied_at.is_(None), _P.used_at.is_(None), _P.expires_at > NOW)",
        "_P.denied_at.is_(None), _P.expires_at > NOW)", f"{_P}test_of_many_redemptions_one_wins",
    ),
    guard(
        "I5", "guesses are counted", "services/polling.py", "if wait := self._stores.throttles.take(brakes, now):",
        "if False:", f"{_D}test_guessing_is_slowed_down_for_the_person_and_the_place",
    ),
    guard(
        "I5", "a code lives ten minutes", "services/polling.py", "        if now >= found.expires_at:\n",
        "        if False:\n", f"{_D}test_a_code_expires",
    ),
    guard(
        "I5", "an expired one cannot be approved", "storage/polled_requests.py",
        "_WAITING = _UNDECIDED & (_P.expires_at > NOW)", "_WAITING = _UNDECIDED & (NOW.is_not(None))",
        f"{_D}test_a_code_expires",
    ),
    guard(
        "I5", "twenty letters to the eighth", "domain/polled.py", "    for _ in range(USER_CODE_LENGTH):\n",
        "    for _ in range(USER_CODE_LENGTH - 1):\n", "domain/test_polled.py::test_codes_use_all_their_letters",
    ),
    guard(
        "I6", "where the device is", "web/device_code.py", "address=found.address,", 'address="",',
        f"{_D}test_the_page_says_what_is_asked_and_by_whom",
    ),
    guard(
        "I6 G6", "nobody vouches for who registered themselves", "web/app_face.py",
        "vouched = client.origin is ClientOrigin.OPERATOR", "vouched = True", "web/test_app_face.py::test_faces",
    ),
    guard(
        "I6", "the warning itself", "templates/device_confirm.html",
        "Only go on if you started this on your own device.", "", f"{_D}test_the_page_says_what_is_asked_and_by_whom",
    ),
    guard(
        "I7", "denied is denied", "services/polling.py", "        if found.denied_at is not None:\n",
        "        if False:\n", f"{_D}test_a_denied_code_stays_denied",
    ),
    guard(
        "I7", "there is one decision", "storage/polled_requests.py",
        "_P.approved_at.is_(None) & _P.denied_at.is_(None) & _P.used_at.is_(None)", "_P.used_at.is_(None)",
        f"{_P}test_there_is_one_decision",
    ),
    guard(
        "I9 H6", "an approval dies with its session", "services/polling.py",
        "session = self._stores.sessions.lock_live(found.session_id, now)",
        "session = self._stores.sessions.get(found.session_id)",
        f"{_D}test_what_ends_before_the_redemption_ends_the_approval[here]",
    ),
    guard(
        "I9 C14", "who may begin one", "oauth/rfc8628_device.py", "if GrantType.DEVICE_CODE not in client.grant_types:",
        "if False:", f"{_D}test_who_may_ask",
    ),
    guard(
        "I9 K13", "a disabled app is not approved", "services/polling.py",
        "if client is None or client.disabled_at is not None:", "if client is None:",
        f"{_D}test_a_disabled_app_is_not_approved",
    ),
    # ── CIBA ──────────────────────────────────────────────────────────────────────────────────────
    guard(
        "X5", "only an operator's clients ask", "oidc/ciba.py",
        "if GrantType.CIBA not in client.grant_types or client.origin is not ClientOrigin.OPERATOR:",
        "if GrantType.CIBA not in client.grant_types:", f"{_C}test_who_may_not_ask",
    ),
    guard(
        "X5", "nobody is asked without end", "oidc/ciba.py",
        "if wait := self._throttles.take(ciba_brakes(client.client_id, hint, address), self._services.clock.now()):",
        "if False:", f"{_C}test_nobody_is_asked_without_end",
    ),
    guard(
        "X5", "a hint of this client", "oidc/ciba.py", 'if claims["aud"] != client.client_id:', "if False:",
        f"{_C}test_a_hint_by_id_token",
    ),
    guard(
        "X5", "one hint", "oidc/ciba.py", "        if len(hints) != 1:\n", "        if not hints:\n",
        f"{_C}test_what_is_refused",
    ),
    guard(
        "X5", "a plain, short message", "oidc/ciba.py", "if not plain or len(text) > 100:", "if False:",
        f"{_C}test_what_is_refused",
    ),
    guard(
        "X5", "nobody decides for another", "services/polling.py",
        "if found is None or found.user_id != user.id or found.kind is not PolledKind.CIBA:", "if found is None:",
        f"{_C}test_nobody_decides_for_another",
    ),
    guard(
        "X5", "what the ping needs is sealed", "services/polling.py",
        'return self._stores.vault.seal(plain, f"ciba {request_id}")', "return plain",
        f"{_C}test_what_the_ping_needs_lies_nowhere_in_the_clear",
    ),
    guard(
        "X5", "signed or not, and nothing between", "oidc/ciba_signed_request.py", "if set(parameters) - _OUTSIDE:",
        "if False:", "oidc/test_ciba_signed_request.py::test_signed_or_not_and_nothing_between",
    ),
    # ── token exchange ────────────────────────────────────────────────────────────────────────────
    guard(
        "X3 K13", "a live subject token", "oauth/rfc8693_token_exchange.py",
        "        if not alive(token, self.server.services.tokens):\n", "        if False:\n",
        f"{_X}test_an_ended_token_is_not_exchanged",
    ),
    guard(
        "X3", "one's own, or of one's own audience", "oauth/rfc8693_token_exchange.py",
        " or not tokens.may_introspect(client, token.client_id, token.audience):", ":",
        f"{_X}test_whose_tokens_are_nobody_elses_business",
    ),
    guard(
        "X3", "the policy decides", "services/exchange.py", "if not wanted or not set(wanted) <= set(policy.targets):",
        "if not wanted:", f"{_X}test_what_is_refused[form8-invalid_target]",
    ),
    guard(
        "X3 D5", "no more scope", "services/exchange.py", "if scope is not None and not set(scope) <= set(may):",
        "if False:", f"{_X}test_what_is_refused",
    ),
    guard(
        "X3", "impersonation where it is allowed", "services/exchange.py",
        "if actor is None and not policy.impersonation:", "if False:",
        f"{_X}test_the_operator_decides[policy2-invalid_request]",
    ),
    guard(
        "X3", "never beyond the subject token's end", "services/exchange.py",
        "not_after=subject.expires_at if actor is None else min(subject.expires_at, actor.expires_at),",
        "not_after=None,", f"{_X}test_it_never_outlives_the_subject_token",
    ),
    guard(
        "X3 H6", "it carries the sid and dies with it", "oauth/rfc7662_introspection.py",
        "    if found is None or not found.live:\n", "    if found is None:\n",
        f"{_X}test_it_dies_with_the_session_and_with_its_client[session]",
    ),
    guard(
        "X3 N2", "a bound token makes bound ones", "oauth/rfc8693_token_exchange.py",
        "        if bound and not proven:\n", "        if False:\n", f"{_X}test_a_bound_token_makes_bound_ones_alone",
    ),
    # ── JWT bearer ────────────────────────────────────────────────────────────────────────────────
    guard(
        "X4", "used once", "services/trusted_issuers.py",
        'if not self._stores.assertion_ids.claim(f"jwt-bearer:{issuer.issuer}", jti_hash, expires_at):', "if False:",
        f"{_B}test_it_is_used_once",
    ),
    guard(
        "X4", "for us", "oauth/rfc7523_jwt_bearer.py",
        'if claims["aud"] not in self._audiences or not isinstance(claims["sub"], str):',
        'if not isinstance(claims["sub"], str):', f"{_B}test_whatever_is_wrong_is_invalid_grant",
    ),
    guard(
        "X4", "within the hour", "oauth/rfc7523_jwt_bearer.py",
        'if claims["exp"] > int(now.timestamp()) + MAX_LIFE_SECONDS or "\\0" in claims["sub"]:',
        'if "\\0" in claims["sub"]:', f"{_B}test_whatever_is_wrong_is_invalid_grant",
    ),
    guard(
        "X4 D5", "no more scope", "services/trusted_issuers.py", "if not wanted or not set(wanted) <= set(may):",
        "if not wanted:", f"{_B}test_only_for_its_clients_and_its_scopes",
    ),
    guard(
        "X4 K13", "of a live person", "services/trusted_issuers.py", "        if held is None or not held.live:\n",
        "        if held is None:\n", f"{_B}test_a_person_who_has_not_consented_or_may_not_sign_in",
    ),
    guard(
        "X4", "not for public clients", "oauth/rfc7523_jwt_bearer.py", "        if client.public:\n",
        "        if False:\n", f"{_B}test_not_for_public_clients",
    ),
    # ── authorization details ─────────────────────────────────────────────────────────────────────
    guard(
        "X7", "types that there are, and the client's", "services/authorization_details.py",
        "if kind is None or not _open_to(client, kind.name):", "if kind is None:",
        f"{_A}test_a_client_is_held_to_the_types_it_registered",
    ),
    guard(
        "X7", "what a type may hold", "services/authorization_details.py",
        "if (text := problem_of(detail, kind)) is not None:", "if (text := None) is not None:",
        f"{_A}test_what_is_wrong_is_told_to_the_app[unknown member]",
    ),
    guard(
        "X7", "a token request narrows", "services/authorization_details.py",
        "if not all(any(within(one, other) for other in granted) for one in wanted):", "if False:",
        f"{_A}test_a_token_request_may_narrow",
    ),
    guard(
        "X7", "a person is asked every time", "domain/decision.py", " or request.authorization_details:", ":",
        f"{_A}test_a_person_reads_every_value_and_is_asked_every_time",
    ),
    guard(
        "X7", "an API is told of its own types", "services/tokens.py",
        'return [one for one in held if one["type"] in types and types[one["type"]].resource in own]',
        "return list(held)", f"{_A}test_an_api_is_told_of_its_own_types",
    ),
    guard(
        "X7", "a token holds what is for its API", "oauth/grants.py",
        'kept = tuple(one for one in wanted if apis.get(str(one["type"])) in audience)', "kept = wanted",
        f"{_A}test_a_token_for_one_api_holds_what_is_for_that_api",
    ),
    guard(
        "X7", "no characters that hide or turn others", "domain/authorization_details.py",
        'if any(category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and c not in _ALLOWED for c in value):',
        "if False:", "domain/test_authorization_details.py::test_everything_else_is_told_by_its_path",
    ),
    # ── JARM ──────────────────────────────────────────────────────────────────────────────────────
    guard(
        "X6", "and ends soon", "oidc/jarm.py", "LIFE_SECONDS = 300", "LIFE_SECONDS = 3600",
        "oidc/test_jarm.py::test_a_code_is_signed",
    ),
    guard(
        "I2 X5", "a code is its client's alone", "services/polling.py", _FOUND,
        "if found is None or found.kind is not kind:", f"{_D}test_another_client_gets_nothing_and_harms_nothing",
        f"{_C}test_another_client_gets_nothing",
    ),
    guard(
        "X3", "an actor token is one's own", "oauth/rfc8693_token_exchange.py",
        "if token.client_id != client.client_id or token.sid is not None:", "if False:",
        f"{_X}test_an_actor_token_is_ones_own_and_nobodys_session",
    ),
    guard(
        "X4", "for its clients alone", "services/trusted_issuers.py",
        "return found if found is not None and client.client_id in found.clients else None", "return found",
        f"{_B}test_only_for_its_clients_and_its_scopes",
    ),
    guard(
        "X4", "by an address that was verified", "services/trusted_issuers.py",
        "return user if user is not None and user.email_verified else None", "return user",
        f"{_B}test_an_address_that_nobody_has_confirmed_names_nobody",
    ),
    guard(
        "X6 A14", "a signed answer is for its client", "oidc/jarm.py", '"aud": client.client_id, ', "",
        "oidc/test_jarm.py::test_a_code_is_signed",
    ),
)  # fmt: skip
