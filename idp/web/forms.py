"""The forms, and their protection against being posted by others.

Why not Flask-WTF's own protection: it keeps its secret in Flask's signed cookie session, which this
program does not use. Ours is bound to the server-side session, or before sign-in to a cookie of its
own, and so changes at sign-in (security.md section 6, trap 15).

Validation is the server's alone (pages.md 61). Nothing trims or changes a password (3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField
from wtforms.csrf.core import CSRF, CSRFTokenField
from wtforms.validators import InputRequired, ValidationError

from .languages import gettext, lazy_gettext

if TYPE_CHECKING:
    from ..browser import Browser

CSRF_FIELD = "csrf_token"
LONGEST_NAME = 120


class BrowserCSRF(CSRF):
    """Tokens of the browser that asks. A form is made with ``meta={"browser": …}``."""

    browser: Browser

    def setup_form(self, form: Any) -> Any:
        """Remember the browser before the field is made."""
        self.browser = form.meta.browser
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: CSRFTokenField) -> str:  # noqa: ARG002 - WTForms names it
        """The token for this page."""
        return self.browser.csrf_token()

    def validate_csrf_token(self, form: Any, field: CSRFTokenField) -> None:  # noqa: ARG002 - as above
        """Refuse a token that is not this browser's."""
        if not self.browser.check_csrf(field.data or ""):
            raise ValidationError(gettext("This page is out of date."))


class Guarded(FlaskForm):  # type: ignore[misc, unused-ignore]
    """A form that no configuration can leave unprotected."""

    class Meta:
        """What WTForms asks for."""

        csrf = True
        csrf_class = BrowserCSRF
        csrf_field_name = CSRF_FIELD
        csrf_context = None


def _storable(_form: Any, field: Any) -> None:
    """NUL cannot be kept by a database (security.md section 6, trap 3)."""
    if "\0" in (field.data or ""):
        raise ValidationError(gettext("Remove the characters that cannot be shown."))


def _short(_form: Any, field: Any) -> None:
    """Not WTForms' ``Length``, which would cut in the browser what is typed (pages.md 3)."""
    if len(field.data or "") > LONGEST_NAME:
        raise ValidationError(gettext("Use a shorter name."))


def _email() -> StringField:
    return StringField(
        lazy_gettext("Email"),
        validators=[InputRequired(lazy_gettext("Enter your email address.")), _storable],
        render_kw={
            "type": "text", "inputmode": "email", "autocapitalize": "none", "spellcheck": "false",
            "autocomplete": "username webauthn",
        },
    )  # fmt: skip


def _password(autocomplete: str, missing: str) -> PasswordField:
    return PasswordField(
        lazy_gettext("Password"),
        validators=[InputRequired(missing)],
        render_kw={"autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false"},
    )


class SignInForm(Guarded):
    """Identifier and password together, so that a password manager fills both at once (pages.md 1)."""

    email = _email()
    password = _password("current-password", lazy_gettext("Enter your password."))
    remember = BooleanField()


class ProofForm(Guarded):
    """The password of the person who is signed in already."""

    password = _password("current-password", lazy_gettext("Enter your password."))


def _entry(label: str, autocomplete: str, **more: str) -> StringField:
    return StringField(label, validators=[_storable], render_kw={"autocomplete": autocomplete, **more})


class ProfileForm(Guarded):
    """What a person may tell of themselves. Fields are named like claims and like the members of ``address``."""

    NAMES = (
        "name", "given_name", "family_name", "nickname", "birthdate", "phone_number", "street_address", "locality",
        "region", "postal_code", "country", "zoneinfo", "locale",
    )  # fmt: skip
    HINTS: Mapping[str, str] = {
        "birthdate": lazy_gettext("Like 1990-12-31, or the year alone."),
        "phone_number": lazy_gettext("With the country's number, like +1 604 555 1234."),
        "zoneinfo": lazy_gettext("Like Europe/Paris."),
        "locale": lazy_gettext("Like en or pt-BR; our pages and mails follow it where they can."),
    }

    name = _entry(lazy_gettext("Name"), "name")
    given_name = _entry(lazy_gettext("First name"), "given-name")
    family_name = _entry(lazy_gettext("Last name"), "family-name")
    nickname = _entry(lazy_gettext("Nickname"), "nickname")
    birthdate = _entry(lazy_gettext("Date of birth"), "bday", inputmode="numeric")
    phone_number = _entry(lazy_gettext("Phone number"), "tel", inputmode="tel")
    street_address = _entry(lazy_gettext("Street and number"), "street-address")
    locality = _entry(lazy_gettext("Town or city"), "address-level2")
    region = _entry(lazy_gettext("State or region"), "address-level1")
    postal_code = _entry(lazy_gettext("Postal code"), "postal-code")
    country = _entry(lazy_gettext("Country"), "country-name")
    zoneinfo = _entry(lazy_gettext("Time zone"), "off")
    locale = _entry(lazy_gettext("Language"), "language")


class RegistrationForm(Guarded):
    """A new account. No second password field (pages.md 63)."""

    name = StringField(
        lazy_gettext("Name"),
        validators=[_storable, _short],
        render_kw={"autocomplete": "name"},
    )
    email = _email()
    password = _password("new-password", lazy_gettext("Choose a password."))


class UserCodeForm(Guarded):
    """The code that a device shows (RFC 8628 section 3.3); how it is spelled is ``domain.polled``'s to say."""

    user_code = StringField(
        lazy_gettext("Code"),
        validators=[InputRequired(lazy_gettext("Enter the code that your device shows."))],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
