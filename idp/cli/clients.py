"""``idp client``: registered applications.

Members of the registration are those of RFC 7591; what only an operator decides (trust, PKCE
relaxation, grace of refresh tokens) has options of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..domain.client import AuthMethod, Client, ClientOrigin, GrantType
from ..domain.exchange import ExchangePolicy
from ..domain.fapi2 import Fapi2
from ..errors import InputRefused
from .arguments import Group, json_pair
from .output import Answer, details, moment, table
from .runtime import OPERATOR, opened, settled

if TYPE_CHECKING:
    from .arguments import Commands

_COLUMNS = ("client_id", "client_name", "token_endpoint_auth_method", "grant_types", "origin", "state")
_ONCE = "Shown this once; keep it safe."
_YES_NO = {"yes": True, "no": False}


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp client …``."""
    group = Group(commands, common, "client", "registered applications")
    create = group.verb("create", _create, "register an application; its secret is shown once")
    create.add_argument("name")
    create.add_argument("--client-id", help="an id of your choice; a random one otherwise")
    _add_members(create)
    group.verb("list", _list, "list applications")
    _identified(group, "show", _show, "everything known of one application")
    update = _identified(group, "update", _update, "change members of the registration; others stay")
    update.add_argument("--name")
    _add_members(update)
    _identified(group, "rotate-secret", _rotate, "make a new secret; the old one is dead at once")
    _identified(group, "disable", _disable, "refuse it and end all it holds")
    _identified(group, "enable", _enable, "accept it again; what was ended stays ended")
    _identified(group, "delete", _delete, "delete it and end all it holds")


def _identified(
    group: Group, verb: str, run: Callable[[argparse.Namespace], Answer], help_text: str
) -> argparse.ArgumentParser:
    parser = group.verb(verb, run, help_text)
    parser.add_argument("client_id")
    return parser


def _add_members(parser: argparse.ArgumentParser) -> None:
    many: dict[str, Any] = {"action": "append", "metavar": "URI"}
    parser.add_argument("--redirect-uri", dest="redirect_uris", help="where answers may go; repeat for more", **many)
    parser.add_argument("--post-logout-redirect-uri", dest="post_logout_redirect_uris", **many)
    parser.add_argument("--backchannel-logout-uri", metavar="URI",
                        help="where it is told that a session has ended; '' for nowhere")  # fmt: skip
    parser.add_argument("--backchannel-logout-session-required", choices=_YES_NO)
    parser.add_argument("--grant-type", dest="grant_types", action="append", choices=list(GrantType))
    parser.add_argument("--auth-method", dest="token_endpoint_auth_method", choices=list(AuthMethod))
    parser.add_argument("--application-type", choices=("web", "native"))
    parser.add_argument("--scope", help="what it may ask for at all, separated by spaces")
    parser.add_argument("--member", type=json_pair, action="append", default=[], metavar="NAME=VALUE",
                        help="any other RFC 7591 member, e.g. client_uri=https://app.example")  # fmt: skip
    parser.add_argument("--trusted", choices=_YES_NO, help="your own application: people are not asked to consent")
    parser.add_argument("--pkce-required", choices=(*_YES_NO, "default"))
    parser.add_argument(
        "--refresh-grace", type=_grace, metavar="SECONDS", help="0 is strict; 'default' as IDP_REFRESH_GRACE"
    )
    parser.add_argument("--fapi2", choices=[*Fapi2, "off"], help="FAPI 2.0: turn on everything that it demands")
    _add_exchange(parser)


def _add_exchange(parser: argparse.ArgumentParser) -> None:
    """RFC 8693. Whoever names a target or an actor says all of the policy anew."""
    parser.add_argument("--exchange-target", dest="exchange_targets", action="append", metavar="RESOURCE",
                        help="for which API it may exchange tokens; repeat for more; '' for none")  # fmt: skip
    parser.add_argument("--exchange-manner", dest="exchange_manners", action="append",
                        choices=("impersonation", "delegation"), help="how; delegation if you do not say")  # fmt: skip
    parser.add_argument("--exchange-scope", default="", metavar="SCOPES",
                        help="what it may get there although the token lacks it, separated by spaces")  # fmt: skip
    parser.add_argument("--exchange-actor", metavar="CLIENT_ID",
                        help="who alone may exchange its tokens (may_act); '' for any that may")  # fmt: skip


def _grace(text: str) -> int | str:
    if text == "default":
        return text
    if not text.isascii() or not text.isdigit() or int(text) > 300:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 to 300 nor 'default'")
    return int(text)


_MEMBERS = (
    "redirect_uris", "post_logout_redirect_uris", "grant_types", "token_endpoint_auth_method", "application_type",
    "scope", "backchannel_logout_uri",
)  # fmt: skip


