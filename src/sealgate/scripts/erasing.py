"""Erasure over the management API, for whose console is elsewhere: orders it, lists erasures, takes receipts.

Counterparts: the console's `api.erasures`, which asks its vault; `erasure_commands`, which does the same on
the vault's own machine and checks what is printed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from sealgate.messages.erasing import ErasureKind
from sealgate.scripts.consoles import API
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.talking import Connection

_WAITS = {"rows": "rows being destroyed", "sealing-keys": "old sealing keys being destroyed"}
OVERDUE = "overdue"


class Wish(Struct, frozen=True):
    """What is to be erased. `name` is that of the application, or of the organization."""

    kind: ErasureKind
    name: str
    application: str = ""
    credential: str = ""


class Erasure(Struct, frozen=True):
    """As the console tells it; times as text."""

    kind: str
    subject: str
    name: str
    state: str
    receipt: str | None = None
    final_by: str | None = None
    final_at: str | None = None
    waits_for: tuple[str, ...] = ()


class Erasures(Struct, frozen=True):
    """The newest first."""

    items: tuple[Erasure, ...]


class _Signed(Struct, frozen=True):
    erasure: Erasure
    receipt: dict[str, Any] | None


def erase(wish: Wish, console: Connection) -> str:
    """Have it erased; gives the signed receipt, one line.

    Raises `ScriptError`, also where the order stands and the vault is not at its end.
    """
    ways = {
        ErasureKind.CREDENTIAL: f"applications/{_named(wish.application)}/add-on/erase",
        ErasureKind.APPLICATION: f"applications/{_named(wish.application)}/erase",
        ErasureKind.ORGANIZATION: "organization/erase",
    }
    body = {"confirm": wish.name}
    if wish.kind is ErasureKind.CREDENTIAL:
        body["credential"] = wish.credential
    ordered = console.ask("POST", f"{API}/{ways[wish.kind]}", body).read(Erasure)
    if not ordered.receipt:
        raise ScriptError(
            Exit.UNAVAILABLE,
            f"The vault went away; the order to erase {ordered.subject} stands, and the console asks again.",
            "Look later: sealgate erasures",
        )
    return receipt(ordered.receipt, console)


def receipt(named: str, console: Connection) -> str:
    """A receipt, signed as things stand now; raises `ScriptError` while the vault is still at it."""
    found = console.ask("GET", f"{API}/erasures/{_named(named)}").read(_Signed)
    if found.receipt is None:
        raise ScriptError(
            Exit.UNAVAILABLE,
            f"{named}: the vault is still at it, or cannot sign now; nothing of it opens any more.",
            f"Ask again later: sealgate erasures {named}",
        )
    return msgspec.json.encode(found.receipt).decode()


def erasures(console: Connection) -> Erasures:
    """Every erasure of the token's organization."""
    return console.ask("GET", f"{API}/erasures").read(Erasures)


def lines(found: Erasures) -> Iterator[str]:
    """Two lines for each."""
    for each in found.items:
        yield f"{each.receipt or 'no receipt yet'}  {each.kind} {each.name} ({each.subject}): {each.state}"
        if each.final_at is not None:
            yield f"    final since {each.final_at[:10]}"
        elif each.final_by is not None:
            waits = ", ".join(_WAITS.get(word, f"KEK {word}") for word in each.waits_for)
            yield f"    to be final by {each.final_by[:10]}; waits for {waits}"


def _named(text: str) -> str:
    """For an address: an external name may hold anything."""
    return quote(text, safe="")
