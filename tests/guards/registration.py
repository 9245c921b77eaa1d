"""J. Registration, client documents, and every fetch of an address that somebody else chose."""

from __future__ import annotations

from .entry import guard, removal

_R = "oauth/test_rfc7591_registration.py::"
_N = "oauth/test_rfc7591_initial_access_token.py::"
_M = "domain/test_client_metadata.py::"
_S = "oauth/test_rfc7591_software_statement.py::"
_W = "oauth/test_client_id_metadata_document.py::"
_OUT = "test_outgoing.py::"

GUARDS = (
    guard(
        "J1", "an initial access token is asked for", "oauth/rfc7591_registration.py",
        "if not self._initial_access.admits(token):", "if False:", f"{_R}test_an_initial_access_token_is_asked_for",
        layers=(removal("oauth/rfc7591_registration.py", "        if used is None:\n", "        if False:\n"),),
    ),
    guard(
        "J1", "closed is closed", "oauth/rfc7591_registration.py", '        if mode == "closed":\n',
        "        if False:\n", f"{_R}test_closed_means_there_is_no_endpoint",
    ),
    guard(
        "J1 J11", "each registers as many as its quota", "storage/initial_access_tokens.py",
        "        or_(_T.quota.is_(None), _T.used < _T.quota),\n", "",
        f"{_N}test_racing_registrations_never_exceed_the_quota",
    ),
    guard(
        "J1", "over is over", "storage/initial_access_tokens.py", "_T.revoked_at.is_(None), _T.expires_at > NOW,\n",
        "\n", f"{_N}test_over_is_over",
        layers=(
            removal(
                "services/initial_access.py", "return found is not None and found.valid(self._stores.clock.now())",
                "return found is not None",
            ),
        ),
    ),
    guard(
        "J2", "no foreign character in an address", "domain/redirect_uris.py",
        "if len(uri) > MAX_URI or not URI.fullmatch(uri):", "if False:", f"{_M}test_a_web_app_cannot_register",
    ),
    guard(
        "J2 G2", "links are https", "domain/metadata_members.py", 'if not fine or not host or "@" in parts.netloc:',
        "if False:", f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J3", "nobody makes themselves trusted", "services/clients.py", "            trusted=trusted, pkce_required",
        '            trusted=bool(metadata.get("trusted", trusted)), pkce_required',
        f"{_R}test_a_client_cannot_grant_itself_anything",
    ),
    guard(
        "J3 B1", "nor rid of PKCE", "services/clients.py", "pkce_required=pkce_required, refresh_grace",
        'pkce_required=metadata.get("require_pkce", metadata.get("pkce_required", pkce_required)), refresh_grace',
        f"{_R}test_a_client_cannot_grant_itself_anything",
    ),
    guard(
        "J4 B5", "code alone is registered", "domain/client_metadata.py", 'if any(item != "code" for item in wanted):',
        "if False:", f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J4", "grants that there are", "domain/client_metadata.py",
        '    if any(item not in allowed for item in wanted):\n        raise bad(f"grant_types',
        "    wanted = tuple(item for item in wanted if item in allowed)\n    if False:\n        raise "
        'bad(f"grant_types',
        f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J4 E1", "no answer is signed with none", "domain/openid_metadata.py",
        'choice(sent, member, SIGNING_ALGS, "") or None for member',
        'choice(sent, member, (*SIGNING_ALGS, "none"), "") or None for member',
        "domain/test_openid_metadata.py::test_what_cannot_is_refused_by_name",
    ),
    guard(
        "J6", "keys, or their address", "domain/client_metadata.py",
        "if metadata.jwks is not None and metadata.jwks_uri is not None:", "if False:",
        f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J6", "public keys alone", "domain/client_metadata.py",
        'if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key):', "if False:",
        f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J6", "so many keys", "domain/client_metadata.py",
        "if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:", "if not isinstance(keys, list):",
        f"{_M}test_what_cannot_be_is_invalid_client_metadata",
    ),
    guard(
        "J6", "keys that are strong enough", "domain/client_metadata.py",
        'if key.get("use", "sig") == "sig" and not key_ok(key):', "if False:", f"{_M}test_a_weak_key_is_refused",
    ),
    guard(
        "J7", "one's own token opens one's own registration", "services/clients.py",
        "right = hmac.compare_digest(secret_hash(token), kept or bytes(32)) and kept is not None", "right = True",
        f"{_R}test_one_clients_token_opens_no_others_registration",
    ),
    guard(
        "J8", "a change names this client, and nothing of ours", "oauth/rfc7592_configuration.py",
        "            _check_identity(sent, client)\n", "", f"{_R}test_what_cannot_be_changed",
    ),
    guard(
        "J8", "a change is not checked less than a registration", "services/clients.py",
        "changed = self._with_metadata(client, self._checked(metadata))\n        _check_sector",
        'changed = replace(client, redirect_uris=tuple(metadata.get("redirect_uris", ())))\n        _check_sector',
        f"{_R}test_what_cannot_be_changed",
    ),
    guard(
        "J8", "the secret sent along is the current one", "oauth/rfc7592_configuration.py",
        "if not isinstance(secret, str) or not hmac.compare_digest(secret_hash(secret), client.secret_hash or "
        "bytes(32)):",
        "if False:", f"{_R}test_what_cannot_be_changed",
    ),
    guard(
        "J8 A7", "people are asked anew by an app that answers elsewhere", "services/clients.py",
        "        self._ask_anew(client, changed)\n", "",
        f"{_R}test_people_are_asked_anew_by_an_app_that_answers_elsewhere",
    ),
    guard(
        "J8 K13", "a change under way does not undo a disabling", "services/clients.py",
        "return client if client is not None and right and client.disabled_at is None else None",
        "return client if client is not None and right else None",
        f"{_R}test_a_change_under_way_does_not_undo_a_disabling",
    ),
    guard(
        "J10", "JSON that a database can hold", "oauth/requests.py", "    if not storable(document):\n",
        "    if False:\n", f"{_R}test_a_body_that_is_no_json_object_changes_nothing",
    ),
    guard(
        "J10 E8", "JSON that ends", "oauth/requests.py",
        'document = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)\n    except (ValueError, '
        "RecursionError):",
        'document = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)\n    except ValueError:',
        f"{_R}test_a_body_that_is_no_json_object_changes_nothing",
    ),
    guard(
        "J10", "an object", "oauth/requests.py", "    if not isinstance(document, dict):\n", "    if False:\n",
        f"{_R}test_a_body_that_is_no_json_object_changes_nothing[null]",
    ),
    guard(
        "J10 C7", "JSON by its media type", "oauth/requests.py", 'if request.mimetype != "application/json":',
        "if False:", f"{_R}test_only_json",
    ),
    guard(
        "J11", "so many values", "domain/metadata_members.py", "if len(value) > MAX_VALUES:", "if False:",
        f"{_M}test_there_are_limits",
    ),
    guard(
        "J13", "a statement of a trusted issuer", "oauth/rfc7591_software_statement.py",
        "        if issuer not in self._trusted:\n", "        if False:\n", f"{_S}test_whose_statements_do_not_count",
    ),
    guard(
        "J13", "signed by it", "oauth/rfc7591_software_statement.py",
        'raise _error("invalid_software_statement", "the statement is not signed by its issuer, or over") from None',
        'claims = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))',
        f"{_S}test_what_is_no_statement_of_the_issuer[signed by a stranger]",
        f"{_S}test_what_is_no_statement_of_the_issuer[alg none]",
    ),
    guard(
        "J13", "for this server", "oauth/rfc7591_software_statement.py",
        "if named is not None and not any(item in self._audiences for item in listed if isinstance(item, str)):",
        "if False:", f"{_S}test_what_is_no_statement_of_the_issuer[for another server]",
    ),
    guard(
        "J13", "and a statement", "oauth/rfc7591_software_statement.py", 'require=("iss", "software_id")',
        'require=("iss",)', f"{_S}test_what_is_no_statement_of_the_issuer[an ID token, say]",
    ),
    guard(
        "J13 G6", "what it says the client says in no language", "oauth/rfc7591_software_statement.py",
        'if name.partition("#")[0] not in said}', "if name not in said}",
        f"{_S}test_what_it_says_the_client_does_not_say_in_another_language",
    ),
    # ── J5, B14: SSRF ─────────────────────────────────────────────────────────────────────────────
    guard(
        "J5 B14 H9", "public addresses alone", "outgoing.py",
        "if not self.allow_private and not all(_public(address) for address in addresses):", "if False:",
        f"{_OUT}test_nothing_private_is_connected_to[https://127.0.0.1/]", f"{_OUT}test_a_delivery_is_guarded_alike",
    ),
    guard(
        "J5", "the address that was checked", "outgoing.py", "socket.create_connection((address, target.port)",
        "socket.create_connection((target.host, target.port)",
        f"{_OUT}test_the_connection_goes_to_the_address_that_was_checked",
    ),
    guard(
        "J5 B14", "https alone", "outgoing.py",
        'if parts.scheme != "https" and not (self.allow_private and parts.scheme == "http"):', "if False:",
        f"{_OUT}test_nothing_private_is_connected_to[http://93.184.215.14/]",
    ),
    guard(
        "J5", "no user information", "outgoing.py", 'if not host or "@" in parts.netloc:', "if not host:",
        f"{_OUT}test_nothing_private_is_connected_to[https://user@93.184.215.14/]",
    ),
    guard(
        "J5", "what an IPv6 address leads to", "outgoing.py", "return address.ipv4_mapped or address.sixtofour",
        "return None", f"{_OUT}test_nothing_private_is_connected_to[https://[2002:7f00:1::]/]",
    ),
    guard(
        "J5", "what was given out", "outgoing.py",
        "if isinstance(parsed, ipaddress.IPv6Address) and inner is None and parsed not in _GIVEN_OUT:", "if False:",
        f"{_OUT}test_what_nobody_was_given_is_not_public",
    ),
    guard(
        "J5", "no multicast", "outgoing.py", " and not parsed.is_multicast", "",
        f"{_OUT}test_nothing_private_is_connected_to[https://224.0.0.1/]",
    ),
    guard(
        "J5", "no redirect, nothing long", "outgoing.py", "if fetched.status != 200 or len(fetched.body) > most:",
        "if len(fetched.body) > most:", f"{_OUT}test_what_is_no_small_json_object_is_refused[/away]",
    ),
    guard(
        "J5", "a sector is vouched for", "oidc/registration_sector.py",
        "if not isinstance(listed, list) or not all(item in listed for item in wanted):", "if False:",
        "oidc/test_registration_sector.py::test_anything_else_does_not",
    ),
    # ── client ID metadata documents ──────────────────────────────────────────────────────────────
    guard(
        "X1", "hosts that the operator named", "oauth/client_id_metadata_document.py",
        'if not self._hosts & {"*", host_of(client_id)} or not host_of(client_id):', "if not host_of(client_id):",
        f"{_W}test_the_operator_says_whose_documents_are_clients",
    ),
    guard(
        "X1", "a document of its own URL", "domain/client_id_document.py", 'if document.get("client_id") != client_id:',
        "if False:", f"{_W}test_a_document_that_registers_nothing_is_a_page_and_is_not_kept",
    ),
    guard(
        "X1", "without a shared secret", "domain/client_id_document.py",
        'if isinstance(method, str) and method.startswith("client_secret"):', "if False:",
        f"{_W}test_a_document_that_registers_nothing_is_a_page_and_is_not_kept[token_endpoint_auth_method0]",
    ),
    guard(
        "X1", "JSON", "oauth/client_id_metadata_document.py", "if not _JSON.fullmatch(fetched.media_type):",
        "if False:", f"{_W}test_only_a_json_200_counts",
    ),
    guard(
        "X1", "not without end", "oauth/client_id_metadata_document.py",
        "if wait := self._throttles.take(client_document_brakes(self._address()), self._clock.now()):", "if False:",
        f"{_W}test_one_place_makes_us_read_only_so_many",
    ),
    guard(
        "X1 K13", "a disabled one stays disabled", "oauth/client_id_metadata_document.py",
        "if known is not None and (known.disabled_at is not None or self._fresh(known)):",
        "if known is not None and self._fresh(known):", f"{_W}test_a_disabled_one_stays_disabled",
    ),
    guard(
        "X1 A7", "a new redirect URI is asked for anew", "services/clients.py",
        "            self._ask_anew(known, client)\n", "", f"{_W}test_a_new_redirect_uri_is_asked_for_anew",
    ),
    guard(
        "X1", "which URLs are client identifiers", "domain/client_id_document.py",
        'return bool(parts.path) and "@" not in parts.netloc and not _DOTS & set(segments)', "return True",
        f"{_W}test_which_urls_are_client_identifiers",
    ),
    # ── pairwise ──────────────────────────────────────────────────────────────────────────────────
    guard(
        "X11", "nobody moves into another sector", "services/clients.py", "    if renames(old, new):\n",
        "    if False:\n", "services/test_subjects.py::test_nobody_moves_into_another_sector",
    ),
    guard(
        "X11", "a client finds a person by its own name alone", "services/subjects.py",
        "    def owner(self, subject: str, client: Client) -> UUID | None:\n",
        "    def owner(self, subject: str, client: Client) -> UUID | None:\n        try:\n            return "
        "UUID(subject)\n        except ValueError:\n            pass\n",
        "services/test_subjects.py::test_a_client_finds_a_person_by_its_own_name_alone",
    ),
    guard(
        "X11", "pairwise needs one host or a sector", "domain/openid_metadata.py",
        "    if len(hosts) != 1 or not hosts[0]:\n", "    if False:\n",
        "domain/test_openid_metadata.py::test_pairwise_without_one_host_needs_a_sector",
    ),
    guard(
        "X11", "who gets tokens elsewhere is no neighbour", "domain/subject.py",
        "if client.origin is ClientOrigin.DYNAMIC and GrantType.DEVICE_CODE in client.grant_types:", "if False:",
        "services/test_subjects.py::test_whoever_gets_tokens_elsewhere_is_no_neighbour",
    ),
    # ── FAPI 2.0 ──────────────────────────────────────────────────────────────────────────────────
    guard(
        "X8", "methods of the profile", "domain/fapi2.py", "if metadata.token_endpoint_auth_method not in _METHODS:",
        "if False:", "oauth/test_fapi2.py::test_what_the_profile_forbids_is_not_registered",
    ),
    guard(
        "X8", "algorithms of the profile", "domain/fapi2.py",
        "if wrong := [member for member, alg in algs.items() if alg not in ALGS]:", "if wrong := []:",
        "oauth/test_fapi2.py::test_what_the_profile_forbids_is_not_registered",
    ),
    guard(
        "X8", "pushed requests alone", "domain/fapi2.py", '"require_pushed_authorization_requests": True,',
        '"require_pushed_authorization_requests": False,',
        "oauth/test_fapi2.py::test_only_pushed_requests_with_pkce_and_a_redirect_uri",
    ),
    guard(
        "X8", "tokens bound to a key", "domain/fapi2.py", 'members["dpop_bound_access_tokens"] = True', "pass",
        "oauth/test_fapi2.py::test_no_token_without_a_proof",
    ),
    guard(
        "X8", "a client cannot leave the policy", "services/clients.py",
        "        if client.fapi2 is not None:\n            metadata =", "        if False:\n            metadata =",
        "oauth/test_fapi2.py::test_a_client_cannot_leave_the_policy_by_changing_itself",
    ),
    guard(
        "J11", "names of so many characters", "domain/metadata_members.py",
        "if not isinstance(value, str) or len(value) > MAX_NAME:", "if not isinstance(value, str):",
        f"{_M}test_there_are_limits",
    ),
    guard(
        "J11", "so many registrations from one place", "oauth/rfc7591_registration.py",
        "if wait := self._throttles.take(client_registration_brakes(self._address()), self._clock.now()):", "if False:",
        f"{_R}test_open_registration_is_slowed_by_address",
    ),
    guard(
        "J5", "through NAT64 too", "outgoing.py", "    if address in _NAT64:\n", "    if False:\n",
        f"{_OUT}test_nothing_private_is_connected_to[https://[64:ff9b::7f00:1]/]",
        layers=(
            removal(
                "outgoing.py",
                "if isinstance(parsed, ipaddress.IPv6Address) and inner is None and parsed not in _GIVEN_OUT:",
                "if False:",
            ),
        ),
    ),
    guard(
        "J5", "nothing long", "outgoing.py", " or len(fetched.body) > most:", ":",
        f"{_OUT}test_whoever_asks_may_want_less",
    ),
    guard(
        "J5", "a server that drips is left", "outgoing.py", "        timer.start()\n", "",
        f"{_OUT}test_a_server_that_drips_is_left_in_time[http-body]",
    ),
    guard(
        "J5", "every address of a name", "outgoing.py", "not all(_public(address) for", "not any(_public(address) for",
        f"{_OUT}test_every_address_of_a_name_must_be_public",
    ),
    guard(
        "J9", "deleting ends what it held", "services/clients.py",
        "        self._end(client, EndReason.CLIENT_DELETED, by)\n", "", f"{_R}test_deleting_ends_everything_it_held",
    ),
)  # fmt: skip
