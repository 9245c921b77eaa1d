"""A. redirect_uri: to the letter, vetted first, answered rightly."""

from __future__ import annotations

from .entry import guard, removal

_A = "oauth/test_rfc6749_authorize.py::"
_M = "domain/test_client_metadata.py::"
_MATCH = "if redirect_uri in client.redirect_uris:"

GUARDS = (
    guard(
        "A1 A3", "compared whole, not by its beginning", "oauth/rfc8252_loopback.py", _MATCH,
        "if any(redirect_uri.startswith(known) for known in client.redirect_uris):",
        f"{_A}test_a_redirect_uri_is_compared_code_point_by_code_point",
    ),
    guard(
        "A1", "compared without regard to case? no", "oauth/rfc8252_loopback.py", _MATCH,
        "if redirect_uri.lower() in client.redirect_uris:",
        f"{_A}test_a_redirect_uri_is_compared_code_point_by_code_point",
    ),
    guard(
        "A1", "compared as it was sent, not unescaped", "oauth/rfc8252_loopback.py", _MATCH,
        'if redirect_uri in client.redirect_uris or __import__("urllib.parse").parse.unquote(redirect_uri) in '
        "client.redirect_uris:",
        f"{_A}test_a_redirect_uri_is_compared_code_point_by_code_point",
    ),
    guard(
        "A1 A2 A3 A7 B13", "compared at all", "oauth/authorization_requests.py",
        "if not redirect_uri_matches(client, redirect_uri):", "if False:",
        f"{_A}test_a_redirect_uri_is_compared_code_point_by_code_point",
        f"{_A}test_another_apps_redirect_uri_is_not_registered",
        "oauth/test_rfc9101_request_object.py::test_an_address_inside_is_vetted_like_any_other",
    ),
    guard(
        "A7", "asked again when a kept request is resumed", "oauth/rfc6749_authorize.py",
        "        check_redirect_uri(interaction.request.redirect_uri, client)  # it may have been taken back "
        "meanwhile\n",
        "", f"{_A}test_an_address_that_was_taken_back_meanwhile_gets_no_answer",
    ),
    guard(
        "A2 J2", "no user information in a registered address", "domain/redirect_uris.py",
        'if parts.username is not None or parts.password is not None or "@" in parts.netloc:', "if False:",
        f"{_M}test_a_web_app_cannot_register",
    ),
    guard(
        "A3 J2", "https, or loopback", "domain/redirect_uris.py",
        'return None if is_loopback(host) else "http is for loopback only; use https"', "return None",
        f"{_M}test_a_web_app_cannot_register",
    ),
    guard(
        "A4", "no wildcards in a registered host", "domain/redirect_uris.py",
        'return None if host and "*" not in host else', "return None if host else",
        f"{_M}test_a_web_app_cannot_register",
    ),
    guard(
        "A5 B8", "two are none", "oauth/authorization_requests.py", 'if "redirect_uri" in parameters.repeated:',
        "if False:", f"{_A}test_two_redirect_uris_are_none",
    ),
    guard(
        "A6", "never guessed", "oauth/authorization_requests.py",
        'redirect_uri = parameters.require("redirect_uri", "RFC 6749 3.1.2.3")',
        'redirect_uri = parameters.get("redirect_uri") or client.redirect_uris[0]',
        f"{_A}test_a_redirect_uri_is_never_guessed",
    ),
    guard(
        "A8", "an error goes to a vetted address only", "oauth/rfc6749_authorize.py",
        "redirect_uri = vetted_redirect_uri(parameters, client)\n        except ProtocolError:",
        'redirect_uri = parameters["redirect_uri"]\n        except KeyError:',
        f"{_A}test_a_second_error_never_redirects_before_app_and_address_are_vetted",
    ),
    guard(
        "A9 K13", "a disabled app is an unknown one", "oauth/rfc6749_authorize.py",
        "if client is None or client.disabled_at is not None:", "if client is None:",
        f"{_A}test_a_disabled_client_is_unknown",
    ),
    guard(
        "A9", "an unknown client_id is not repeated", "oauth/rfc6749_authorize.py", '"client_id names no app we know"',
        'f"{parameters[\'client_id\']} names no app we know"',
        f"{_A}test_an_unknown_client_is_told_to_the_person_and_not_repeated",
    ),
    guard(
        "A10", "the same at the token endpoint", "oauth/rfc6749_grants.py",
        "if self.request.payload.redirect_uri != loaded.redirect_uri:", "if False:",
        "oauth/test_rfc6749_token.py::test_what_does_not_fit_gets_nothing_and_burns_nothing",
        layers=(removal("oauth/rfc6749_grants.py", "return self.code.redirect_uri", 'return ""'),),
    ),
    guard(
        "A11", "of loopback the port alone may vary", "oauth/rfc8252_loopback.py",
        "asked.group(1, 3) == registered.group(1, 3)", "asked.group(1) == registered.group(1)",
        "oauth/test_rfc8252_loopback.py::test_nothing_but_the_port_may_vary",
    ),
    guard(
        "A11", "of loopback the address does not vary", "oauth/rfc8252_loopback.py",
        "asked.group(1, 3) == registered.group(1, 3)", "asked.group(3) == registered.group(3)",
        "oauth/test_rfc8252_loopback.py::test_nothing_but_the_port_may_vary",
    ),
    guard(
        "A11", "loopback is an address of this machine to the end", "oauth/rfc8252_loopback.py",
        'r"http://(127\\.0\\.0\\.1|\\[::1\\])(?::([0-9]{1,5}))?(/[^#\\\\]*)?")',
        'r"http://(127\\.0\\.0\\.1|\\[::1\\])[^/:]*(?::([0-9]{1,5}))?(/[^#\\\\]*)?")',
        "oauth/test_rfc8252_loopback.py::test_nothing_but_the_port_may_vary",
    ),
    guard(
        "A11", "another port is for native apps", "oauth/rfc8252_loopback.py",
        'if client.application_type != "native":', "if False:",
        "oauth/test_rfc8252_loopback.py::test_not_for_a_web_app",
    ),
    guard(
        "A12 J2", "a scheme of one's own is a reversed domain", "domain/redirect_uris.py", 'if "." not in scheme:',
        "if False:", f"{_M}test_a_native_app_cannot_register",
    ),
    guard(
        "A12 J2", "a scheme of one's own is for native apps", "domain/redirect_uris.py",
        'if application_type != "native":', "if False:", f"{_M}test_a_web_app_cannot_register",
    ),
    guard(
        "A13", "303 to the client", "oauth/responses.py", 'Response(status=303, headers={"Location": target',
        'Response(status=307, headers={"Location": target',
        f"{_A}test_the_answer_is_a_303_with_code_state_and_iss_alone",
    ),
    guard(
        "A13", "303 after the password", "web/pages.py", "redirect(self.path(path, query), 303)",
        "redirect(self.path(path, query), 307)", "web/test_sign_in.py::test_sign_in_leads_back_to_the_app",
    ),
    guard(
        "A14", "iss in every answer", "oauth/rfc9207_issuer.py", ', "iss": issuer}', "}",
        f"{_A}test_the_answer_is_a_303_with_code_state_and_iss_alone",
        f"{_A}test_what_is_wrong_is_told_to_the_app_with_state_and_iss",
    ),
    guard(
        "A15", "state is one value", "oauth/responses.py", "{urlencode(parameters, quote_via=quote)}",
        "{'&'.join('='.join(pair) for pair in parameters.items())}",
        f"{_A}test_state_comes_back_as_one_value_unaltered",
        "oauth/test_requests.py::test_no_state_can_add_a_parameter",
    ),
    guard(
        "A16", "state in every answer", "oauth/rfc9207_issuer.py",
        '**({"state": state} if state is not None else {}), ', "",
        f"{_A}test_what_is_wrong_is_told_to_the_app_with_state_and_iss",
    ),
    guard(
        "A17 B17", "pages say no referrer", "web/security.py", '    "Referrer-Policy": "no-referrer",\n', "",
        "web/test_markup.py::test_headers",
    ),
)  # fmt: skip
