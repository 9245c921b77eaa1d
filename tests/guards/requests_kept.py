"""B and N. Request objects, request_uri, pushed requests: who made them, for whom, how often they count."""

from __future__ import annotations

from .entry import guard, removal

_O = "oauth/test_rfc9101_request_object.py::"
_P = "oauth/test_rfc9126_par.py::"
_JAR, _PAR = "oauth/rfc9101_request_object.py", "oauth/rfc9126_par.py"

GUARDS = (
    guard(
        "B13", "unsigned is not supported", _JAR, "        if _is_unsigned(text):\n", "        if False:\n",
        f"{_O}test_an_unsigned_one_is_not_supported",
    ),
    guard(
        "B13", "the client in it is the client that asks", _JAR,
        'if claims["client_id"] != client.client_id or claims.get("iss", client.client_id) != client.client_id:',
        "if False:", f"{_O}test_what_is_wrong_inside_is_told_to_the_app[another client inside]",
    ),
    guard(
        "B13", "a client assertion is no request", _JAR, 'if claims.get("sub") == client.client_id:', "if False:",
        f"{_O}test_what_is_wrong_inside_is_told_to_the_app[a client assertion]",
    ),
    guard(
        "B13", "for us, if for anybody", _JAR,
        'audience=self._issuer if strict or "aud" in _unverified(text) else None', "audience=None",
        f"{_O}test_what_is_wrong_inside_is_told_to_the_app[for another server]",
    ),
    guard(
        "B13", "by the registered algorithm", _JAR,
        'if client.metadata.get("request_object_signing_alg", alg) != alg or not client.may_sign_with(alg):',
        "if False:", f"{_O}test_only_the_registered_algorithm",
    ),
    guard(
        "B13", "no other kind of token", _JAR, "typ=TYPES, issuer=None",
        'typ=(*TYPES, "dpop+jwt", "client-authentication+jwt", "at+jwt"), issuer=None',
        f"{_O}test_who_signed_is_the_client",
    ),
    guard(
        "B13", "one way at a time", _JAR, 'if "request" in sent and "request_uri" in sent:', "if False:",
        f"{_O}test_both_ways_at_once_are_refused",
    ),
    guard(
        "B13 N1", "no request within a request", _JAR, 'if name in ("request", "request_uri"):', "if False:",
        f"{_O}test_what_is_wrong_inside_is_told_to_the_app",
    ),
    guard(
        "B13 X8", "who is bound to sign signs", _JAR, "            if must_sign(client):\n", "            if False:\n",
        f"{_O}test_a_client_may_be_bound_to_sign",
    ),
    guard(
        "B13 X8", "and dates what it signs", _JAR,
        'if strict and (claims["nbf"] < now - MAX_LIFE_SECONDS or claims["exp"] > claims["nbf"] + MAX_LIFE_SECONDS):',
        "if False:", f"{_O}test_who_is_bound_to_sign_dates_what_it_signs",
    ),
    guard(
        "B13 X8", "what was pushed unsigned stays unsigned", _PAR, "if must_sign(client) and not found.signed:",
        "if False:", f"{_P}test_what_was_pushed_unsigned_is_not_taken_for_signed",
    ),
    guard(
        "B14", "only registered addresses are fetched", _JAR, "        if not _registered(uri, client):\n",
        "        if False:\n", f"{_O}test_a_registered_reference_is_fetched",
    ),
    guard(
        "B14", "kept only under its hash", _JAR, 'if _is_hash_of(uri.partition("#")[2], text):', "if True:",
        f"{_O}test_a_registered_reference_is_fetched",
    ),
    guard(
        "B14", "not without end", _JAR,
        "if wait := self._throttles.take(request_uri_brakes(client.client_id, self._address()), self._clock.now()):",
        "if False:", f"{_O}test_one_place_makes_us_fetch_only_so_many",
    ),
    guard(
        "N1", "bound to its client", "services/pushed_requests.py",
        "if found is None or found.client_id != client.client_id or found.used_at is not None:",
        "if found is None or found.used_at is not None:", f"{_P}test_a_reference_is_its_clients_alone",
    ),
    guard(
        "N1", "one answer", "storage/pushed_requests.py", "where(_KEY, pushed_requests.c.used_at.is_(None))",
        "where(_KEY)", f"{_P}test_of_two_tabs_one_is_answered",
        "storage/test_credentials.py::test_of_fifty_answers_to_a_pushed_request_one_is_given",
    ),
    guard(
        "N1", "used up by a code", "oauth/rfc6749_authorize.py",
        "                self._services.pushed_requests.answer(asked)\n                code =",
        "                code =", f"{_P}test_a_reference_earns_one_answer",
    ),
    guard(
        "N1", "used up by a refusal", "oauth/rfc6749_authorize.py",
        "                self._services.pushed_requests.answer(asked)\n            return "
        "self._modes.send(way, client, _error",
        "                pass\n            return self._modes.send(way, client, _error",
        f"{_P}test_an_error_is_an_answer",
    ),
    guard(
        "N1", "not used again", "services/pushed_requests.py", " or found.used_at is not None:", ":",
        f"{_P}test_a_reference_earns_one_answer",
        layers=(
            removal("storage/pushed_requests.py", "where(_KEY, pushed_requests.c.used_at.is_(None))", "where(_KEY)"),
        ),
    ),
    guard(
        "N1", "over is over", "services/pushed_requests.py",
        "return found if self._stores.clock.now() < found.expires_at else None", "return found",
        f"{_P}test_an_expired_reference_is_invalid",
    ),
    guard(
        "N1", "no reference is pushed", _PAR, 'if "request_uri" in parameters:', "if False:",
        f"{_P}test_a_bad_request_is_not_kept",
    ),
    guard(
        "N1", "no credential is kept", _PAR, "for name, value in parameters.pairs if name not in _CREDENTIALS])",
        "for name, value in parameters.pairs])", f"{_P}test_no_credential_and_no_reference_is_kept",
    ),
    guard(
        "N1", "who pushes is authenticated", _PAR, "client = self._authentication.authenticate(parameters, asked)",
        'client = self._authentication._clients.find(parameters.get("client_id", ""))',
        f"{_P}test_who_pushes_is_authenticated",
    ),
    guard(
        "N1 B8", "what was pushed counts, and nothing beside it", _PAR, "return Asked(Parameters(found.parameters),",
        "return Asked(Parameters([*dict([*found.parameters, *sent.pairs]).items()]),",
        f"{_P}test_what_stands_beside_the_reference_does_not_count",
    ),
    guard(
        "N1", "a bad request is not kept", _PAR, "        self._requests.read(request, client)\n", "",
        f"{_P}test_a_bad_request_is_not_kept",
    ),
    guard(
        "N1 B16", "no more is kept than of a browser", _PAR,
        "if kept_size(request.parameters) > MAX_FRONT_CHANNEL:", "if False:",
        f"{_P}test_no_more_is_kept_than_of_a_browser",
    ),
    guard(
        "N1", "who is bound to push pushes", _PAR, "            if pushed_required(client, self._settings):\n",
        "            if False:\n", f"{_P}test_a_client_may_be_bound_to_push",
        f"{_P}test_an_operator_may_bind_everybody_to_push",
    ),
    guard(
        "N1", "without a secret, not without end", _PAR,
        "if wait := self._throttles.take(pushed_request_brakes(client.client_id, address), self._clock.now()):",
        "if False:", f"{_P}test_who_pushes_without_a_secret_is_braked",
    ),
    guard(
        "N1", "nobody has us keep requests without end", "oauth/rfc6749_authorize.py",
        "if wait := self._services.interactions.wait_before(self._browser.origin().address, current):", "if False:",
        "services/test_interactions.py::test_what_strangers_have_us_keep_is_braked_by_place",
        "services/test_interactions.py::test_what_somebody_who_signed_in_has_us_keep_is_braked_by_person",
    ),
    guard(
        "N1 M9", "an interaction is answered once", "oauth/rfc6749_authorize.py",
        "if not self._services.interactions.complete(interaction):",
        "if self._services.interactions.complete(interaction) is None:",
        "oidc/test_core_request.py::test_an_answered_request_is_answered_once",
        layers=(
            removal(
                "oauth/rfc6749_authorize.py",
                "if interaction.completed_at is not None or self._services.interactions.expired(interaction):",
                "if False:",
            ),
        ),
    ),
)  # fmt: skip
