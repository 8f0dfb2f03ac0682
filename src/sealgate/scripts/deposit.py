"""`sealgate deposit`: seals a provider key on this machine and hands the envelope to the vault.

Counterpart: the vault's sealing page, whose two requests it makes. It trusts neither console nor vault with
where the key goes: what the vault has on record must be what was asked for, and the sealing key must be the
one whose fingerprint is pinned or confirmed. The key leaves this process as an envelope only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from sealgate.scripts import offline, records
from sealgate.scripts.consoles import API
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.offline import VaultKey
from sealgate.scripts.records import Record, Ways
from sealgate.scripts.talking import Answer, Connection, RefusedError

Connect = Callable[[str], Connection]
"""Reaches a vault by its address."""


class Order(Struct, frozen=True):
    """What the command line asks for; an empty provider or origin means the one that is obvious."""

    application: str
    provider: str = ""
    origin: str = ""
    vault: str = ""
    """The vault's address, if the console's word is not to be taken for it."""
    fingerprint: str = ""
    stage: bool = False
    another: bool = False
    """A credential of its own, for the policy's sources."""


class _Ticket(Struct, frozen=True):
    ticket: str
    vault_url: str
    application: str
    credential: str
    version: int
    provider: str
    origin: str
    expires_at: str


class Receipt(Struct, frozen=True):
    """What the vault stored."""

    credential: str
    version: int
    last_four: str
    fingerprint: str


class _Ready(Struct, frozen=True):
    """A ticket, the vault that it is for, and what the vault has on record for it."""

    ticket: _Ticket
    address: str
    vault: Connection
    record: Record


def deposit(order: Order, console: Connection, ways: Ways, connect: Connect) -> Receipt:
    """Seal and hand in; raises `ScriptError`. No key is read before the fingerprint is accepted."""
    ready = _prepare(order, console, ways, connect)
    records.accept(ready.record.fingerprint(), order.fingerprint, ways)
    envelope = records.sealed(ready.record, ways)
    receipt = _hand_in(ready.vault, ready.ticket.ticket, envelope)
    _settle(order.application, console, stage=order.stage)
    return receipt


def save_vault_key(order: Order, console: Connection, ways: Ways, connect: Connect, path: Path) -> VaultKey:
    """Get a ticket and write what to seal for into a file, for a machine without a network."""
    ready = _prepare(order, console, ways, connect)
    found = ready.record.fingerprint()
    ways.say(f"Sealing keys  {found.words}")
    ways.say(f"              {found.hexadecimal}")
    key = VaultKey(
        format=offline.FILE_FORMAT,
        vault=ready.address,
        ticket=ready.ticket.ticket,
        expires_at=ready.ticket.expires_at,
        stage=order.stage,
        record=ready.record,
    )
    offline.save(path, key)
    return key


def deliver(application: str, key: VaultKey, envelope: str, console: Connection, connect: Connect) -> Receipt:
    """Hand in an envelope that was sealed elsewhere for this vault-key file; raises `ScriptError`."""
    receipt = _hand_in(connect(key.vault), key.ticket, envelope)
    _settle(application, console, stage=key.stage)
    return receipt


def _prepare(order: Order, console: Connection, ways: Ways, connect: Connect) -> _Ready:
    application = _path(order.application)
    provider, origin = _destination(order, application, console)
    wanted = {"provider": provider, "origin": origin, "stage": order.stage, "another": order.another}
    ticket = console.ask("POST", f"{application}/add-on/tickets", wanted).read(_Ticket)
    address = order.vault or ticket.vault_url
    vault = connect(address)
    record = _vault(vault, "/deposit/ticket", {"ticket": ticket.ticket}).read(Record)
    _check_record(record, ticket, provider, origin)
    if record.passkey is not None:
        raise ScriptError(
            Exit.NOT_ALLOWED,
            "An administrator of the vault must approve this deposit with a passkey, which takes a browser.",
            "Deposit the key from the add-on's page in the console.",
        )
    records.show(record, ways.say)
    return _Ready(ticket, address, vault, record)


def _hand_in(vault: Connection, ticket: str, envelope: str) -> Receipt:
    return _vault(vault, "/deposit", {"ticket": ticket, "envelope": envelope}).read(Receipt)


def _settle(application: str, console: Connection, *, stage: bool) -> None:
    if not stage:
        console.ask("POST", f"{_path(application)}/add-on/settle")


def _path(application: str) -> str:
    return f"{API}/applications/{quote(application, safe='')}"


def _destination(order: Order, application: str, console: Connection) -> tuple[str, str]:
    found = console.ask("GET", f"{API}/destinations").plain()["items"]
    allowed = [(str(each["provider"]), str(each["origin"])) for each in found]
    if not order.provider and not order.origin:
        addon: dict[str, Any] = console.ask("GET", f"{application}/add-on").plain()
        if addon["origin"]:
            return str(addon["provider"]), str(addon["origin"])
    fitting = [
        (provider, origin)
        for provider, origin in allowed
        if order.provider in {"", provider} and order.origin in {"", origin}
    ]
    if len(fitting) != 1:
        known = "; ".join(f"--provider {provider} --origin {origin}" for provider, origin in allowed)
        what = "This destination is not the vault's." if not fitting else "Where may the key go?"
        raise ScriptError(Exit.DATA, what, f"Choose one: {known}")
    return fitting[0]


def _check_record(record: Record, ticket: _Ticket, provider: str, origin: str) -> None:
    said = (record.application.id, record.credential, record.version, record.provider.id, record.origin)
    if said != (ticket.application, ticket.credential, ticket.version, provider, origin):
        raise ScriptError(
            Exit.NOT_ALLOWED,
            f"The vault's record is for {record.provider.id} {record.origin} and {record.application.id}, "
            "which is not what was asked for.",
            "Do not deposit a key; have an administrator look at the console.",
        )


def _vault(vault: Connection, path: str, body: dict[str, str]) -> Answer:
    try:
        return vault.ask("POST", path, body, {"origin": vault.origin})
    except RefusedError as refused:
        raise ScriptError(refused.exit_code, f"The vault: {refused.message}", refused.hint) from None
