"""F, G, K and M, as far as they concern the protocol: sign-in, consent, pages, hosts, logs."""

from __future__ import annotations

from .entry import guard, removal

_S = "web/test_security.py::"
_Q = "oidc/test_core_request.py::"
_D = "domain/test_decision.py::"
_I = "services/test_sign_in.py::"
_W = "web/test_app_face.py::"

GUARDS = (
    guard(
        "F1 G1 I1 K2", "a stranger's form is refused by where it comes from", "web/__init__.py",
        "    if posted_from_elsewhere(request, pages.settings.issuer):\n", "    if False:\n",
        f"{_S}test_forms_of_strangers_are_refused_even_with_a_token",
    ),
    guard(
        "F1 G1 I1 K2", "and by its token", "web/__init__.py",
        'if not pages.browser.check_csrf(request.form.get(CSRF_FIELD, "")):', "if False:",
        f"{_S}test_no_post_without_the_token",
        layers=(
            removal(
                "web/forms.py", '        if not self.browser.check_csrf(field.data or ""):\n', "        if False:\n",
            ),
        ),
    ),
    guard(
        "F1 G1", "a token is of one browser", "browser.py",
        'return hmac.compare_digest(self._csrf(binding).encode(), token.encode("utf-8", "surrogatepass"))',
        "return bool(token)", "test_browser.py::test_a_form_of_somebody_elses_browser_signs_nobody_in",
    ),
    guard(
        "F2", "a new secret at every proof", "services/sign_in.py",
        "self._stores.sessions.prove(session.id, factors, secret_hash(secret), now, lasting)",
        "self._stores.sessions.prove(session.id, factors, session.secret_hash, now, lasting)",
        f"{_I}test_a_new_proof_renews_the_session_and_kills_the_old_secret",
    ),
    guard(
        "F2 H7", "somebody else ends the session that was there", "services/sign_in.py",
        "        elif there is not None:\n", "        elif False:\n",
        f"{_I}test_somebody_else_in_the_same_browser_ends_the_session_that_was_there",
    ),
    guard(
        "F3", "the name begins with __Host-", "browser.py", 'prefix = "__Host-" if settings.secure else ""',
        'prefix = ""', "test_browser.py::test_what_a_sign_in_sets",
    ),
    guard(
        "F3", "HttpOnly", "browser.py", "max_age=max_age, secure=self._settings.secure, httponly=True,",
        "max_age=max_age, secure=self._settings.secure, httponly=False,", "test_browser.py::test_what_a_sign_in_sets",
    ),
    guard(
        "F3", "Secure", "browser.py", "max_age=max_age, secure=self._settings.secure, httponly=True,",
        "max_age=max_age, secure=False, httponly=True,", "test_browser.py::test_what_a_sign_in_sets",
    ),
    guard(
        "F3", "SameSite", "browser.py", 'httponly=True, samesite="Lax",\n            path="/",\n',
        'httponly=True, samesite="None",\n            path="/",\n', "test_browser.py::test_what_a_sign_in_sets",
    ),
    guard(
        "F3", "two of one name are none", "browser.py", "if len(values) == 1 and _SECRET.fullmatch(values[0])",
        "if values and _SECRET.fullmatch(values[0])", "test_browser.py::test_two_cookies_of_one_name_are_none",
    ),
    guard(
        "F4", "Flask's own session cannot be used", "app.py", "    app.session_interface = NoFlaskSession()\n",
        '    app.secret_key = "x"\n', "test_app.py::test_flasks_own_session_cannot_be_used",
    ),
    guard(
        "F5", "nor in browsers that know no policy", "web/security.py", '    "X-Frame-Options": "DENY",\n', "",
        "web/test_markup.py::test_headers[sign-in]",
    ),
    guard(
        "F6 F7", "who does not exist is hashed too", "storage/passwords.py",
        "return self._matches(password_hash or self._nobody, secret[:MAX_BYTES]) and possible",
        "return possible and self._matches(password_hash or self._nobody, secret[:MAX_BYTES])",
        "storage/test_system.py::test_nobody_costs_as_much_as_somebody",
    ),
    guard(
        "F6 K13", "a disabled person is refused", "services/sign_in.py",
        "if user is None or not right or not user.live:", "if user is None or not right:",
        f"{_I}test_every_cause_is_refused_alike",
        layers=(removal("services/sign_in.py", "if held is None or not held.live or", "if held is None or"),),
    ),
    guard(
        "F8", "guesses are counted", "services/sign_in.py",
        "if wait := self._stores.throttles.take(brakes, self._stores.clock.now()):", "if False:",
        f"{_I}test_guesses_are_slowed_and_the_known_browser_is_not",
    ),
    guard(
        "F8 F9", "under one spelling of the address", "domain/user.py",
        'return unicodedata.normalize("NFKC", email.strip()).casefold()', "return email",
        "domain/test_throttle.py::test_one_account_has_one_counter_however_its_address_is_spelt",
    ),
    guard(
        "F8 E12", "forwarding headers from our proxies alone", "client_address.py",
        "    while _trusted(address, proxies) and hops:\n", "    while hops:\n",
        "test_client_address.py::test_without_proxies_nobody_is_believed",
    ),
    guard(
        "F9", "a known device has a lane of its own", "domain/throttle.py", "    if known_device is not None:\n",
        "    if False:\n", "domain/test_throttle.py::test_a_known_device_has_a_lane_of_its_own",
    ),
    guard(
        "F10", "no endless password is compared", "storage/passwords.py",
        "possible = password_hash is not None and len(secret) <= MAX_BYTES", "possible = password_hash is not None",
        "storage/test_system.py::test_an_overlong_password_is_wrong",
    ),
    guard(
        "F11", "people are led to pages of ours alone", "web/places.py",
        "return Destination(name) if name in _PAGES or name in _ACTIONS else HOME", "return Destination(name)",
        "web/test_places.py::test_what_is_not_ours_leads_home",
        layers=(
            removal(
                "web/places.py", "return {**_PAGES, **_ACTIONS}[self.name].format",
                "return {**_PAGES, **_ACTIONS}.get(self.name, self.name).format",
            ),
        ),
    ),
    guard(
        "G2 J2", "links are https or none", "web/app_face.py",
        'if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):', "if False:",
        f"{_W}test_links_are_https_or_none",
    ),
    guard(
        "G3", "Cancel wins", "domain/decision.py", "if interaction is not None and interaction.denied_at is not None:",
        "if False:", f"{_D}test_cancel_wins_over_everything",
        f"{_Q}test_cancel_is_told_to_the_app_and_leaves_no_consent",
    ),
    guard(
        "G5", "nothing without a session", "domain/decision.py",
        "    if session is None:\n        return SignIn(create=create)\n",
        "    if session is None:\n        return Issue()\n",
        f"{_D}test_nothing_is_issued_without_a_session_whatever_else_holds",
    ),
    guard(
        "G6", "names cannot lie by their letters", "web/app_face.py",
        'unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")', "True",
        f"{_W}test_names_cannot_lie_by_their_letters",
    ),
    guard(
        "G6", "nor hosts by theirs", "web/app_face.py", 'return host.encode("idna").decode("ascii")', "return host",
        f"{_W}test_links_show_their_host_in_ascii",
    ),
    guard(
        "G6", "nobody vouches for who registered themselves", "web/app_face.py",
        "host = (client.host if vouched or client.described_at_url else None) or host_of(uri)",
        "host = client.host or host_of(uri)", f"{_W}test_faces",
    ),
    guard(
        "G6 J2", "no control or direction characters are registered", "domain/metadata_members.py",
        'if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in value):', "if False:",
        "domain/test_client_metadata.py::test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "G7", "one scope more is asked for", "domain/decision.py", "    if new or consent is None or",
        "    if consent is None or", f"{_D}test_what_comes_next", f"{_Q}test_one_scope_more_is_asked_for",
    ),
    guard(
        "G7", "no consent is no consent", "domain/decision.py", "    if new or consent is None or", "    if new or",
        f"{_D}test_what_comes_next",
    ),
    guard(
        "G6 G7", "an app that others can pose as is asked about each time", "domain/decision.py",
        " or not client.identity_assured or", " or", f"{_D}test_what_comes_next",
    ),
    guard(
        "G7", "an answer counts in the session that gave it", "domain/decision.py",
        "return answered_in is not None and answered_in == session.id", "return answered_in is not None",
        f"{_D}test_what_comes_next",
    ),
    guard(
        "G7 D18", "single claims are asked for like their scopes", "domain/interaction.py",
        "scope_with_claims(self.scope, self.claims)", "self.scope",
        "oidc/test_core_userinfo.py::test_single_claims_are_asked_for_at_consent",
    ),
    guard(
        "K2 K3", "ending others needs a fresh proof", "services/sessions.py",
        "        if age > self._settings.proof_life:\n", "        if False:\n",
        "services/test_sessions.py::test_an_old_proof_ends_nobody_else",
    ),
    guard(
        "K12 A7", "sub is never used again", "services/accounts.py",
        'self._save(replace(held, email="", email_verified=False, password_hash=None, claims={}, deleted_at=now))',
        "self._save(replace(held, email_verified=False, password_hash=None, claims={}, deleted_at=now))",
        "services/test_accounts.py::test_a_deleted_person_leaves_a_tombstone_and_a_free_address",
    ),
    guard(
        "E12 K7 M6", "another host is misdirected", "every_request.py", "        abort(421)\n", "        return\n",
        "test_app.py::test_another_host_is_misdirected[/authorize-evil.example]",
        "test_app.py::test_another_host_is_misdirected[/login-evil.example]",
    ),
    guard(
        "E12 M6", "in the lane of documents, too", "documents.py", 'and environ.get("HTTP_HOST") == self._host',
        "and True", "test_app.py::test_another_host_is_misdirected[/.well-known/openid-configuration-evil.example]",
    ),
    guard(
        "M5", "what a cookie decides says so", "web/security.py", '            response.vary.add("Cookie")\n', "",
        "web/test_markup.py::test_headers[sign-in]",
    ),
    guard(
        "M8", "secrets are hidden by name", "logs.py",
        "return HIDDEN if _SECRET_NAME.search(name) and value is not None else _clean(value)", "return _clean(value)",
        "test_logs.py::test_secrets_are_hidden_by_name",
    ),
    guard(
        "M8", "tokens are hidden wherever they stand", "logs.py", "return _SECRET_VALUE.sub(HIDDEN, value)",
        "return value", "test_logs.py::test_tokens_are_hidden_wherever_they_stand",
    ),
    guard(
        "M8", "a request's line has no query", "logs.py", "method=request.method, path=request.path, status",
        "method=request.method, path=request.full_path, status",
        "test_logs.py::test_a_request_is_one_line_without_its_query",
    ),
    guard(
        "M11", "an error's description is plain", "errors.py", "        self.description = _public(description)\n",
        "        self.description = description\n", "oauth/test_requests.py::test_a_description_is_plain",
    ),
    guard(
        "F13", "of the query only what we say ourselves is shown", "web/failed_requests.py",
        "parameter=parameter if parameter in PARAMETERS else None", "parameter=parameter",
        "web/test_failed_requests.py::test_what_we_never_say_is_not_shown",
    ),
    guard(
        "F4 C10", "of a session's secret a hash is kept", "services/sign_in.py",
        "device_id=device.id, secret_hash=secret_hash(secret),", "device_id=device.id, secret_hash=secret.encode(),",
        "services/test_sign_in.py::test_of_the_secret_of_a_session_a_hash_is_kept",
    ),
    guard(
        "F5 H4", "framed by nobody", "web/security.py",
        '"form-action \'self\'; frame-ancestors \'none\'; base-uri \'none\'; "',
        '"form-action \'self\'; base-uri \'none\'; "', "web/test_markup.py::test_headers[sign-in]",
    ),
    guard(
        "F13", "nothing inline runs", "web/security.py",
        '"default-src \'none\'; script-src \'self\'; style-src \'self\';',
        '"default-src \'none\'; script-src \'self\' \'unsafe-inline\'; style-src \'self\';',
        "web/test_markup.py::test_headers[sign-in]",
    ),
    guard(
        "E12 M6", "in the fast lane, too", "fast_lane.py", 'environ.get("HTTP_HOST", "").lower() != self._host',
        "False", "test_fast_lane.py::test_another_host_is_the_ordinary_lanes_affair",
    ),
    guard(
        "M7", "a terminal gets no controls", "logs.py", "return [*cleaned, escape_controls, console]",
        "return [*cleaned, console]", "test_logs.py::test_a_terminal_gets_words_without_controls_or_secrets",
    ),
    guard(
        "M7", "a path cannot forge a line", "logs.py", "_JSON.encode(_clean(text))",
        '\'"\' + str(_clean(text)) + \'"\'', "test_logs.py::test_a_path_cannot_forge_a_line",
    ),
    guard(
        "M8", "libraries that print tokens are quiet", "logs.py", "logging.getLogger(library).setLevel(quiet)", "pass",
        "test_logs.py::test_libraries_that_print_secrets_are_held_at_warning", anew=True,
    ),
    guard(
        "F13 G2 A9", "what is shown is escaped", "web/__init__.py", "    speak(app)\n",
        "    speak(app)\n    app.jinja_env.autoescape = False\n",
        "web/test_markup.py::test_nothing_typed_comes_back_as_markup_nor_a_password_at_all", anew=True,
    ),
)  # fmt: skip
