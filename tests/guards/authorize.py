"""B. The authorization request: PKCE, response types and modes, scope, prompt, hints, sizes."""

from __future__ import annotations

from .entry import guard, removal

_A = "oauth/test_rfc6749_authorize.py::"
_WRONG = f"{_A}test_what_is_wrong_is_told_to_the_app_with_state_and_iss"
_PKCE = "oauth/test_rfc7636_pkce.py::"
_Q = "oidc/test_core_request.py::"
_D = "domain/test_decision.py::"
_PROOF = "oauth/rfc7636_pkce.py"
_NEXT = "domain/decision.py"

GUARDS = (
    guard(
        "B1 B18", "a challenge is required", _PROOF, "if required(client, setting):", "if False:",
        f"{_WRONG}[no challenge]",
    ),
    guard(
        "B1", "of public clients always, and under FAPI 2.0", _PROOF, "if client.public or client.fapi2 is not None:",
        "if False:", f"{_PKCE}test_who_must_send_one", "oauth/test_fapi2.py::test_pkce_whatever_the_operator_relaxes",
    ),
    guard(
        "B2", "S256 and nothing else", _PROOF, 'if method != "S256":', 'if method not in ("S256", "plain", None):',
        f"{_PKCE}test_a_challenge_that_was_sent_is_enforced_for_everybody", f"{_WRONG}[plain]",
    ),
    guard(
        "B2", "no method without a challenge", _PROOF, "if method is not None:", "if False:",
        f"{_PKCE}test_a_challenge_that_was_sent_is_enforced_for_everybody",
    ),
    guard(
        "B2", "a challenge looks like one", _PROOF, "if not _CHALLENGE.fullmatch(challenge):", "if False:",
        f"{_PKCE}test_a_challenge_that_was_sent_is_enforced_for_everybody", f"{_WRONG}[short challenge]",
    ),
    guard(
        "B2 E11", "discovery says S256 only", _PROOF, 'METHODS = ("S256",)', 'METHODS = ("S256", "plain")',
        "oidc/test_discovery.py::test_only_what_works_is_listed",
    ),
    guard(
        "B3", "a verifier without a challenge tells of a downgrade", _PROOF, "if verifier is not None:", "if False:",
        f"{_PKCE}test_a_verifier_without_a_challenge_tells_of_a_downgrade",
    ),
    guard(
        "B4", "the verifier is compared", _PROOF, " or not hmac.compare_digest(_s256(verifier), challenge.encode()):",
        ":", f"{_PKCE}test_any_other_verifier_is_refused",
    ),
    guard(
        "B4", "the verifier has the form of one", _PROOF, "if not _VERIFIER.fullmatch(verifier) or not", "if not",
        f"{_PKCE}test_a_verifier_of_another_form_is_refused_although_it_fits",
    ),
    guard(
        "B4", "the verifier must come", _PROOF, "    if verifier is None:\n        raise ProtocolError(",
        "    if verifier is None:\n        return\n        raise ProtocolError(",
        f"{_PKCE}test_any_other_verifier_is_refused[None]",
    ),
    guard(
        "B4 B18", "the token endpoint asks for it", "oauth/rfc6749_grants.py",
        '        check_verifier(loaded.code_challenge, self.request.form.get("code_verifier"))\n', "",
        "oauth/test_rfc6749_token.py::test_what_does_not_fit_gets_nothing_and_burns_nothing",
    ),
    guard(
        "B5 A17", "code and nothing else", "oauth/authorization_requests.py", 'if response_type != "code":',
        "if False:", f"{_WRONG}[token]", f"{_WRONG}[code id_token]", f"{_WRONG}[CODE]",
    ),
    guard(
        "B5 C14", "an app without the grant gets no code", "oauth/authorization_requests.py",
        "if GrantType.AUTHORIZATION_CODE not in client.grant_types:", "if False:",
        f"{_A}test_an_app_without_the_code_grant_gets_no_code",
    ),
    guard(
        "B6", "a response mode that there is", "oauth/response_modes.py", "    if mode not in allowed:",
        "    if False:", f"{_WRONG}[response_mode unknown]",
    ),
    guard(
        "B6", "a response mode of the client's own", "oauth/response_modes.py", "return kept or RESPONSE_MODES",
        "return RESPONSE_MODES", "oidc/test_jarm.py::test_a_client_may_limit_itself_to_signed_answers",
    ),
    guard(
        "B7", "no scope beyond the registration", "oauth/rfc6749_scope.py",
        "allowed = tuple(name for name in scope if name in client.scope)", "allowed = scope",
        f"{_WRONG}[only unknown scopes]",
    ),
    guard(
        "B7", "scope is words between spaces", "domain/scope.py",
        "if not all(_TOKEN.fullmatch(word) for word in words):", "if False:",
        "domain/test_scope.py::test_words_between_spaces",
    ),
    guard(
        "B7 X10", "nobody is asked for the revocation log", "oauth/rfc6749_scope.py", "if REVOCATIONS in scope:",
        "if False:", "oauth/test_revocation_log.py::test_no_person_is_asked_for_it",
    ),
    guard(
        "B7 D18", "single claims stay within the registration", "oidc/core_request.py",
        "return (scope := scope_of_claim(name)) is None or scope in client.scope", "return True",
        "oidc/test_core_userinfo.py::test_single_claims_beyond_the_registration_are_left_out",
    ),
    guard(
        "B8", "no repeated parameter", "oauth/authorization_requests.py", "        refuse_repeats(parameters)\n", "",
        f"{_A}test_a_repeated_parameter_is_refused",
    ),
    guard(
        "B8 A9", "no repeated client_id", "oauth/rfc6749_authorize.py", 'if "client_id" in parameters.repeated:',
        "if False:", f"{_A}test_two_client_ids_are_none",
    ),
    guard(
        "B9", "prompt=none shows no page", _NEXT, 'return _forbidden(wanted) if "none" in request.prompt else wanted',
        "return wanted", f"{_D}test_prompt_none_turns_every_page_into_its_error", f"{_Q}test_prompt_none",
    ),
    guard(
        "B9", "none stands alone", "oidc/core_request.py", 'if "none" in prompt and len(prompt) > 1:', "if False:",
        f"{_WRONG}[prompt none login]",
    ),
    guard(
        "B9 B10", "an unknown prompt is refused", "oidc/core_request.py",
        "if unknown := [value for value in prompt if value not in known]:", "if unknown := []:",
        f"{_WRONG}[prompt unknown]",
    ),
    guard(
        "B10", "prompt=login asks for the password", _NEXT,
        "if asks and (interaction is None or session.auth_time < interaction.created_at):", "if False:",
        f"{_D}test_what_comes_next", f"{_Q}test_a_fresh_password_is_demanded_once_and_auth_time_moves",
    ),
    guard(
        "B10", "coming back is no password", _NEXT,
        "if interaction is not None and session.auth_time >= interaction.created_at and age <= FRESH_SECONDS:",
        "if interaction is not None:", f"{_D}test_what_comes_next",
        f"{_Q}test_coming_back_without_a_password_issues_nothing",
    ),
    guard(
        "B10", "max_age is looked at", _NEXT, "return request.max_age is not None and age > request.max_age",
        "return False", f"{_D}test_what_comes_next",
    ),
    guard(
        "B11", "a hint is one of ours", "oidc/core_request.py",
        'raise invalid_request("id_token_hint is not an ID token of ours", _SECTION) from None', "pass",
        f"{_WRONG}[hint none]", f"{_Q}test_a_hint_that_is_none_of_our_id_tokens",
    ),
    guard(
        "B11 H2", "a hint is an ID token", "oidc/core_id_token.py", "hint, self._keys.find, typ=(TYP,)",
        'hint, self._keys.find, typ=(TYP, "at+jwt", "logout+jwt", "token-introspection+jwt")',
        "oidc/test_core_id_token.py::test_only_an_id_token_of_ours_is_a_hint",
    ),
    guard(
        "B11", "whom the hint names, or nobody", _NEXT,
        "if request.hinted_sub is not None and request.hinted_sub != session.user_id:", "if False:",
        f"{_D}test_what_comes_next", f"{_Q}test_a_hint_names_who_is_wanted",
    ),
    guard(
        "B12", "the nonce comes back", "oidc/core_id_token.py", 'claims["nonce"] = grant.nonce', "pass",
        "oidc/test_core_id_token.py::test_one_code_one_nonce",
    ),
    guard(
        "B15", "only APIs that we know", "oauth/rfc8707_resource.py", "if len(known) != len(others):", "if False:",
        f"{_WRONG}[resource unknown]",
    ),
    guard(
        "B15", "a token request only narrows", "oauth/rfc8707_resource.py",
        "if wanted and not set(wanted) <= {*tokens.audience(granted, scope, more), *more}:", "if False:",
        "oauth/test_rfc6749_token.py::test_an_api_that_was_not_granted_is_not_had_by_naming_it",
    ),
    guard(
        "B16", "a value is not endless", "oauth/requests.py", "if len(name) > 128 or len(value) > MAX_VALUE:",
        "if False:", "oauth/test_requests.py::test_what_no_database_can_hold_or_nobody_means",
    ),
    guard(
        "B16", "a request is not endless", "oauth/requests.py", "if len(raw) > MAX_FRONT_CHANNEL:", "if False:",
        f"{_A}test_a_value_of_64_kb_is_a_page",
        layers=(removal("oauth/requests.py", "if len(name) > 128 or len(value) > MAX_VALUE:", "if False:"),),
    ),
    guard(
        "B16 C18", "so many parameters and no more", "oauth/requests.py", ", max_num_fields=MAX_FIELDS)", ")",
        "oauth/test_requests.py::test_what_no_database_can_hold_or_nobody_means",
    ),
    guard(
        "B16", "so many scopes and no more", "oauth/rfc6749_scope.py",
        "parse_scope(text) if len(text) <= 2000 else None", "parse_scope(text)", f"{_A}test_a_scope_has_an_end",
    ),
    guard(
        "B16", "claims nested without end", "oidc/core_request.py", "except (ValueError, RecursionError):",
        "except ValueError:", f"{_WRONG}[claims deeper]",
    ),
    guard(
        "B16", "text that no database can hold", "oauth/requests.py", "if not _utf8(name) or not _utf8(value):",
        "if False:", "oauth/test_requests.py::test_what_no_database_can_hold_or_nobody_means",
    ),
    guard(
        "B17", "the redirect is not kept", "oauth/responses.py", 'headers={"Location": target, **NO_STORE}',
        'headers={"Location": target}', f"{_A}test_the_answer_is_a_303_with_code_state_and_iss_alone",
        layers=(removal("web/security.py", '    "Cache-Control": "no-store",\n', ""),),
    ),
    guard(
        "B15", "not too many of them", "oauth/rfc8707_resource.py", "if len(unique) > 20:", "if False:",
        "oauth/test_rfc6749_authorize.py::test_twenty_resources_and_no_more",
    ),
)  # fmt: skip
