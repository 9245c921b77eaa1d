"""N. DPoP: a proof is for this request, by this key, once."""

from __future__ import annotations

from .entry import guard, removal

_D = "oauth/test_rfc9449_dpop.py::"
_BAD = f"{_D}test_what_is_not_a_right_proof_opens_nothing"
_PROOF, _BINDS = "oauth/rfc9449_dpop.py", "oauth/sender_constraint.py"

GUARDS = (
    guard("N2", "the method", _PROOF, 'if claims["htm"] != method:', "if False:", f"{_BAD}[another method]"),
    guard(
        "N2", "the address", _PROOF, ' or normal(claims["htu"]) not in [normal(uri) for uri in uris]:', ":",
        f"{_BAD}[another endpoint]", f"{_BAD}[another host]",
    ),
    guard(
        "N2", "the time", _PROOF, 'if claims["iat"] < self._now() - AGE_SECONDS:', "if False:",
        f"{_BAD}[iat an hour ago]",
    ),
    guard(
        "N2", "not from the future", _PROOF, "AHEAD_SECONDS = 15", "AHEAD_SECONDS = 3600",
        f"{_BAD}[iat a minute ahead]",
    ),
    guard(
        "N2", "the type", "jose.py", "if alg in algs else None, (typ,))",
        'if alg in algs else None, (typ, "JWT", None))', f"{_BAD}[another typ]", f"{_BAD}[no typ]",
    ),
    guard(
        "N2", "no private key", "jose.py", "if not isinstance(jwk, dict) or _SECRET_MEMBERS & jwk.keys():",
        "if not isinstance(jwk, dict):", f"{_BAD}[private jwk]",
    ),
    guard(
        "N2", "what is required is there", _PROOF, '_REQUIRED = ("jti", "htm", "htu", "iat")',
        '_REQUIRED = ("htm", "htu", "iat")', f"{_BAD}[no jti]",
    ),
    guard(
        "N2", "used once", _PROOF, "if not self._used.claim(jkt, digest, until):",
        "if self._used.claim(jkt, digest, until) is None:", f"{_D}test_a_proof_works_once",
    ),
    guard(
        "N2", "our nonce, where the operator says so", _PROOF,
        'if self._nonces is not None and not self._nonces.good(claims.get("nonce")):', "if False:",
        f"{_D}test_a_proof_must_name_our_nonce_where_the_operator_says_so",
    ),
    guard(
        "N2", "a nonce of ours, and lately", _PROOF,
        "return any(hmac.compare_digest(nonce, self._of(turn - back)) for back in (0, 1))", "return True",
        f"{_D}test_nobody_else_makes_our_nonces",
    ),
    guard("N2", "by the key of the token", _BINDS, "if not _same(jkt, bound_to):", "if False:", f"{_BAD}[another key]"),
    guard(
        "N2", "a bound token is no bearer token", _BINDS, 'if presented.dpop or "jkt" in bound_to:',
        "if presented.dpop:", f"{_D}test_a_bound_token_is_nothing_to_whoever_merely_has_it",
    ),
    guard(
        "N2", "nor under the scheme Bearer", _BINDS, "if not presented.dpop or not isinstance(bound_to, str):",
        "if not isinstance(bound_to, str):", f"{_D}test_a_bound_token_is_nothing_to_whoever_merely_has_it",
    ),
    guard(
        "N2", "a bearer token does not become a bound one", _BINDS,
        "if not presented.dpop or not isinstance(bound_to, str):", "if not presented.dpop:",
        f"{_D}test_a_bearer_token_does_not_become_a_bound_one",
        layers=(removal(_BINDS, "if not _same(jkt, bound_to):", "if bound_to and not _same(jkt, bound_to):"),),
    ),
    guard(
        "N2", "who promised proofs must send them", _BINDS, "if client.dpop_bound and jkt is None:", "if False:",
        f"{_D}test_a_client_that_promised_proofs_must_send_them",
    ),
    guard(
        "N2", "a code is bound to the key it was asked for", "oauth/rfc6749_grants.py",
        'if loaded.dpop_jkt not in (None, self.request.confirmation.get("jkt")):', "if False:",
        f"{_D}test_a_code_is_worth_nothing_without_the_key_it_was_asked_for",
    ),
    guard(
        "N2", "a proof at PAR is that of dpop_jkt", _PROOF, "        if named is not None:\n", "        if False:\n",
        f"{_D}test_a_proof_at_par_binds_the_code_as_well",
    ),
    guard(
        "N2", "a refresh token is bound to the key", "storage/refresh_families.py",
        '        or_(_F.jkt.is_(None), _F.jkt == bindparam("proven_jkt", type_=Text)),',
        '        or_(_F.jkt.is_(None), _F.jkt == bindparam("proven_jkt", type_=Text), _F.jkt.is_not(None)),',
        f"{_D}test_the_refresh_token_of_a_public_client_needs_the_key",
    ),
    guard(
        "N2 D1", "without the key nothing follows, not even an end", "domain/refresh.py",
        " or not family.held_by(confirmation):", ":",
        f"{_D}test_an_old_token_without_its_key_ends_nothing_and_with_it_the_session",
    ),
    guard(
        "N2", "a public client's family is bound at birth", "services/founding.py",
        'jkt=confirmation.get("jkt") if client.public else None,', "jkt=None,",
        f"{_D}test_the_refresh_token_of_a_public_client_needs_the_key",
    ),
    guard(
        "N2", "a thumbprint looks like one", _PROOF, "if jkt is not None and not _JKT.fullmatch(jkt):", "if False:",
        f"{_D}test_a_malformed_thumbprint_is_refused",
    ),
    guard(
        "N2", "an unknown binding is refused", _BINDS,
        'if not isinstance(bound_to, dict) or set(bound_to) - {"jkt", "x5t#S256"}:', "if False:",
        f"{_D}test_a_binding_that_we_do_not_know_is_refused",
    ),
    guard(
        "N2", "the algorithm", "jose.py", "verify_key(jwk, alg) if alg in algs else None, (typ,))",
        "verify_key(jwk, alg), (typ,))",
        "oauth/test_rfc9449_dpop.py::test_nothing_is_bound_by_an_algorithm_that_is_not_ours",
    ),
)  # fmt: skip
