"""Apache's ``mod_auth_openidc``: a page that it protects, its sign-in by discovery, and its sign-out."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from idp.domain.client import ClientOrigin
from tests.demo_stack import free_ports
from tests.running import RunningProvider, operating, running
from tests.user_agent import UserAgent

pytestmark = pytest.mark.slow

APACHE, MODULES = Path("/usr/sbin/apache2"), Path("/usr/lib/apache2/modules")
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
_CONFIGURATION = """
ServerRoot {folder}
ServerName 127.0.0.2
Listen 127.0.0.2:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Mutex file:{folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
DocumentRoot {folder}/pages
DirectoryIndex index.html
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCRedirectURI http://127.0.0.2:{port}/protected/callback
OIDCDefaultLoggedOutURL http://127.0.0.2:{port}/bye.html
OIDCCryptoPassphrase of-this-test-alone
OIDCScope "openid email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
<Location />
  ForceType text/html
</Location>
<Location /protected>
  AuthType openid-connect
  Require valid-user
  Header set X-Email "%{{OIDC_CLAIM_email}}e"
</Location>
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningProvider]:
    with running(RunningProvider(tmp_path / "idp", workers=1)) as made:
        yield made


@pytest.fixture
def protected(server: RunningProvider, tmp_path: Path) -> Iterator[str]:
    """Where Apache stands."""
    if not APACHE.exists() or not (MODULES / "mod_auth_openidc.so").exists():
        pytest.skip("apache2 or libapache2-mod-auth-openidc is not installed: mod_auth_openidc was not tried")
    (port,) = free_ports(1)
    origin = f"http://127.0.0.2:{port}"
    folder = tmp_path / "apache"
    (folder / "pages" / "protected").mkdir(parents=True)
    (folder / "pages" / "protected" / "index.html").write_text("<h1>A protected page</h1>")
    (folder / "pages" / "bye.html").write_text("<h1>Signed out of Apache</h1>")
    with operating(server) as operator, operator.stores.work():
        operator.services.accounts.create(EMAIL, PASSWORD, {"name": "Ada"}, email_verified=True)
        new = operator.services.clients.create(
            {
                "client_name": "Apache", "redirect_uris": [f"{origin}/protected/callback"], "scope": "openid email",
                "post_logout_redirect_uris": [f"{origin}/bye.html"],
            },
            origin=ClientOrigin.OPERATOR,
        )  # fmt: skip
    text = _CONFIGURATION.format(
        folder=folder, port=port, modules=MODULES, issuer=server.issuer, client_id=new.client.client_id,
        secret=new.client_secret,
    )  # fmt: skip
    (folder / "apache.conf").write_text(text)
    for path in (tmp_path, *tmp_path.parents[:2], *folder.rglob("*"), folder):
        with suppress(OSError):
            path.chmod(0o777 if path.is_dir() else 0o644)  # Apache's children are nobody in particular
    process = subprocess.Popen([APACHE, "-X", "-f", folder / "apache.conf"], start_new_session=True)
    try:
        _wait(f"{origin}/bye.html", process, folder / "error.log")
        yield origin
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"Apache does not answer:\n{log.read_text() if log.exists() else ''}")


@pytest.mark.timeout(300)
def test_apache_protects_a_page_and_signs_out(server: RunningProvider, protected: str) -> None:
    with UserAgent(server.issuer, protected) as browser:
        browser.get(f"{protected}/protected/")
        assert "Sign in" in browser.page.buttons, browser.page
        browser.submit("Sign in", Email=EMAIL, Password=PASSWORD)
        if "Allow" in browser.page.buttons:
            browser.submit("Allow")
        assert browser.page.headings == ["A protected page"], browser.page.history
        assert browser.page.headers["X-Email"] == EMAIL
        browser.get(f"{protected}/protected/callback?logout={protected}/bye.html")
        if "Sign out" in browser.page.buttons:
            browser.submit("Sign out")
        assert browser.page.headings == ["Signed out of Apache"], browser.page
        browser.get(f"{protected}/protected/")
        assert "Sign in" in browser.page.buttons, "the provider's session has ended too"
