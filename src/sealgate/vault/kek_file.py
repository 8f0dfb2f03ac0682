"""A KEK in a local file: made with mode 0400, refused if anyone else could read it.

Counterparts: `kek.KekProvider`, and `kek_folder`, which knows the files' names. The first one is `kek`, made
on the first start and never to replace one that was lost; later versions are `kek.<version>`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Never

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekError

KEK_BYTES = 32
_PREFIX = "sealgate-kek-1 "
_WIPED = "wiped-"
_NONCE_BYTES = 12
_FILE_LIMIT_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileKek:
    """AES-256-GCM under a key from a file. `wrap` gives nonce (12), ciphertext, tag (16)."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        # A one-way name of the key: tells a wrong KEK from a damaged database.
        self._version = "file-" + hashlib.sha256(b"sealgate kek version" + key).hexdigest()[:16]

    @property
    def version(self) -> str:
        """`file-` and 16 hexadecimal characters that only this key gives."""
        return self._version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key under a fresh random nonce (NIST SP 800-38D §8.2.2)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key; raises `KekError`."""
        plaintext = bytearray(max(len(wrapped) - _NONCE_BYTES - 16, 0))
        try:
            self._aead.decrypt_into(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context, plaintext)
        except (InvalidTag, ValueError) as error:
            raise KekError("the KEK does not unwrap this") from error
        return plaintext

    def health(self) -> None:
        """A key in memory is always well."""

    def __repr__(self) -> str:
        return f"<FileKek {self._version}>"

    def __reduce__(self) -> Never:
        raise TypeError("a KEK cannot be copied or pickled")


def make_kek(path: Path) -> None:
    """Write a new random KEK with mode 0400; raises `FileExistsError` rather than touch one that is there."""
    write_private(path, _text_of(secrets.token_bytes(KEK_BYTES)))


def make_kek_in(folder: Path) -> FileKek:
    """Write a new random KEK as `kek.<version>`, and give it."""
    key = secrets.token_bytes(KEK_BYTES)
    kek = FileKek(key)
    write_private(folder / f"kek.{kek.version}", _text_of(key))
    return kek


def load_kek(path: Path) -> FileKek:
    """Read the KEK; raises `StartError` if it is missing, unsafe or no KEK."""
    return FileKek(_parse(path, read_private(path)))


def wipe_file(path: Path) -> None:
    """Overwrite a file in place and remove it; none there is as good. `wipe_left` finishes what broke off."""
    wipe_left(path.parent)
    # Out of the way first: half overwritten under its own name, it would keep the next start from happening.
    with contextlib.suppress(FileNotFoundError):
        path.rename(path.with_name(f"{_WIPED}{path.name}"))
    wipe_left(path.parent)


def wipe_left(folder: Path) -> None:
    """Overwrite and remove what `wipe_file` was about to, when the process ended."""
    for path in folder.glob(f"{_WIPED}*"):
        path.chmod(0o600)
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(descriptor, secrets.token_bytes(os.fstat(descriptor).st_size))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
        sync_folder(folder)


def write_private(path: Path, content: bytes) -> None:
    """A new file of mode 0400, whole or not at all; raises `FileExistsError`, or `OSError` (disk full)."""
    scratch = path.with_name(f"new-{path.name}")
    scratch.unlink(missing_ok=True)  # of a try that broke off: nobody has ever used it
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)  # unlike a rename, never over a file that is there
    finally:
        scratch.unlink()
    sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """What a KEK's file holds; raises `StartError` if it is missing, or anyone else could use it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        _refuse(
            "kek_missing",
            f"the KEK {path} is missing",
            "put it back from its backup; a new one opens nothing",
        )
    except OSError as error:
        _refuse(
            "kek_unreadable",
            f"the KEK {path} cannot be read ({error.strerror})",
            "let the vault's user own it",
        )
    try:
        _check_safe(path, os.fstat(descriptor))
        return os.read(descriptor, _FILE_LIMIT_BYTES)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_safe(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        _refuse("kek_unsafe", f"the KEK {path} is no regular file", "put the file itself there")
    if status.st_uid not in (os.geteuid(), 0):
        _refuse(
            "kek_unsafe", f"the KEK {path} belongs to user {status.st_uid}", f"chown {os.geteuid()} {path}"
        )
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        _refuse("kek_unsafe", f"the KEK {path} has mode {mode:04o}: others can use it", f"chmod 0400 {path}")


def _text_of(key: bytes) -> bytes:
    return _PREFIX.encode() + base64.urlsafe_b64encode(key) + b"\n"


def _parse(path: Path, content: bytes) -> bytes:
    text = content.decode("ascii", "replace")
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX).rstrip("\n"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not text.startswith(_PREFIX) or len(key) != KEK_BYTES:
        _refuse("kek_malformed", f"{path} holds no KEK", "put it back from its backup")
    return key


def _refuse(code: str, message: str, hint: str) -> Never:
    raise StartError(code, message, hint) from None
