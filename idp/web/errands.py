"""What a person has come for: an app's request that waits, or a page of ours.

A page knows an app's request by its id alone; what is asked stands on the server and no form field
can change it (ASVS 10.6.1). Each tab has its own id in its address, so Back, reload and a second tab
never mix requests up (pages.md 10).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, abort, g, request

from ..domain.decision import AskConsent, ChooseAccount, SignIn
from ..domain.interaction import Interaction
from ..errors import NotFound
from .app_face import AppFace, face
from .languages import prefer
from .pages import Pages, single
from .places import CONSENT, LOGIN, NEW_ACCOUNT, RESUME, Destination, read_destination


@dataclass(frozen=True, slots=True)
class Errand:
    """Either ``interaction`` and ``app``, or a ``destination`` of our own."""

    destination: Destination
    interaction: Interaction | None = None
    app: AppFace | None = None

    @property
    def query(self) -> dict[str, str]:
        """What keeps the errand in the address of the next page."""
        return self.destination.query if self.interaction is None else {"interaction": self.interaction.id}


def read_errand(pages: Pages) -> Errand:
    """The errand of this request. An ended or finished one is answered with its page at once."""
    interaction_id = single("interaction")
    if interaction_id is None:
        if "interaction" in request.args:
            raise NotFound("interaction")
        return Errand(read_destination(request.args))
    return _waiting(pages, interaction_id)


def read_interaction(pages: Pages) -> tuple[Interaction, AppFace]:
    """The app's request of this page, which makes no sense without one."""
    errand = read_errand(pages)
    if errand.interaction is None or errand.app is None:
        raise NotFound("interaction")
    return errand.interaction, errand.app


def _waiting(pages: Pages, interaction_id: str) -> Errand:
    interactions = pages.services.interactions
    interaction = interactions.get(interaction_id)
    prefer(interaction.request.ui_locales)
    g.display = interaction.request.display
    app = face(interactions.client(interaction), interaction.request.redirect_uri, issuer=pages.settings.issuer)
    if interaction.completed_at is not None:
        abort(pages.show("finished.html", app=app))
    if interactions.expired(interaction):
        abort(pages.show("expired.html", 410, app=app))
    return Errand(read_destination(request.args), interaction, app)


def go_on(pages: Pages, errand: Errand) -> Response:
    """After sign-in: back to the app's request, or to the page of ours."""
    if errand.interaction is not None:
        return pages.go(RESUME, {"interaction": errand.interaction.id})
    return pages.go(errand.destination.path)


def page_of(decision: object) -> str:
    """Which page a decision belongs to; whatever needs no person is the resume address's to do."""
    if isinstance(decision, SignIn) and decision.create:
        return NEW_ACCOUNT
    if isinstance(decision, SignIn | ChooseAccount):
        return LOGIN
    return CONSENT if isinstance(decision, AskConsent) else RESUME
