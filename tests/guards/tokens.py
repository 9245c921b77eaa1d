"""E. JWTs and keys: what is not exactly right is none of ours; and what ours say."""

from __future__ import annotations

from .entry import guard, removal

_JOSE = "test_jose.py::test_what_is_not_exactly_right_is_rejected"
_T = "oauth/test_rfc6749_token.py::"
_SIGNATURE = "if not _verifies(signed.encode(), found, _bytes(signature)):"
_KEY = "if found is None or found.alg != alg or not _long_enough(found.key):"

GUARDS = (
    guard("E1 E2 E6", "the signature is verified", "jose.py", _SIGNATURE, "if False:", f"{_JOSE}[signed by another]"),
    guard(
        "E1 E2 C11", "one of four algorithms, and the key's", "jose.py", " or alg not in ASYMMETRIC:", ":",
        f"{_JOSE}[alg 'none']", f"{_JOSE}[alg 'HS256']",
        layers=(removal("jose.py", _KEY, "if found is None or not _long_enough(found.key):"),),
    ),
    guard(
        "E5", "a kid is a short text", "jose.py",
        "if not (kid is None or (isinstance(kid, str) and len(kid) <= 256)) or alg not in ASYMMETRIC:",
        "if alg not in ASYMMETRIC:", "test_jose.py::test_a_kid_that_is_no_short_text_is_not_looked_for",
    ),
    guard(
        "E6", "one spelling of each part", "jose.py", "if _base64url(raw) != segment:", "if False:",
        "test_jose.py::test_a_token_has_one_spelling",
    ),
    guard(
        "E6 E8", "a compact JWS, and no longer than one", "jose.py",
        '    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):\n        raise TokenRejected("not a '
        'compact JWS")\n    signed, _, signature',
        "    signed, _, signature", f"{_JOSE}[too long]",
    ),
    guard(
        "E7", "no crit and no b64", "jose.py", ' or "crit" in header or "b64" in header:', ":",
        f"{_JOSE}[unknown crit]", f"{_JOSE}[b64 false]",
    ),
    guard(
        "E8 E6", "times are integers", "jose.py", "if name in claims and type(claims[name]) is not int:", "if False:",
        f"{_JOSE}[exp fraction]", f"{_JOSE}[infinite]",
    ),
    guard(
        "E13", "names are text", "jose.py", "if name in claims and not isinstance(claims[name], str):", "if False:",
        f"{_JOSE}[sub number]", f"{_JOSE}[sid list]",
    ),
    guard(
        "E9 E13 C5 H9", "the type is compared", "jose.py", "    if found_typ not in typ:\n", "    if False:\n",
        f"{_JOSE}[typ 'JWT']",
    ),
    guard(
        "E13", "the issuer is compared", "jose.py", 'if issuer is not None and claims.get("iss") != issuer:',
        "if False:", f"{_JOSE}[iss of another]",
    ),
    guard(
        "E13", "the whole of it, and no list", "jose.py", 'if issuer is not None and claims.get("iss") != issuer:',
        'if issuer is not None and claims.get("iss", "") not in issuer:', f"{_JOSE}[iss prefix]", f"{_JOSE}[iss part]",
    ),
    guard(
        "E13", "the audience is compared", "jose.py", " or audience not in named:", ":", f"{_JOSE}[aud of another]",
        f"{_JOSE}[aud list of others]",
    ),
    guard(
        "E13", "what is required is there", "jose.py", " or any(claims.get(name) is None for name in require):", ":",
        f"{_JOSE}[without exp]", f"{_JOSE}[without sub]",
    ),
    guard(
        "E13", "an end is an end", "jose.py",
        'if not ignore_expiry and "exp" in claims and claims["exp"] <= now - leeway:', "if False:", f"{_JOSE}[expired]",
        f"{_JOSE}[expires now]",
    ),
    guard(
        "E13", "nothing from the future", "jose.py",
        'if any(claims.get(name, 0) > now + max(leeway, SKEW_SECONDS) for name in ("iat", "nbf")):', "if False:",
        f"{_JOSE}[from the future]", f"{_JOSE}[not yet]",
    ),
    guard(
        "D16", "a remembered signature dies with its key", "jose.py",
        "if found is not None and found.key is signed.key.key and found.alg == signed.key.alg:", "if True:",
        "test_jose.py::test_a_remembered_token_dies_with_its_key",
    ),
    guard(
        "D16", "a remembered signature is of its kind", "jose.py", "if signed is not None and signed.typ in typ:",
        "if signed is not None:", "test_jose.py::test_a_remembered_token_is_compared_anew",
    ),
    guard(
        "E2 E10", "a key is of the algorithm's kind", "jose.py",
        'if jwk.get("kty") != _KTY_OF_ALG.get(alg) or jwk.get("alg", alg) != alg', "if False",
        "test_jose.py::test_what_is_no_public_signing_key",
    ),
    guard(
        "E2", "a key is of the algorithm's curve", "jose.py",
        'return _loaded(jwk, alg) if jwk.get("crv") == _CRV_OF_ALG.get(alg, jwk.get("crv")) else None',
        "return _loaded(jwk, alg)", "test_jose.py::test_a_key_of_another_curve_does_not_verify",
    ),
    guard(
        "E10 J6", "RSA of 2048 bits", "jose.py", "or key.key_size >= 2048", "or key.key_size >= 1024",
        "test_jose.py::test_a_weak_key",
    ),
    guard(
        "E2 D16", "our own keys verify their own algorithm", "services/keys.py",
        "return found if found is not None and found.alg == alg else None", "return found",
        "services/test_keys.py::test_a_key_is_never_found_for_another_algorithm",
    ),
    guard(
        "E10", "published is what is public", "jose.py",
        "jwk: dict[str, Any] = _ALGORITHMS[alg].to_jwk(key.public_key(), as_dict=True)",
        "jwk: dict[str, Any] = _ALGORITHMS[alg].to_jwk(key, as_dict=True)",
        "test_jose.py::test_what_is_published_of_a_key_is_public",
        layers=(
            removal(
                "jose.py", 'return {**members, "kid": thumbprint(members)', 'return {**jwk, "kid": thumbprint(members)',
            ),
        ),
    ),
    guard(
        "E9", "an access token says what it is", "oauth/rfc9068_access_token.py", 'TYP = "at+jwt"', 'TYP = "JWT"',
        f"{_T}test_an_access_token_says_what_rfc_9068_wants_and_nothing_about_the_person",
    ),
    guard(
        "E9", "jti in every one", "oauth/rfc9068_access_token.py", '"jti": self._randomness.uuid().hex, ', "",
        f"{_T}test_an_access_token_says_what_rfc_9068_wants_and_nothing_about_the_person",
    ),
    guard(
        "E11", "discovery names the issuer, and exactly", "oauth/rfc8414_metadata.py", '"issuer": settings.issuer,',
        '"issuer": settings.issuer + "/",',
        "oidc/test_discovery.py::test_the_issuer_is_exact_and_every_address_is_beneath_it",
    ),
    guard(
        "E11 B5", "code alone is offered", "oauth/rfc8414_metadata.py", '"response_types_supported": ["code"],',
        '"response_types_supported": ["code", "token", "id_token"],',
        "oidc/test_discovery.py::test_only_what_works_is_listed",
    ),
    guard(
        "E14 D18", "stored claims pose as no others", "domain/claims.py",
        "return plain in IN_LANGUAGES and is_language_tag(language) if tagged else plain in KNOWN", "return True",
        "domain/test_claims.py::test_stored_claims_cannot_pose_as_protocol_claims",
    ),
    guard(
        "E14", "ours come last in an ID token", "oidc/core_id_token.py",
        '**self._about_the_person(grant), "iss": self._issuer', '"iss": self._issuer',
        "oidc/test_core_id_token.py::test_claims_asked_for_come_along_and_cannot_pose_as_others",
    ),
    guard(
        "E8", "a header nested without end", "jose.py",
        "header = json.loads(_bytes(segment).decode())\n    except (ValueError, RecursionError)",
        "header = json.loads(_bytes(segment).decode())\n    except (ValueError)", f"{_JOSE}[header deep]",
    ),
    guard(
        "E8", "claims nested without end", "jose.py",
        "claims = json.loads(payload.decode())\n    except (ValueError, RecursionError)",
        "claims = json.loads(payload.decode())\n    except (ValueError)", f"{_JOSE}[claims deep]",
    ),
    guard(
        "E9 D15 C5", "only an access token is read as one", "oauth/rfc9068_access_token.py",
        "token, self._keys.find, typ=(TYP,)", 'token, self._keys.find, typ=(TYP, "JWT", "logout+jwt")',
        "oauth/test_rfc7662_introspection.py::test_codes_and_id_tokens_are_inactive",
    ),
)  # fmt: skip
