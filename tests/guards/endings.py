"""H. Logout: who may end what, where one is led then, and what an ending ends."""

from __future__ import annotations

from .entry import guard

_L = "oidc/test_rp_initiated_logout.py::"
_B = "oidc/test_backchannel_logout.py::"
_F = "oidc/test_frontchannel_logout.py::"
_OUT = "oidc/rp_initiated_logout.py"

GUARDS = (
    guard(
        "H1", "a registered address, to the letter", _OUT,
        "if uri not in client.post_logout_redirect_uris:", "if False:",
        f"{_L}test_no_address_but_a_registered_one_is_redirected_to",
    ),
    guard(
        "H1", "compared whole, not by its beginning", _OUT,
        "if uri not in client.post_logout_redirect_uris:",
        "if not uri.startswith(client.post_logout_redirect_uris):",
        f"{_L}test_no_address_but_a_registered_one_is_redirected_to",
    ),
    guard(
        "H1", "registered like a redirect URI", "domain/client_metadata.py",
        'post_logout_redirect_uris=_uris(sent, "post_logout_redirect_uris", application_type, '
        '"invalid_client_metadata"),',
        'post_logout_redirect_uris=strings(sent, "post_logout_redirect_uris"),',
        "domain/test_client_metadata.py::test_nor_as_the_place_to_go_after_signing_out",
    ),
    guard(
        "H2", "client_id alone leads nowhere by itself", _OUT,
        "if target is None or not (after_form or asked.proven or (asked.hinted and asked.vouched)):",
        "if target is None:", f"{_L}test_whoever_is_not_signed_in_is_led_on_or_told",
    ),
    guard(
        "H2 B8", "no repeated parameter", _OUT, "        refuse_repeats(parameters)\n", "",
        f"{_L}test_a_repeated_parameter_is_refused",
    ),
    guard(
        "H3", "anything less than a proof asks", _OUT, "if current is not None and not asked.proven:", "if False:",
        f"{_L}test_anything_less_asks_and_ends_nothing",
    ),
    guard(
        "H3", "the hint is of this very session", _OUT,
        "return self._services.tokens.session_of(sid) == current.session.id", "return True",
        f"{_L}test_anything_less_asks_and_ends_nothing",
    ),
    guard(
        "H3", "a HEAD ends nothing and earns no code", "every_request.py", '    if request.method == "HEAD":\n',
        "    if False:\n", f"{_L}test_a_head_is_not_answered",
    ),
    guard(
        "H4", "the answer comes from our form", _OUT,
        'if not self._browser.check_csrf(request.form.get("csrf_token", "")):', "if False:",
        f"{_L}test_the_answer_must_come_from_our_form",
    ),
    guard(
        "H5 K13", "an ended session opens nothing", "services/sessions.py",
        "if not session.live(now) or not user.live:", "if not user.live:", f"{_L}test_the_old_cookie_is_dead",
    ),
    guard(
        "H5", "ended, over or idle", "domain/session.py", "return self.ended_at is None and now", "return now",
        "domain/test_session.py::test_live",
    ),
    guard(
        "H5", "an absolute end", "domain/session.py", " and now < self.expires_at", "",
        "domain/test_session.py::test_live",
    ),
    guard("H5", "an idle end", "domain/session.py", " and now < idle_end", "", "domain/test_session.py::test_live"),
    guard(
        "D7 H6", "what was begun before a client was disabled brings nothing to life", "services/founding.py",
        "        if known is None or known.disabled_at is not None:\n", "        if known is None:\n",
        "services/test_founding.py::test_who_was_looked_at_before_the_client_was_disabled_creates_nothing",
    ),
    guard(
        "D7 H6", "what came to be while a client was being disabled ends before it is enabled", "services/clients.py",
        "        if held.disabled_at is not None:\n            self._end(client, EndReason.CLIENT_DISABLED, by)\n", "",
        "services/test_founding.py::test_what_a_disabling_did_not_see_does_not_live_again",
        "services/test_founding.py::test_what_is_redeemed_while_the_client_is_being_disabled_does_not_live_again",
    ),
    guard(
        "H5", "of a disabled person, too", "services/sessions.py", "if not session.live(now) or not user.live:",
        "if not session.live(now):", "services/test_sessions.py::test_a_cookie_of_a_disabled_person_opens_nothing",
    ),
    guard(
        "H5", "signing out expires the cookie", "browser.py", '        self._expire(response, "session")\n',
        "        pass\n", "test_browser.py::test_signing_out_expires_the_cookie_and_kills_it",
    ),
    guard(
        "H6 H7", "offline apps stay", "storage/endings.py", "(_C.session_id == _SESSION) & _C.offline.is_(False)",
        "_C.session_id == _SESSION", "storage/test_endings.py::test_each_target",
    ),
    guard(
        "H7", "of this session alone", "storage/endings.py",
        "ThisSession: _Aim(_S.id == _SESSION, (_C.session_id == _SESSION) &",
        "ThisSession: _Aim(_S.id == _SESSION, _C.session_id.is_not(None) & _SESSION.is_not(None) &",
        "storage/test_endings.py::test_each_target",
    ),
    guard(
        "H7", "of this device alone", "storage/endings.py",
        "    WholeDevice: _Aim(\n        (_S.user_id == _USER) & (_S.device_id == _DEVICE), ",
        "    WholeDevice: _Aim(\n        (_S.user_id == _USER) & _DEVICE.is_not(None), ",
        "storage/test_endings.py::test_each_target",
    ),
    guard(
        "H7 H10 K2", "of this person alone", "storage/endings.py",
        "    WholeDevice: _Aim(\n        (_S.user_id == _USER) & (_S.device_id == _DEVICE), ",
        "    WholeDevice: _Aim(\n        _USER.is_not(None) & (_S.device_id == _DEVICE), ",
        "storage/test_endings.py::test_a_device_is_its_persons",
    ),
    guard(
        "H7", "the others, and not this one", "storage/endings.py", "(_S.user_id == _USER) & (_S.device_id != _DEVICE)",
        "_S.user_id == _USER", "storage/test_endings.py::test_each_target",
    ),
    guard(
        "H6 K4", "a new password ends everything", "services/accounts.py",
        "        self._sessions.end_session(WholeUser(user.id), EndReason.PASSWORD_RESET, by=by)\n", "",
        "services/test_sessions.py::test_what_ends_what",
    ),
    guard(
        "H6 D7 K13", "disabling a person ends everything", "services/accounts.py",
        "        self._sessions.end_session(WholeUser(user.id), EndReason.USER_DISABLED, by=by)\n", "",
        "services/test_sessions.py::test_what_ends_what",
    ),
    guard(
        "H6 D7 K13", "disabling a client ends what it holds", "services/clients.py",
        'self._save(client, "client.disabled", by)\n        self._end(client, EndReason.CLIENT_DISABLED, by)\n',
        'self._save(client, "client.disabled", by)\n', "services/test_sessions.py::test_what_ends_what",
    ),
    guard(
        "H6 X9 X10", "an ending stands in the log", "services/sessions.py",
        "        if entries:\n            self._stores.revocations.append(entries)\n", "",
        "services/test_sessions.py::test_the_log_of_revocations_and_the_outbox_say_it_too",
    ),
    guard(
        "H6 B10", "a sign-in that was overtaken begins no session", "services/sign_in.py",
        "if held is None or not held.live or held.password_changed_at != user.password_changed_at:", "if held is None:",
        "races/test_overtaken.py::test_a_check_that_was_overtaken_begins_no_session",
    ),
    guard(
        "H9", "a logout token is typed", "oidc/backchannel_logout.py", 'TYP = "logout+jwt"', 'TYP = "JWT"',
        f"{_B}test_the_logout_token",
    ),
    guard(
        "H9", "it lives for two minutes", "oidc/backchannel_logout.py", "LIFE_SECONDS = 120", "LIFE_SECONDS = 3600",
        f"{_B}test_the_logout_token",
    ),
    guard(
        "H9 J5", "its address is https, without a fragment", "domain/logout_metadata.py", '        if "#" in uri:\n',
        "        if False:\n", f"{_B}test_an_address_that_cannot_be_is_refused",
    ),
    guard(
        "H9", "http is for confidential clients", "domain/logout_metadata.py",
        'if urlsplit(uri).scheme == "http" and sent.get("token_endpoint_auth_method") == AuthMethod.NONE.value:',
        "if False:", f"{_B}test_an_address_that_cannot_be_is_refused",
    ),
    guard(
        "X12", "frames of the app's own place", "domain/logout_metadata.py",
        'if _place(uri) not in {_place(item) for item in strings(sent, "redirect_uris")}:', "if False:",
        f"{_F}test_an_address_that_is_not_the_apps_own_is_refused",
    ),
    guard(
        "X12", "no host that speaks in our policy", "domain/logout_metadata.py",
        "if not _HOST.fullmatch(urlsplit(uri).netloc):", "if False:",
        f"{_F}test_a_host_that_would_speak_in_our_policy_is_refused",
    ),
    guard(
        "X12", "frames of exactly these origins", "oidc/frontchannel_logout.py", "; frame-src {origins}",
        "; frame-src https:", f"{_F}test_frames_of_exactly_these_origins_are_allowed",
    ),
    guard(
        "H2", "client_id is the hint's", _OUT, "if named is not None and hinted is not None and named != hinted:",
        "if False:", f"{_L}test_nor_a_registered_one_for_whom_it_is_not",
    ),
    guard(
        "H2 K13", "a disabled app leads nowhere", _OUT,
        "client = found if found is not None and found.disabled_at is None else None", "client = found",
        f"{_L}test_a_disabled_app_leads_nowhere",
    ),
    guard(
        "H6 D12", "what is outstanding is used up", "storage/endings.py",
        "        for table, aimed in ((codes, aim.codes), (polled_requests, aim.polled))\n        if aimed is "
        "not None\n",
        "        for table, aimed in ((codes, aim.codes), (polled_requests, aim.polled))\n        if aimed is False\n",
        "storage/test_endings.py::test_outstanding_codes_are_used_up", anew=True,
    ),
    guard(
        "H9", "it says what happened, and has no nonce", "oidc/backchannel_logout.py", '"events": {EVENT: {}},',
        '"nonce": "n",', f"{_B}test_the_logout_token",
    ),
    guard(
        "H9", "it has a jti", "oidc/backchannel_logout.py", '"jti": str(message.id), ', "",
        f"{_B}test_the_logout_token",
    ),
)  # fmt: skip
