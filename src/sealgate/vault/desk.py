"""The desk: what the console may ask for over `vault-desk.sock`.

Counterpart: the console's vault client. Tickets, masked lists, changes of versions, revocation,
pseudonyms; no operation opens a key, names a new destination or tells a pepper.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never, cast

from sealgate.log import Log
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase
from sealgate.messages.frames import Message, Refusal, RefusedError
from sealgate.messages.opening import OpenRefusal
from sealgate.messages.pseudonym import pseudonym
from sealgate.messages.server import Peer
from sealgate.messages.tickets import (
    AskPseudonym,
    CredentialRevoked,
    CredentialRow,
    Credentials,
    Destinations,
    Discard,
    IssueTicket,
    ListCredentials,
    ListDestinations,
    Pseudonym,
    Revoke,
    RollBack,
    Switch,
    TicketIssued,
    TicketReply,
    TicketRequest,
)
from sealgate.vault import fields, versions
from sealgate.vault.deposits import Deposits
from sealgate.vault.erasures import Erasures
from sealgate.vault.faults import AlarmError
from sealgate.vault.stores import Stores


class Desk:
    """Answers the console. `handle` is the handler of a `messages.server.Server`."""

    def __init__(
        self, stores: Stores, deposits: Deposits, erasures: Erasures, clock: Callable[[], float], log: Log
    ) -> None:
        self._stores = stores
        self._erasures = erasures
        self._deposits = deposits
        self._clock = clock
        self._log = log

    def handle(self, peer: Peer, message: Message) -> Message:
        """Answer one request of the console; raises `RefusedError` after logging why."""
        request = cast(TicketRequest, message)  # the server decodes nothing else
        operation = type(message).__name__
        try:
            return self._answer(request)
        except RefusedError as error:
            self._note_refusal(peer, request, error.refusal.code)
            raise
        except AlarmError as error:
            self._note_refusal(peer, request, OpenRefusal.DAMAGED.value)
            raise _damaged() from error
        except OSError as error:
            self._log("database_failed", error=type(error).__name__, operation=operation)
            raise _unavailable() from error

    def _note_refusal(self, peer: Peer, request: TicketRequest, code: str) -> None:
        self._log(
            "desk_refused",
            code=code,
            operation=type(request).__name__,
            organization=fields.shown("org", request, "organization"),
            application=fields.shown("app", request, "application"),
            credential=fields.shown("cred", request, "credential"),
            uid=peer.uid,
        )

    def _answer(self, request: TicketRequest) -> TicketReply:
        match request:
            case ListDestinations():
                return Destinations(items=self._stores.destinations.items)
            case IssueTicket():
                return self._issue(request)
            case ListCredentials():
                return self._list(request)
            case Revoke():
                return self._revoke(request)
            case Switch() | RollBack() | Discard():
                return self._change(request)
            case AskPseudonym():
                return self._pseudonym(request)
            case Erase() | AskReceipt() | AskReceipts():
                # Operators may leave it out; the console must say whose.
                fields.check_id("org", "organization", request.organization)
                return self._erasures.answer(request)
            case _:
                assert_never(request)

    def _issue(self, order: IssueTicket) -> TicketIssued:
        _check_owner(order)
        fields.check_name("organization_name", order.organization_name)
        fields.check_name("application_name", order.application_name)
        fields.check_destination_names(order.provider, order.origin)
        if order.credential is not None:
            fields.check_id("cred", "credential", order.credential)
        return self._deposits.issue(order, self._clock())

    def _list(self, request: ListCredentials) -> Credentials:
        _check_owner(request)
        items = self._stores.credentials.list(request.organization, request.application, self._clock())
        return Credentials(
            items=items,
            sealing_words=self._sealing_words(request.organization),
            approval=self._deposits.approval(request.organization),
        )

    def _sealing_words(self, organization: str) -> str:
        """For people to compare with the sealing page; a keyring that was altered has none to show."""
        try:
            held = self._stores.keyring.epochs(organization)
        except AlarmError:
            return ""
        return held[-1].fingerprint.words if held else ""

    def _revoke(self, request: Revoke) -> CredentialRevoked:
        _check_owner(request)
        fields.check_id("cred", "credential", request.credential)
        return self._stores.credentials.revoke(
            request.organization, request.application, request.credential, self._clock()
        )

    def _change(self, request: Switch | RollBack | Discard) -> CredentialRow:
        _check_owner(request)
        fields.check_id("cred", "credential", request.credential)
        if isinstance(request, Discard):
            fields.check_version(request.version)
        before = self._stores.credentials.theirs(
            request.organization, request.application, request.credential
        )
        versions.check_living(before.record)
        match request:
            case Switch():
                after = versions.switched(before.record)
            case RollBack():
                after = versions.rolled_back(before.record)
            case _:
                after = versions.discarded(before.record, request.version)
        return self._stores.credentials.change(before, after)

    def _pseudonym(self, request: AskPseudonym) -> Pseudonym:
        _check_owner(request)
        fields.check_subject(request.subject)
        try:
            key = self._stores.peppers.pseudonym_key(request.organization, request.application)
        except LookupError:
            raise RefusedError(
                Refusal(
                    code="unknown_organization",
                    message="this organization has no pepper yet, so nothing was recorded under a pseudonym",
                    hint="activate an add-on first",
                )
            ) from None
        return Pseudonym(value=pseudonym(key, request.subject))


def _check_owner(
    request: IssueTicket | ListCredentials | Revoke | Switch | RollBack | Discard | AskPseudonym,
) -> None:
    fields.check_id("org", "organization", request.organization)
    fields.check_id("app", "application", request.application)


def _damaged() -> RefusedError:
    return RefusedError(
        Refusal(
            code=OpenRefusal.DAMAGED.value,
            message="the vault does not trust what it has stored for this",
            hint="look for alarms in the vault's log; restore vault.db",
        )
    )


def _unavailable() -> RefusedError:
    return RefusedError(
        Refusal(
            code=OpenRefusal.UNAVAILABLE.value,
            message="the vault cannot write its files, or not use its KEK, now",
            hint="look into the vault's log: is the disk full, is the KEK's keeper away?",
        )
    )
