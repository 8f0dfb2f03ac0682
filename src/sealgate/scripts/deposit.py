"""`sealgate deposit`: seals a provider key on this machine and hands the envelope to the vault.

Counterpart: the vault's sealing page, whose two requests it makes. It trusts neither console nor vault with
where the key goes: what the vault has on record must be what was asked for, and the sealing key must be the
one whose fingerprint is pinned or confirmed. The key leaves this process as an envelope only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from sealgate.envelope import Context, KeyFormatError, SealingPublicKey, check_provider_key, encode_text, seal
from sealgate.scripts.consoles import API
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.fingerprints import Fingerprint, fingerprint
from sealgate.scripts.talking import Answer, Connection, RefusedError

Say = Callable[[str], None]


class Order(Struct, frozen=True):
    """What the command line asks for; an empty provider or origin means the one that is obvious."""

    application: str
    provider: str = ""
    origin: str = ""
    vault: str = ""
    """The vault's address, if the console's word is not to be taken for it."""
    fingerprint: str = ""
    stage: bool = False


class Ways(Struct, frozen=True):
    """How this run reads the key, asks the person, speaks, and reaches the vault."""

    read_key: Callable[[], bytearray]
    confirmed: Callable[[str], bool | None]
    say: Say
    connect: Callable[[str], Connection]


class _Ticket(Struct, frozen=True):
    ticket: str
    vault_url: str
    application: str
    credential: str
    version: int
    provider: str
    origin: str


class _Named(Struct, frozen=True):
    id: str
    name: str


class _Provider(Struct, frozen=True):
    id: str
    label: str


class _Record(Struct, frozen=True):
    """What the vault says that the ticket is for."""

    instance: str
    organization: _Named
    application: _Named
    credential: str
    version: int
    provider: _Provider
    origin: str
    suite: int
    key_id: str
    public_key: str


class Receipt(Struct, frozen=True):
    """What the vault stored."""

    credential: str
    version: int
    last_four: str
    fingerprint: str


def deposit(order: Order, console: Connection, ways: Ways) -> Receipt:
    """Seal and hand in; raises `ScriptError`. No key is read before the fingerprint is accepted."""
    application = f"{API}/applications/{quote(order.application, safe='')}"
    provider, origin = _destination(order, application, console)
    wanted = {"provider": provider, "origin": origin, "stage": order.stage}
    ticket = console.ask("POST", f"{application}/add-on/tickets", wanted).read(_Ticket)
    vault = ways.connect(order.vault or ticket.vault_url)
    record = _vault(vault, "/deposit/ticket", {"ticket": ticket.ticket}).read(_Record)
    _check_record(record, ticket, provider, origin)
    public = SealingPublicKey(_decode(record.public_key))
    _show(record, ways.say)
    _accept(fingerprint(public.raw), order.fingerprint, ways)
    envelope = _sealed(public, record, ways)
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


def _check_record(record: _Record, ticket: _Ticket, provider: str, origin: str) -> None:
    said = (record.application.id, record.credential, record.version, record.provider.id, record.origin)
    if said != (ticket.application, ticket.credential, ticket.version, provider, origin):
        raise ScriptError(
            Exit.NOT_ALLOWED,
            f"The vault's record is for {record.provider.id} {record.origin} and {record.application.id}, "
            "which is not what was asked for.",
            "Do not deposit a key; have an administrator look at the console.",
        )
    if record.suite != 1:
        raise ScriptError(Exit.FAILED, "The vault seals in another way.", "Use its own release of sealgate.")


def _show(record: _Record, say: Say) -> None:
    say(f"Organization  {record.organization.name} ({record.organization.id})")
    say(f"Application   {record.application.name} ({record.application.id})")
    say(f"Destination   {record.provider.label}, {record.origin}")


def _accept(found: Fingerprint, pinned: str, ways: Ways) -> None:
    ways.say(f"Sealing key   {found.words}")
    ways.say(f"              {found.hexadecimal}")
    if pinned:
        if not found.fits(pinned):
            raise ScriptError(
                Exit.NOT_ALLOWED,
                "The sealing key has another fingerprint than the pinned one.",
                "Do not deposit a key before you know why: somebody may be in between.",
            )
        return
    answer = ways.confirmed("Is this the fingerprint of your vault's sealing key?")
    if answer is None:
        raise ScriptError(
            Exit.NOT_ALLOWED,
            "There is no terminal to ask at.",
            f"Compare the fingerprint above, then pin it: --fingerprint {found.words}",
        )
    if not answer:
        raise ScriptError(Exit.NOT_ALLOWED, "Not confirmed; no key was read.", "Compare it on the vault.")


def _sealed(public: SealingPublicKey, record: _Record, ways: Ways) -> str:
    context = Context(
        instance=record.instance,
        organization=record.organization.id,
        application=record.application.id,
        credential=record.credential,
        version=record.version,
        provider=record.provider.id,
        origin=record.origin,
        key_id=_decode(record.key_id),
    )
    key = ways.read_key()
    try:
        check_provider_key(key)
        return encode_text(seal(key, public, context))
    except KeyFormatError as error:
        raise ScriptError(Exit.DATA, str(error), error.hint) from None
    except ValueError:
        raise ScriptError(
            Exit.NOT_ALLOWED, "The vault's sealing key cannot be used.", "Tell its administrator."
        ) from None
    finally:
        key[:] = bytes(len(key))


def _vault(vault: Connection, path: str, body: dict[str, str]) -> Answer:
    try:
        return vault.ask("POST", path, body, {"origin": vault.origin})
    except RefusedError as refused:
        raise ScriptError(refused.exit_code, f"The vault: {refused.message}", refused.hint) from None


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ScriptError(
            Exit.UNAVAILABLE, "The vault's answer cannot be read.", "Is this its address?"
        ) from None
