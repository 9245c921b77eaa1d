"""A third-party web app, as somebody who has never seen our code would write it: Authlib's Flask
client, everything found by discovery, code flow with PKCE, ``state``, ``nonce`` and ``iss`` (RFC 9207),
tokens on the server, RP-initiated logout, and revocation of its refresh token after that; and
back-channel logout, by which it learns that a session has ended elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

import jwt
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, current_app, redirect, render_template, request, session, url_for
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response

from .places import APP_ID, Places, read_places
from .visits import ApiAnswer, Visit, Visits, random_id

SCOPE = "openid profile email address phone offline_access notes.read notes.write"
TIMEOUT = 10
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def create() -> Flask:
    """The app of the environment; what Granian loads."""
    return create_app(read_places())


def create_app(places: Places) -> Flask:
    """The app at ``places.app``, a client of ``places.issuer``, calling ``places.api``."""
    app = Flask("idp.demo.app", template_folder="templates", static_folder="static", root_path=_here())
    app.config.update(
        SECRET_KEY=random_id(),
        SESSION_COOKIE_NAME="notebook",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=16 * 1024,
        PLACES=places,
    )
    app.extensions["visits"] = Visits()
    oauth = OAuth(app)
    oauth.register(
        "idp",
        client_id=APP_ID,
        client_secret=places.secret(APP_ID),
        server_metadata_url=f"{places.issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "default_timeout": TIMEOUT},
    )
    _route(app)
    app.after_request(_harden)
    for error in (OAuthError, requests.RequestException, InternalServerError):
        app.register_error_handler(error, _went_wrong)
    return app


def _here() -> str:
    return __file__.rpartition("/")[0]


def _route(app: Flask) -> None:
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/sign-in", view_func=sign_in)
    app.add_url_rule("/callback", view_func=callback)
    app.add_url_rule("/signed-out", view_func=signed_out)
    for view in (call_api, write_note, refresh, sign_out):
        app.add_url_rule("/" + view.__name__.replace("_", "-"), view_func=view, methods=["POST"])
    app.add_url_rule("/backchannel-logout", view_func=backchannel_logout, methods=["POST"])
    app.add_url_rule("/healthz", endpoint="health", view_func=lambda: {"status": "ok"})


# ── what the views stand on ──────────────────────────────────────────────────────────────────────


def _provider() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].idp


def _places() -> Places:
    places: Places = current_app.config["PLACES"]
    return places


def _visits() -> Visits:
    visits: Visits = current_app.extensions["visits"]
    return visits


def _visit() -> Visit | None:
    return _visits().get(session.get("visit"))


def _visit_of_form() -> Visit:
    """The visit a form speaks for; another site cannot know its key."""
    visit = _visit()
    if visit is None or request.form.get("form_key") != visit.form_key:
        abort(400, "This form is not of this visit. Go back to the start page.")
    return visit


# ── views ────────────────────────────────────────────────────────────────────────────────────────


def home() -> str:
    """Who you are, and what the last button brought."""
    return render_template("home.html", visit=_visit(), places=_places(), left="left" in request.args)


def sign_in() -> Response:
    """Leave for the provider, asking for tokens for its userinfo and for the API (RFC 8707 section 2)."""
    wanted = [_places().issuer, _places().api]
    answer: Response = _provider().authorize_redirect(_places().callback, resource=wanted)
    return answer


def callback() -> Response:
    """Come back with a code; make tokens of it and remember who this is."""
    _check_issuer()
    token = dict(_provider().authorize_access_token())
    claims = dict(token.pop("userinfo"))
    profile = dict(_provider().userinfo(token=token))
    if profile.get("sub") != claims["sub"]:
        abort(502, "The provider's userinfo speaks of somebody else.")  # Core 1.0 section 5.3.2
    _visits().close(session.pop("visit", None))
    visit = Visit(claims={**claims, **profile}, token=token, form_key=random_id(), id_token=token["id_token"])
    session["visit"] = _visits().open(visit)
    return redirect(url_for("home"), 303)


def _check_issuer() -> None:
    """RFC 9207 section 2.4: an answer of another issuer is a mix-up attack."""
    metadata = _provider().load_server_metadata()
    promised = metadata.get("authorization_response_iss_parameter_supported")
    if request.args.get("iss", None if promised else metadata["issuer"]) != metadata["issuer"]:
        abort(400, "This answer does not come from the provider that was asked.")


def call_api() -> Response:
    """Read the notes."""
    visit = _visit_of_form()
    return _show(visit, "GET /notes", requests.get(f"{_places().api}/notes", headers=_bearer(visit), timeout=TIMEOUT))


def write_note() -> Response:
    """Write a note."""
    visit = _visit_of_form()
    note = {"text": request.form.get("text", "")}
    answer = requests.post(f"{_places().api}/notes", json=note, headers=_bearer(visit), timeout=TIMEOUT)
    return _show(visit, "POST /notes", answer)


def _bearer(visit: Visit) -> dict[str, str]:
    return {"Authorization": f"Bearer {visit.token['access_token']}"}


def _show(visit: Visit, title: str, answer: requests.Response) -> Response:
    try:
        body = json.dumps(answer.json(), indent=2, ensure_ascii=False)
    except ValueError:
        body = answer.text[:2000]
    reason = answer.headers.get("WWW-Authenticate", "")
    visit.answer = ApiAnswer(title=title, status=answer.status_code, reason=reason, body=body)
    return redirect(url_for("home"), 303)


def refresh() -> Response:
    """Trade the refresh token for new tokens; the provider's refusal is shown as it came."""
    visit = _visit_of_form()
    try:
        renewed = _provider().fetch_access_token(
            grant_type="refresh_token", refresh_token=visit.token.get("refresh_token")
        )
    except OAuthError as error:
        visit.answer = ApiAnswer(title="Refresh", status=400, reason=error.error, body=str(error.description))
    else:
        visit.token = {**visit.token, **renewed}
        visit.refreshes += 1
        visit.answer = ApiAnswer(title="Refresh", status=200, reason="", body="New access and refresh tokens.")
    return redirect(url_for("home"), 303)


