"""Sealing a key on a machine without a network: a file says what to seal for, the envelope leaves as text.

Counterparts: `deposit`, which gets the file and delivers the envelope where the vault can be reached, and
`records`, which seals. It opens no connection. The file is no secret about any key, but it holds the ticket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from sealgate.envelope import EnvelopeError, decode_text
from sealgate.scripts import records
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.records import Record, Ways

FILE_FORMAT = "sealgate vault key 1"
FILE_LIMIT_BYTES = 65_536


class VaultKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A vault-key file: everything that one deposit is sealed for, and the ticket that delivers it."""

    format: str
    vault: str
    """The vault's address."""
    ticket: str
    """Whoever has it can deposit a key in this place until it expires, and nothing else."""
    expires_at: str
    """RFC 3339, UTC; the vault's clock decides."""
    stage: bool
    record: Record


def save(path: Path, key: VaultKey) -> None:
    """Write a vault-key file, for its owner only; raises `ScriptError` where one is already."""
    text = msgspec.json.format(msgspec.json.encode(key), indent=2) + b"\n"
    _write(path, text)


def load(path: Path) -> VaultKey:
    """Read a vault-key file; raises `ScriptError`."""
    try:
        found = msgspec.json.decode(_read(path), type=VaultKey)
    except msgspec.MsgspecError:
        raise _no_vault_key(path) from None
    if found.format != FILE_FORMAT:
        raise _no_vault_key(path)
    return found


def seal_offline(path: Path, pinned: str, ways: Ways, output: Path | None) -> str:
    """Seal a key for what a vault-key file says, and give the envelope's text; raises `ScriptError`.

    No key is read before the fingerprint is accepted: the file may have been exchanged on its way.
    """
    record = load(path).record
    records.show(record, ways.say)
    records.accept(record.fingerprint(), pinned, ways)
    envelope = records.sealed(record, ways)
    if output is not None:
        _write(output, envelope.encode() + b"\n")
    return envelope


def read_envelope(path: Path) -> str:
    """An envelope's text from a file, checked for its form alone; raises `ScriptError`."""
    text = _read(path).decode("utf-8", "replace").strip()
    try:
        decode_text(text)
    except EnvelopeError:
        raise ScriptError(
            Exit.DATA, f"{path} holds no envelope.", "Give the file that `sealgate seal` wrote, whole."
        ) from None
    return text


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT_BYTES)
    except OSError as error:
        raise ScriptError(
            Exit.DATA, f"{path} cannot be read ({error.strerror}).", "Check its name."
        ) from None


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
        with _whole_or_gone(path), os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise ScriptError(
            Exit.DATA, f"{path} cannot be written ({error.strerror}).", "Name a file that is not there yet."
        ) from None


@contextmanager
def _whole_or_gone(path: Path) -> Iterator[None]:
    """What a full disk took half is removed: its name is free for the next try."""
    try:
        yield
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _no_vault_key(path: Path) -> ScriptError:
    return ScriptError(
        Exit.DATA, f"{path} is no vault-key file.", "Make one with `sealgate deposit --save-vault-key`."
    )
