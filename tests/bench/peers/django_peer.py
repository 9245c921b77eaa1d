"""django-oauth-toolkit on PostgreSQL: settings, urls, WSGI and seeding in one file, for Granian's ``django_peer:app``.

``python django_peer.py SEEDED`` migrates an empty database, makes what is measured and writes it as JSON.

Kinder than its defaults: client secrets are not hashed (its hasher takes half a second for each token
request), no rotation of keys, connections to the database are kept.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

CODES, SESSIONS = 15000, 10000
SCOPE = "openid profile email"

settings.configure(
    SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, DEBUG=False, MIDDLEWARE=[],
    LOGGING_CONFIG=None, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": os.environ["PGPORT"], "USER": "idp",
        "NAME": os.environ["PGDATABASE"], "CONN_MAX_AGE": None,
    }},
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": os.environ["RSA_KEY"], "PKCE_REQUIRED": False,
        "ROTATE_REFRESH_TOKEN": True, "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
        "SCOPES": {"openid": "x", "profile": "x", "email": "x", "notes.read": "x", "introspection": "x"},
        "OIDC_ISS_ENDPOINT": "http://127.0.0.1/o",
    },
)  # fmt: skip
django.setup()

from django.urls import include, path  # noqa: E402

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
app = get_wsgi_application()


def seed() -> dict[str, list[str]]:
    """Codes, access tokens and refresh tokens, four to a person."""
    from django.contrib.auth.models import User
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken

    call_command("migrate", verbosity=0)
    people = User.objects.bulk_create([User(username=f"u{n}", email=f"u{n}@example.com") for n in range(2500)])
    common = {"client_type": "confidential", "hash_client_secret": False, "algorithm": "RS256"}
    photos = Application.objects.create(
        client_id="photos", client_secret="bench-secret-of-photos", redirect_uris="https://photos.example/callback",
        authorization_grant_type="authorization-code", user=people[0], **common,
    )  # fmt: skip
    Application.objects.create(
        client_id="machine", client_secret="bench-secret-of-photos", authorization_grant_type="client-credentials",
        user=people[0], **common,
    )  # fmt: skip
    later = timezone.now() + timedelta(hours=2)
    codes = [secrets.token_urlsafe(30) for _ in range(CODES)]
    Grant.objects.bulk_create([
        Grant(code=code, user=people[n % 2500], application=photos, expires=later, scope=SCOPE,
              redirect_uri="https://photos.example/callback", claims="{}") for n, code in enumerate(codes)
    ], batch_size=1000)  # fmt: skip
    tokens = AccessToken.objects.bulk_create([
        AccessToken(token=secrets.token_urlsafe(30), user=people[n % 2500], application=photos, expires=later,
                    scope=SCOPE) for n in range(SESSIONS)
    ], batch_size=1000)  # fmt: skip
    refresh = RefreshToken.objects.bulk_create([
        RefreshToken(token=secrets.token_urlsafe(30), user=token.user, application=photos, access_token=token)
        for token in tokens
    ], batch_size=1000)  # fmt: skip
    return {"codes": codes, "access": [t.token for t in tokens], "refresh": [t.token for t in refresh]}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(seed()))
