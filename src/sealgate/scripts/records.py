"""What a vault has on record for one ticket, and sealing a key for exactly that.

Counterparts: `deposit`, which asks the vault for it, and `offline`, which reads it from a file on a machine
without a network. It opens no connection; a key is sealed only to keys whose fingerprint was accepted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from msgspec import Struct

from sealgate.envelope import (
    Context,
    Fingerprint,
    KeyFormatError,
    SealingPublicKey,
    check_provider_key,
    encode_text,
    find_suite,
    fingerprint,
    seal,
)
from sealgate.scripts.failures import Exit, ScriptError

Say = Callable[[str], None]


class Named(Struct, frozen=True):
    """Something with an id and a name."""

    id: str
    name: str


class Provider(Struct, frozen=True):
    """A provider."""

    id: str
    label: str


class OfferedKey(Struct, frozen=True):
    """A sealing key, its bytes as base64url."""

    suite: int
    key_id: str
    public_key: str


class Passkey(Struct, frozen=True):
    """Who may approve: not what a command can do."""

    rp_id: str


class Record(Struct, frozen=True):
    """What the vault says that a ticket is for, and which keys it may be sealed to."""

    instance: str
    organization: Named
    application: Named
    credential: str
    version: int
    provider: Provider
    origin: str
    keys: tuple[OfferedKey, ...]
    passkey: Passkey | None = None
    """Not None: an administrator of the vault must approve this deposit, in a browser."""

    def fingerprint(self) -> Fingerprint:
        """Of every key that is offered, also of those that this release cannot seal to."""
        if not self.keys or any(not 0 < each.suite < 256 for each in self.keys):
            raise _unreadable()
        return fingerprint((each.suite, decode(each.public_key)) for each in self.keys)


class Ways(Struct, frozen=True):
    """How this run reads the key, asks the person, and speaks."""

    read_key: Callable[[], bytearray]
    confirmed: Callable[[str], bool | None]
    say: Say


def show(record: Record, say: Say) -> None:
    """Say what the key will be bound to."""
    say(f"Organization  {record.organization.name} ({record.organization.id})")
    say(f"Application   {record.application.name} ({record.application.id})")
    say(f"Destination   {record.provider.label}, {record.origin}")
    say(f"Credential    {record.credential}, version {record.version}")


def accept(found: Fingerprint, pinned: str, ways: Ways) -> None:
    """Show the sealing keys' fingerprint, and compare or ask; raises `ScriptError` unless it is right."""
    ways.say(f"Sealing keys  {found.words}")
    ways.say(f"              {found.hexadecimal}")
    if pinned:
        if not found.fits(pinned):
            raise ScriptError(
                Exit.NOT_ALLOWED,
                "The sealing keys have another fingerprint than the pinned one.",
                "It changes when the keys do: compare it with the console's add-on page. Do not deposit "
                "a key before you know why: somebody may be in between.",
            )
        return
    answer = ways.confirmed("Is this the fingerprint of your vault's sealing keys?")
    if answer is None:
        raise ScriptError(
            Exit.NOT_ALLOWED,
            "There is no terminal to ask at.",
            f"Compare the fingerprint above, then pin it: --fingerprint {found.words}",
        )
    if not answer:
        raise ScriptError(Exit.NOT_ALLOWED, "Not confirmed; no key was read.", "Compare it in the console.")


def sealed(record: Record, ways: Ways) -> str:
    """Read a key, seal it for the record and give the envelope's text; the key is wiped."""
    public, key_id = _preferred(record)
    context = Context(
        instance=record.instance,
        organization=record.organization.id,
        application=record.application.id,
        credential=record.credential,
        version=record.version,
        provider=record.provider.id,
        origin=record.origin,
        key_id=key_id,
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


def _preferred(record: Record) -> tuple[SealingPublicKey, bytes]:
    """The first key of a suite that this release knows."""
    known = next((each for each in record.keys if find_suite(each.suite) is not None), None)
    if known is None:
        raise ScriptError(Exit.FAILED, "The vault seals in another way.", "Use its own release of sealgate.")
    try:
        return SealingPublicKey(decode(known.public_key), known.suite), decode(known.key_id)
    except ValueError:
        raise _unreadable() from None


def decode(text: str) -> bytes:
    """Read base64url without padding; raises `ScriptError`."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None


def _unreadable() -> ScriptError:
    return ScriptError(Exit.UNAVAILABLE, "The vault's answer cannot be read.", "Is this its address?")
