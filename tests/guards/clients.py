"""C. Client authentication: secrets, assertions, certificates, and guessing."""

from __future__ import annotations

from .entry import guard, removal

_C = "oauth/test_rfc6749_client_authentication.py::"
_SAME = f"{_C}test_every_failure_reads_the_same"
_J = "oauth/test_rfc7523_client_assertion.py::"
_BAD = f"{_J}test_what_is_not_a_right_assertion_is_invalid_client"
_HOW = "oauth/rfc6749_client_authentication.py"
_ASSERT = "oauth/rfc7523_client_assertion.py"
_TLS = "oauth/test_rfc8705_mtls.py::"

GUARDS = (
    guard(
        "C8 C9 D6", "the secret is compared", _HOW,
        "return hmac.compare_digest(given, client.secret_hash or _NOBODY) and client.secret_hash is not None",
        "return True", f"{_SAME}[wrong secret]", f"{_SAME}[prefix of the secret]",
        f"{_C}test_a_wrong_secret_burns_no_code_and_no_refresh_token",
    ),
    guard(
        "C8", "401 says how", _HOW, 'charset="UTF-8"\'} if challenge else {}', 'charset="UTF-8"\'} if False else {}',
        f"{_SAME}[wrong secret]",
    ),
    guard(
        "C9 C11 D6", "the registered method and no other", _HOW,
        "        if client.token_endpoint_auth_method is not presented.method:\n", "        if False:\n",
        f"{_SAME}[client_id alone]", f"{_SAME}[post where Basic is registered]",
    ),
    guard(
        "C9", "one way at a time", _HOW, "if len(found) > 1:", "if False:",
        f"{_C}test_two_ways_at_once_are_refused_whichever_is_right",
    ),
    guard(
        "C9", "the client_id beside it is the same", _HOW, "if named is not None and named != found[0].client_id:",
        "if False:", f"{_C}test_the_same_client_id_beside_basic_is_fine_another_is_not",
    ),
    guard(
        "C9", "base64 in its one spelling", _HOW, "if base64.b64encode(raw).decode() != encoded.strip():", "if False:",
        f"{_SAME}[other unused bits]",
    ),
    guard(
        "C9", "base64 and nothing else", _HOW, "base64.b64decode(encoded.strip(), validate=True)",
        "base64.b64decode(encoded.strip())", f"{_SAME}[base64 with a space]",
        layers=(removal(_HOW, "if base64.b64encode(raw).decode() != encoded.strip():", "if False:"),),
    ),
    guard(
        "C10 J12", "only a hash is kept", "services/clients.py", "secret_hash=secret_hash(secret) if secret else None,",
        "secret_hash=secret.encode() if secret else None,", f"{_C}test_only_a_hash_of_256_bits_is_kept",
    ),
    guard(
        "C10 J12", "a change is told when nobody goes by the record of before", "storage/clients.py",
        "        self._leases.settle()\n", "        return\n",
        "storage/test_client_leases.py::test_nobody_is_taken_for_what_they_were_once_the_change_is_told",
    ),
    guard(
        "C10 J12", "256 bits by chance", "storage/system.py", "return secrets.token_urlsafe(32)",
        'return secrets.token_urlsafe(16).ljust(43, "A")',
        "storage/test_system.py::test_a_token_has_256_bits_of_chance",
    ),
    guard(
        "C14 J9 K13", "a disabled client is an unknown one", _HOW,
        "self._proven(client, presented, asked) and client.disabled_at is None:",
        "self._proven(client, presented, asked):", f"{_C}test_a_disabled_client_is_an_unknown_one",
    ),
    guard(
        "C19", "guesses are counted", _HOW, "if wait := self._throttles.take(brakes, self._clock.now()):", "if False:",
        f"{_C}test_guessing_a_secret_is_slowed_and_locks_nobody_out",
    ),
    guard(
        "C19", "by place, so that nobody locks a client", "domain/throttle.py",
        'Brake(_key("client secret", client_id, network_of(address)), 50, 300)',
        'Brake(_key("client secret", client_id), 50, 300)',
        f"{_C}test_guessing_a_secret_is_slowed_and_locks_nobody_out",
    ),
    guard(
        "C11", "signed by a registered key", _HOW, "        except TokenRejected:\n            return False\n",
        "        except TokenRejected:\n            return True\n", f"{_BAD}[wrong key]", f"{_BAD}[none]",
        f"{_BAD}[HS256 with the public key]", f"{_BAD}[self-signed]",
    ),
    guard(
        "C11", "by the registered algorithm", _ASSERT,
        "if client.token_endpoint_auth_signing_alg not in (None, alg) or not client.may_sign_with(alg):", "if False:",
        f"{_J}test_the_registered_algorithm_is_the_only_one",
    ),
    guard(
        "C11 X8", "by an algorithm of the profile", "domain/client.py",
        "return self.fapi2 is None or alg in FAPI2_ALGS", "return True",
        "oauth/test_fapi2.py::test_an_assertion_that_the_profile_does_not_take",
        layers=(removal(_ASSERT, "if client.token_endpoint_auth_signing_alg not in (None, alg) or", "if"),),
    ),
    guard(
        "C12", "iss is the client", _ASSERT, "issuer=client.client_id, audience=None,", "issuer=None, audience=None,",
        f"{_BAD}[iss is another]",
    ),
    guard("C12", "aud is us", _ASSERT, ' or claims["aud"] not in self._audiences(client):', ":", f"{_BAD}[other aud]"),
    guard(
        "C12", "aud is one string", _ASSERT, 'claims["aud"] not in self._audiences(client):',
        'not set(self._audiences(client)) & {*([claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"])}:',
        f"{_BAD}[aud array]", f"{_BAD}[aud array with another]",
    ),
    guard(
        "C12", "no endpoint for aud where the operator says so", _ASSERT,
        '_endpoints(settings) if settings.assertion_audience == "endpoint" else {}', "_endpoints(settings)",
        f"{_J}test_the_operator_may_have_the_issuer_alone",
    ),
    guard(
        "C12", "no endpoint for aud but the one that is asked", _ASSERT, "self._endpoints.get(request.path, ())",
        "sum(self._endpoints.values(), ())", f"{_BAD}[another endpoint as aud]",
    ),
    guard(
        "C12 X8", "and none under FAPI 2.0", _ASSERT, "(() if client.fapi2 or everywhere else",
        "(() if everywhere else", f"{_J}test_under_fapi_the_issuer_alone",
    ),
    guard(
        "C12 X1", "nor of a client that is the same everywhere", _ASSERT, "(() if client.fapi2 or everywhere else",
        "(() if client.fapi2 else",
        "oauth/test_client_id_metadata_document.py::test_one_with_a_key_proves_itself_by_it",
    ),
    guard(
        "C12", "an end within the hour", _ASSERT,
        'if claims["exp"] > int(self._clock.now().timestamp()) + MAX_LIFE_SECONDS:', "if False:",
        f"{_BAD}[exp too far]",
    ),
    guard(
        "C12", "what is required is there", _ASSERT, 'require=("iss", "sub", "aud", "exp", "jti")',
        'require=("iss", "sub", "aud")', f"{_BAD}[no exp]", f"{_BAD}[no jti]",
    ),
    guard(
        "C12", "used once", _ASSERT, 'raise TokenRejected("jti used before")', "pass",
        f"{_J}test_an_assertion_works_once",
    ),
    guard(
        "C12", "remembered until it has ended", "storage/assertion_ids.py",
        '{"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}) == 1',
        '{"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}) >= 0',
        "storage/test_credentials.py::test_an_assertion_is_used_once",
    ),
    guard(
        "C11", "a key for signatures", "jose.py", 'jwk.get("use", "sig") != "sig"', "False",
        "test_jose.py::test_what_is_no_public_signing_key",
    ),
    guard(
        "X2", "a certificate within its time", "oauth/rfc8705_mtls.py",
        "if certificate is None or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:",
        "if certificate is None:", f"{_TLS}test_a_certificate_over_a_registered_key",
    ),
    guard(
        "X2", "of a named authority", "oauth/rfc8705_mtls.py",
        "return self._issued(certificate, now) and _named(client, certificate)", "return _named(client, certificate)",
        f"{_TLS}test_what_the_authority_did_not_sign_for_this",
    ),
    guard(
        "X2", "for the registered subject", "oauth/rfc8705_mtls.py",
        "return self._issued(certificate, now) and _named(client, certificate)",
        "return self._issued(certificate, now)",
        f"{_TLS}test_a_certificate_of_the_authority_for_the_registered_subject",
    ),
    guard(
        "X2", "a certificate for clients", "oauth/rfc8705_mtls.py",
        "if isinstance(extension, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in extension:",
        "if False:", f"{_TLS}test_what_the_authority_did_not_sign_for_this",
    ),
    guard(
        "X2", "self-signed: over a registered key", "oauth/rfc8705_mtls.py", "return any(shown == spki for",
        "return any(True for", f"{_TLS}test_a_certificate_over_a_registered_key",
    ),
    guard(
        "X2 E12", "a certificate's header from our proxies alone", "client_certificate.py",
        'if told and from_proxy(environ.get("REMOTE_ADDR"), self._proxies):', "if told:",
        f"{_TLS}test_only_a_proxy_we_were_told_of_is_believed",
    ),
    guard(
        "X2", "a token bound to a certificate needs it", "oauth/sender_constraint.py",
        'if "x5t#S256" in bound_to and not _same(thumbprint(asked), bound_to["x5t#S256"]):', "if False:",
        f"{_TLS}test_a_bound_token_needs_its_certificate",
    ),
    guard(
        "X2", "a refresh token bound to a certificate needs it", "storage/refresh_families.py",
        '        or_(_F.x5t.is_(None), _F.x5t == bindparam("proven_x5t", type_=Text)),\n',
        '        or_(_F.x5t.is_(None), _F.x5t == bindparam("proven_x5t", type_=Text), _F.x5t.is_not(None)),\n',
        f"{_TLS}test_the_refresh_token_of_a_public_client_needs_the_certificate",
    ),
    guard(
        "X2", "who promised a certificate must show one", "oauth/sender_constraint.py",
        "if client.certificate_bound and certificate is None:", "if False:",
        f"{_TLS}test_a_bound_token_needs_its_certificate",
    ),
    guard(
        "C12", "sub is the client", _ASSERT,
        'if claims["sub"] != client.client_id or claims["aud"] not in self._audiences(client):',
        'if claims["aud"] not in self._audiences(client):', f"{_BAD}[sub is another]",
        layers=(removal(_ASSERT, 'return claimed(assertion, "sub")', 'return claimed(assertion, "iss")'),),
    ),
)  # fmt: skip
