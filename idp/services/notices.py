"""Who is told of what: the outbox messages that an ending or a sign-in gives rise to.

They are put in the transaction of what they report, and hold ids alone; what a person or an app reads is
made when it is sent.

Who is told by back-channel (OpenID Connect Back-Channel Logout 1.0 section 2.3, design.md section 5):
every client that has registered an address for it, once for each of its client sessions that ended. And,
where somebody signed out, the clients of that Session whose client session goes on because it is
offline: the app's own session in that browser is to end, while "refresh tokens issued with the
offline_access property normally SHOULD NOT be revoked" (section 2.7). Not where a Session ran out: then
nobody has left, and nothing of theirs has ended.

Why mails have a brake: whoever registers with a stranger's address could have us write to it as often as
he signs in, or lets a code be used twice. The account page shows all of it to whoever may see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from ..domain.outbox import MessageKind, OutboxMessage, Telling
from ..domain.ports import Stores
from ..domain.session import ClientSession, Ended, EndReason, EndTarget, Session, ThisSession
from ..domain.throttle import mail_brakes
from ..domain.user import User
from .subjects import Subjects

TOLD_BY_MAIL = {EndReason.REFRESH_REUSE, EndReason.CODE_REUSE, EndReason.PASSWORD_RESET}
_RAN_OUT = {EndReason.IDLE, EndReason.ABSOLUTE}
_FIRST_BROWSER = timedelta(minutes=5)
SHOWN = timedelta(days=28)


class Notices:
    """Makes messages, in the transaction of what they report."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._subjects = Subjects(stores)

    def of_ending(self, target: EndTarget, ended: Ended, reason: EndReason, now: datetime) -> list[OutboxMessage]:
        """Everything that an ending gives rise to; to be put by the caller."""
        told = [*ended.client_sessions, *self._staying(target, reason)]
        return [*self._back_channel(told, now), *self._warnings(ended, reason, now)]

    def new_device(self, user: User, session: Session) -> None:
        """Put the mail about a device unknown so far; the browser in which the account was just made is no news."""
        if user.created_at == user.updated_at and session.created_at - user.created_at < _FIRST_BROWSER:
            return
        if not self._may_mail(user):
            return
        payload = {"template": "new_device", "user_id": str(user.id), "session_id": str(session.id)}
        self._stores.outbox.put(
            [self._message(MessageKind.MAIL, session.created_at, payload, user_id=user.id, session_id=session.id)]
        )

    def device_connected(self, user_id: UUID, client_id: str, now: datetime) -> None:
        """Put the mail about an app that was let in by a code shown on another device (RFC 8628 section 5.4)."""
        user = self._stores.users.get(user_id)
        if user is None or not self._may_mail(user):
            return
        payload = {"template": "device_connected", "user_id": str(user_id), "client_id": client_id}
        self._stores.outbox.put([self._message(MessageKind.MAIL, now, payload, user_id=user_id)])

    def approval_wanted(self, user: User, client_id: str, now: datetime) -> None:
        """Put the mail about an app that asks for the person's approval (CIBA); the account page shows it too."""
        if not self._may_mail(user):
            return
        payload = {"template": "approval_wanted", "user_id": str(user.id), "client_id": client_id}
        self._stores.outbox.put([self._message(MessageKind.MAIL, now, payload, user_id=user.id)])

    def decided(self, request_id: UUID, client_id: str, now: datetime) -> None:
        """Put the ping to a client that is to be told of a decision (CIBA Core 10.2)."""
        payload = {"request_id": str(request_id)}
        self._stores.outbox.put([self._message(MessageKind.CIBA_PING, now, payload, client_id=client_id)])

    def told(self, user_id: UUID) -> Mapping[UUID, Sequence[Telling]]:
        """Of each Session that ended lately, which apps were told of it: the latest word to each. One query."""
        tellings = self._stores.outbox.tellings(user_id, self._stores.clock.now() - SHOWN)
        latest = {(item.session_id, item.client_id): item for item in reversed(tellings)}
        found: dict[UUID, list[Telling]] = {}
        for item in latest.values():
            found.setdefault(item.session_id, []).append(item)
        return found

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _staying(self, target: EndTarget, reason: EndReason) -> Sequence[ClientSession]:
        """Other targets end offline client sessions too, or leave every Session alone."""
        if not isinstance(target, ThisSession) or reason in _RAN_OUT:
            return ()
        return self._stores.client_sessions.offline_of(target.session_id)

    def _back_channel(self, told: Sequence[ClientSession], now: datetime) -> list[OutboxMessage]:
        """``uri`` is the fallback for a client that is deleted before it is told."""
        clients = self._stores.clients.some(sorted({item.client_id for item in told}))
        uris = {name: client.metadata.get("backchannel_logout_uri") for name, client in clients.items()}
        return [
            self._message(
                MessageKind.BACKCHANNEL_LOGOUT, now,
                {
                    "client_id": item.client_id, "sid": str(item.id), "uri": uri,
                    "sub": self._subjects.subject(item.user_id, clients[item.client_id]),
                },
                user_id=item.user_id, client_id=item.client_id, sid=item.id, session_id=item.session_id,
            )
            for item in told
            if (uri := uris.get(item.client_id))
        ]  # fmt: skip

    def _warnings(self, ended: Ended, reason: EndReason, now: datetime) -> list[OutboxMessage]:
        if reason not in TOLD_BY_MAIL:
            return []
        user_id = (ended.client_sessions or ended.sessions)[0].user_id
        user = self._stores.users.get(user_id)
        if user is not None and not user.email_verified and not self._may_mail(user):
            return []
        payload = {"template": "session_ended", "reason": reason.value, "user_id": str(user_id)}
        if ended.client_sessions:
            payload |= {"client_id": ended.client_sessions[0].client_id, "sid": str(ended.client_sessions[0].id)}
        return [self._message(MessageKind.MAIL, now, payload, user_id=user_id)]

    def _may_mail(self, user: User) -> bool:
        """Counts this one. With a transaction that is lost a count may stay, on the strict side."""
        brakes = mail_brakes(user.id, verified=user.email_verified)
        return not self._stores.throttles.take(brakes, self._stores.clock.now())

    def _message(
        self, kind: MessageKind, now: datetime, payload: dict[str, object] | dict[str, str], **concerns: object
    ) -> OutboxMessage:
        return OutboxMessage(
            id=self._stores.randomness.uuid(), kind=kind.value, payload=payload, created_at=now, due_at=now,
            **concerns,  # type: ignore[arg-type]
        )  # fmt: skip
