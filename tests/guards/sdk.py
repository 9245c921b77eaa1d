"""X9. What an API of ours believes: the SDK's own checks, of tokens, keys, proofs and revocations."""

from __future__ import annotations

from .entry import guard, removal

_V = "resource_server/test_verifier.py::"
_I = "resource_server/test_issuer.py::"
_P = "resource_server/test_possession.py::"
_T = "resource_server/test_signed_tokens.py::"
_N = "resource_server/test_introspection.py::"
_SIGNED, _POSS = "resource_server/signed_tokens.py", "resource_server/possession.py"

GUARDS = (
    guard(
        "X9 E1 E6", "the signature", _SIGNED, "if not key.verifies(jwt.signed, jwt.signature):", "if False:",
        f"{_V}test_a_foreign_key_under_our_kid_is_refused",
    ),
    guard(
        "X9 C5", "the type", _SIGNED, "if not isinstance(typ, str) or typ.lower() not in _TYPES:", "if False:",
        f"{_V}test_headers_that_are_refused",
    ),
    guard(
        "X9 E7", "no extension", _SIGNED, 'if "crit" in jwt.header or "b64" in jwt.header:', "if False:",
        f"{_V}test_headers_that_are_refused",
    ),
    guard(
        "X9", "the end", _SIGNED, "        if token.exp <= now - self._leeway:\n", "        if False:\n",
        f"{_V}test_claims_that_are_refused",
    ),
    guard(
        "X9", "the end of a remembered one", _SIGNED, "        if known.token.exp <= self._clock() - self._leeway:\n",
        "        if False:\n", f"{_T}test_a_remembered_token_expires",
    ),
    guard(
        "X9 D16", "what was remembered dies with its key", _SIGNED, "        if memory.keys is not keys:\n",
        "        if not memory.keys:\n", f"{_T}test_a_withdrawn_key_takes_what_it_verified_with_it",
    ),
    guard(
        "X9 E13", "the issuer", "resource_server/access_token.py", 'if claims.get("iss") != issuer:', "if False:",
        f"{_V}test_issuer_with_a_slash_more_is_another",
    ),
    guard(
        "X9 B15", "the audience", "resource_server/access_token.py",
        "if aud != audience and not (isinstance(aud, list) and audience in aud):", "if False:",
        f"{_V}test_claims_that_are_refused",
    ),
    guard(
        "X9", "not from the future", "resource_server/access_token.py", "if max(nbf, token.iat) > not_after:",
        "if False:", f"{_V}test_claims_that_are_refused",
    ),
    guard(
        "X9 E13", "types of claims", "resource_server/access_token.py", "    if not holds:\n", "    if False:\n",
        f"{_V}test_claims_that_are_refused",
    ),
    guard(
        "X9", "a binding that is not known", _POSS, '        if set(confirmation) - {"jkt", "x5t#S256"}:\n',
        "        if False:\n", f"{_P}test_what_cannot_be_proven_here_is_refused",
    ),
    guard(
        "X9 E6", "members are unique", "resource_server/jws.py", "    if len(members) < len(pairs):\n",
        "    if False:\n", f"{_T}test_what_two_readers_could_read_differently_is_refused",
    ),
    guard(
        "X9 E8", "no giant", "resource_server/jws.py", "len(token) > _MOST_CHARACTERS or ", "",
        f"{_V}test_a_giant_token_is_refused",
    ),
    guard(
        "X9 E10", "no symmetric or private key", "resource_server/keys.py",
        'if jwk.get("use", "sig") != "sig" or _PRIVATE_OR_SECRET & jwk.keys():', "if False:",
        f"{_I}test_keys_that_may_not_verify_are_left_out",
    ),
    guard(
        "X9 E10", "weak keys verify nothing", "resource_server/keys.py",
        "    if key.Algorithm.check_key_length(key.key) is not None:\n", "    if False:\n",
        f"{_I}test_weak_rsa_keys_verify_nothing",
    ),
    guard(
        "X9 E11", "metadata of this issuer", "resource_server/issuer.py",
        'if answer.document.get("issuer") != self.issuer:', "if False:",
        f"{_I}test_metadata_of_another_issuer_are_not_believed",
    ),
    guard(
        "X9 E5", "invented keys cost little", "resource_server/issuer.py",
        "if self._age() >= (_STALE if kid in self._keys else _LOOK_AGAIN):", "if True:",
        f"{_I}test_a_new_key_is_found_and_invented_ones_cost_little",
    ),
    guard(
        "X9 D11", "old keys verify nothing", "resource_server/issuer.py", "        if age >= _STALE:\n",
        "        if False:\n", f"{_I}test_an_hour_is_the_hard_end",
    ),
    guard(
        "X9 D16", "tokens share no answers", "resource_server/introspection.py",
        "name = hashlib.sha256(token.encode()).digest()", 'name = b""', f"{_N}test_tokens_do_not_share_answers",
    ),
    guard(
        "X9 D11", "a cache of at most a second, by wish", "resource_server/introspection.py",
        "        if active and self._cache:\n", "        if active:\n", f"{_N}test_by_default_nothing_is_cached",
        layers=(
            removal("resource_server/introspection.py", "if self._cache and self._tick() <", "if self._tick() <"),
            removal("resource_server/introspection.py", "asked + self._cache", "asked + 60"),
        ),
    ),
    guard(
        "X9", "only a 200 with a boolean is an answer", "resource_server/introspection.py",
        "if answer.status == 200 and isinstance(active, bool):", "if active:", f"{_N}test_what_is_no_answer_is_503",
    ),
    guard(
        "X9 D11 H6", "an ending that was heard of", "resource_server/revocation_state.py",
        "        if verdict is Verdict.DEAD:\n", "        if False:\n",
        "resource_server/test_revocations.py::test_an_ending_that_was_heard_of_is_an_end",
    ),
    guard(
        "X9 D11", "silence is never a yes", "resource_server/revocation_state.py",
        "        if self._tick() >= self.fresh_until:\n", "        if False:\n",
        "resource_server/test_revocations.py::test_silence_is_never_a_yes",
    ),
    guard(
        "X9", "an unknown kind is not passed over", "resource_server/revocation_page.py",
        "if not isinstance(kind, str) or kind not in _KINDS or not isinstance(value, str) or not value:",
        "if not isinstance(kind, str) or not isinstance(value, str) or not value:",
        "resource_server/test_revocations.py::test_a_kind_that_is_not_known_is_refused_with_its_page",
    ),
    guard(
        "X9 D18", "scope", "resource_server/requirement.py", "        if not enough:\n", "        if False:\n",
        f"{_V}test_too_little_scope_is_403_and_names_what_is_needed",
    ),
    guard(
        "X9 L8", "how, and how long ago, somebody signed in", "resource_server/requirement.py",
        "if (self.acr_values or self.max_age is not None) and not self._authenticated(token, now):", "if False:",
        f"{_V}test_too_weak_or_too_old_a_sign_in_asks_for_another",
    ),
    guard(
        "X9 N2", "a bound token is no bearer token", _POSS, '        if shown.dpop or "jkt" in confirmation:\n',
        "        if shown.dpop:\n", f"{_P}test_a_bound_token_is_no_bearer_token",
    ),
    guard(
        "X9 N2", "by the key of the token", _POSS, "        if not _same(_jkt(jwk), jkt):\n", "        if False:\n",
        f"{_P}test_what_is_not_a_right_proof",
    ),
    guard(
        "X9 N2", "the proof's signature", _POSS, "        if not _verifies(jwk, alg, proof):\n", "        if False:\n",
        f"{_P}test_what_is_not_a_right_proof",
    ),
    guard(
        "X9 N2", "the proof's method", _POSS, '        if claims.get("htm") != sender.method:\n', "        if False:\n",
        f"{_P}test_what_is_not_a_right_proof[method]",
    ),
    guard(
        "X9 N2", "the proof's address", _POSS, "not isinstance(htu, str) or _normal(htu) != _normal(sender.url):",
        "not isinstance(htu, str):", f"{_P}test_what_is_not_a_right_proof[path]",
        f"{_P}test_what_is_not_a_right_proof[host]",
    ),
    guard(
        "X9 N2", "the proof's time", _POSS, "        if not now - _AGE_SECONDS <= iat <= now + _AHEAD_SECONDS:\n",
        "        if False:\n", f"{_P}test_what_is_not_a_right_proof[old]",
        f"{_P}test_what_is_not_a_right_proof[future]",
    ),
    guard(
        "X9 N2", "the proof's token", _POSS, '        if not _same(_digest(token.encode()), claims.get("ath")):\n',
        "        if False:\n", f"{_P}test_what_is_not_a_right_proof[ath]",
    ),
    guard(
        "X9 N2", "a proof works once", "resource_server/seen_proofs.py",
        "            if name in self._young or name in self._old:\n", "            if False:\n",
        f"{_P}test_a_proof_works_once",
        "resource_server/test_seen_proofs.py::test_a_proof_is_taken_once_while_it_could_be_taken_at_all",
    ),
    guard(
        "X9 X2", "the certificate of the token", _POSS,
        'if "x5t#S256" in confirmation and not _same(_thumbprint(sender.certificate), confirmation["x5t#S256"]):',
        "if False:", f"{_P}test_a_token_bound_to_a_certificate",
    ),
    guard(
        "X9 E2", "the key's own algorithm", _SIGNED, 'if jwt.header.get("alg") != key.alg:', "if False:",
        f"{_V}test_an_algorithm_that_is_only_said_counts_too",
    ),
    guard(
        "X9 E5", "a key's name is text", _SIGNED, "    if not isinstance(kid, str):\n", "    if False:\n",
        f"{_V}test_kid_must_be_text",
    ),
    guard(
        "X9 E8", "nested without end", "resource_server/jws.py", "except (ValueError, RecursionError):",
        "except ValueError:", f"{_V}test_claims_nested_without_end_are_refused",
    ),
    guard(
        "X9 J5", "keys from the issuer's origin alone", "resource_server/transport.py",
        "if (scheme, host) != self._origin[:2] or (port != self._origin[2] and not self._any_port):", "if False:",
        f"{_I}test_another_port_is_another_origin",
    ),
)  # fmt: skip