def sign_out() -> Response:
    """Sign out here and at the provider (OpenID Connect RP-Initiated Logout 1.0 section 2)."""
    visit = _visit_of_form()
    session["leaving"] = session.pop("visit")
    answer: Response = _provider().logout_redirect(
        post_logout_redirect_uri=_places().signed_out, id_token_hint=visit.id_token, client_id=APP_ID
    )
    answer.status_code = 303
    return answer


def signed_out() -> Response:
    """Back from the provider: give back the refresh token too, which ``offline_access`` would keep alive."""
    _provider().validate_logout_response()
    visit = _visits().close(session.pop("leaving", None))
    if visit is not None and "refresh_token" in visit.token:
        _revoke(visit.token["refresh_token"])
    return redirect(url_for("home", left=1), 303)


def _revoke(token: str) -> None:
    """RFC 7009 section 2.1; the person has left already, so a failure changes nothing for them."""
    endpoint = _provider().load_server_metadata()["revocation_endpoint"]
    form = {"token": token, "token_type_hint": "refresh_token"}
    requests.post(endpoint, data=form, auth=(APP_ID, _places().secret(APP_ID)), timeout=TIMEOUT)


# ── back-channel logout ──────────────────────────────────────────────────────────────────────────


def backchannel_logout() -> tuple[dict[str, str], int]:
    """OpenID Connect Back-Channel Logout 1.0: the provider says that a session has ended; we end ours."""
    try:
        claims = _logout_claims(request.form.get("logout_token", ""))
    except (jwt.PyJWTError, ValueError) as error:
        return {"error": "invalid_request", "error_description": type(error).__name__}, 400
    _visits().end(claims.get("sub"), claims.get("sid"))
    return {}, 200


def _logout_claims(token: str) -> dict[str, Any]:
    """Section 2.6. A token sent twice does no harm, so its ``jti`` is not remembered (step 8)."""
    claims: dict[str, Any] = jwt.decode(
        token, _key_of(token), algorithms=["RS256"], audience=APP_ID, leeway=30,
        issuer=_provider().load_server_metadata()["issuer"], options={"require": ["iat", "exp", "jti", "events"]},
    )  # fmt: skip
    if LOGOUT_EVENT not in claims["events"] or "nonce" in claims or not ({"sub", "sid"} & set(claims)):
        raise ValueError("not a logout token")
    return claims


def _key_of(token: str) -> jwt.PyJWK:
    """The provider's key of that id; one that we do not know yet is looked for once."""
    kid = jwt.get_unverified_header(token).get("kid")
    for fetch_again in (False, True):
        known = jwt.PyJWKSet.from_dict(_provider().fetch_jwk_set(force=fetch_again)).keys
        for key in known:
            if key.key_id == kid:
                return key
    raise ValueError("unknown key")


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def _went_wrong(error: Exception) -> tuple[str, int]:
    """One page for what the provider refused, for what did not answer and for what did not verify."""
    status = 400 if isinstance(error, OAuthError) else 502
    cancelled = isinstance(error, OAuthError) and error.error == "access_denied"
    title = "You did not sign in" if cancelled else "That did not work"
    return render_template("problem.html", title=title, detail=str(error), places=_places()), status


def _harden(response: Response) -> Response:
    """``form-action`` names the provider too: signing out is a form whose answer leads there."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {_places().issuer}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
