"""`sealgate deposit`: seals a provider key on this machine and hands the envelope to the vault.

Counterpart: the vault's sealing page, whose two requests it makes. It trusts neither console nor vault with
where the key goes: what the vault has on record must be what was asked for, and the sealing key must be the
one whose fingerprint is pinned or confirmed. The key leaves this process as an envelope only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from sealgate.scripts import records
from sealgate.scripts.consoles import API
from sealgate.scripts.failures import Exit, ScriptError
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


class _Ticket(Struct, frozen=True):
    ticket: str
    vault_url: str
    application: str
    credential: str
    version: int
    provider: str
    origin: str


class Receipt(Struct, frozen=True):
    """What the vault stored."""

    credential: str
    version: int
    last_four: str
    fingerprint: str


def deposit(order: Order, console: Connection, ways: Ways, connect: Connect) -> Receipt:
    """Seal and hand in; raises `ScriptError`. No key is read before the fingerprint is accepted."""
    application = f"{API}/applications/{quote(order.application, safe='')}"
    provider, origin = _destination(order, application, console)
    wanted = {"provider": provider, "origin": origin, "stage": order.stage}
    ticket = console.ask("POST", f"{application}/add-on/tickets", wanted).read(_Ticket)
    vault = connect(order.vault or ticket.vault_url)
    record = _vault(vault, "/deposit/ticket", {"ticket": ticket.ticket}).read(Record)
    _check_record(record, ticket, provider, origin)
    records.show(record, ways.say)
    records.accept(record.fingerprint(), order.fingerprint, ways)
    envelope = records.sealed(record, ways)
    receipt = _vault(vault, "/deposit", {"ticket": ticket.ticket, "envelope": envelope}).read(Receipt)
    if not order.stage:
        console.ask("POST", f"{application}/add-on/settle")
    return receipt


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