def _metadata(arguments: argparse.Namespace) -> dict[str, object]:
    """The RFC 7591 members that were given."""
    given = {name: getattr(arguments, name) for name in _MEMBERS}
    if arguments.name is not None:
        given["client_name"] = arguments.name
    if arguments.backchannel_logout_session_required is not None:
        given["backchannel_logout_session_required"] = _YES_NO[arguments.backchannel_logout_session_required]
    return {**{name: value for name, value in given.items() if value is not None}, **dict(arguments.member)}


def _operator_members(arguments: argparse.Namespace) -> dict[str, Any]:
    """What only an operator decides, as far as it was given; 'default' becomes None."""
    members: dict[str, Any] = {}
    if arguments.trusted is not None:
        members["trusted"] = _YES_NO[arguments.trusted]
    if arguments.pkce_required is not None:
        members["pkce_required"] = _YES_NO.get(arguments.pkce_required)
    if arguments.refresh_grace is not None:
        members["refresh_grace"] = None if arguments.refresh_grace == "default" else arguments.refresh_grace
    if arguments.fapi2 is not None:
        members["fapi2"] = None if arguments.fapi2 == "off" else Fapi2(arguments.fapi2)
    if arguments.exchange_targets is not None or arguments.exchange_actor is not None:
        members["exchange"] = _policy(arguments)
    elif arguments.exchange_manners or arguments.exchange_scope:
        raise InputRefused({"exchange": "name an --exchange-target too"})
    return members


def _policy(arguments: argparse.Namespace) -> ExchangePolicy | None:
    targets = tuple(dict.fromkeys(target for target in arguments.exchange_targets or () if target))
    manners = arguments.exchange_manners or (["delegation"] if targets else [])
    if not targets and not arguments.exchange_actor:
        return None
    return ExchangePolicy(
        targets=targets, scope=tuple(arguments.exchange_scope.split()), impersonation="impersonation" in manners,
        delegation="delegation" in manners, may_act=arguments.exchange_actor or None,
    )  # fmt: skip


def row(client: Client) -> dict[str, object]:
    """What is shown of a client; never a hash of its secrets."""
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "origin": client.origin,
        "state": "disabled" if client.disabled_at else "enabled",
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "grant_types": list(client.grant_types),
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
        "scope": " ".join(client.scope),
        **client.metadata,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "trusted": client.trusted,
        "pkce_required": "default" if client.pkce_required is None else client.pkce_required,
        "refresh_grace": "default" if client.refresh_grace is None else client.refresh_grace,
        "fapi2": client.fapi2,
        "exchange": None if client.exchange is None else asdict(client.exchange),
        "created_at": moment(client.created_at),
        "updated_at": moment(client.updated_at),
    }


def _create(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        new = idp.services.clients.create(
            _metadata(arguments),
            origin=ClientOrigin.OPERATOR,
            client_id=arguments.client_id,
            **_operator_members(arguments),
        )
    shown = {**row(new.client), **({"client_secret": new.client_secret} if new.client_secret else {})}
    return Answer(shown, details(shown) + (f"\n{_ONCE}" if new.client_secret else ""))


def _list(_arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        rows = [row(client) for client in idp.services.clients.list()]
    return Answer(rows, table(rows, _COLUMNS))


def _show(arguments: argparse.Namespace) -> Answer:
    with opened() as idp:
        shown = row(idp.services.clients.get(arguments.client_id))
    return Answer(shown, details(shown))


def _update(arguments: argparse.Namespace) -> Answer:
    changes, members = _metadata(arguments), _operator_members(arguments)
    if not changes and not members:
        raise InputRefused({"client": "nothing to change was given"})
    with opened() as idp, settled(idp):
        shown = row(idp.services.clients.update(arguments.client_id, changes, **members))
    return Answer(shown, details(shown))


def _rotate(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        secret = idp.services.clients.rotate_secret(arguments.client_id)
    shown = {"client_id": arguments.client_id, "client_secret": secret}
    return Answer(shown, f"{details(shown)}\n{_ONCE}")


def _disable(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        idp.services.clients.disable(arguments.client_id, OPERATOR)
    return _done(arguments, "Disabled {}; all it held has ended.")


def _enable(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        idp.services.clients.enable(arguments.client_id, OPERATOR)
    return _done(arguments, "Enabled {}.")


def _delete(arguments: argparse.Namespace) -> Answer:
    with opened() as idp, settled(idp):
        idp.services.clients.delete(arguments.client_id, OPERATOR)
    return _done(arguments, "Deleted {}; all it held has ended.")


def _done(arguments: argparse.Namespace, sentence: str) -> Answer:
    return Answer({"client_id": arguments.client_id, "done": arguments.verb}, sentence.format(arguments.client_id))
