"""A listener's certificate and key: checked before they are used, and taken anew when their files change.

Counterpart: the three `process.py`. New connections get the new certificate; one that does not pass is an
error event, and the old one stays. Neither key nor path of a key is ever logged.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from msgspec import Struct

from sealgate.log import Event, EventTable, Kind, Level, Log

if TYPE_CHECKING:
    from cryptography import x509

LOOK_EVERY_S = 1.0
EXPIRING_DAYS = 14
_DAY_S = 86_400.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

TLS_EVENTS: EventTable = {
    "certificate_loaded": Event(
        Level.INFO,
        {"days": Kind.NUMBER},
        "New connections get it; it is good for so many days.",
    ),
    "certificate_refused": Event(
        Level.ERROR,
        {"code": Kind.ID},
        "The changed files do not pass; the old certificate stays. `sealgate doctor` says more.",
    ),
    "certificate_expiring": Event(
        Level.WARNING, {"days": Kind.NUMBER}, "Put a new certificate into the same files; no restart needed."
    ),
}


class TlsFiles(Struct, frozen=True):
    """Where certificate and key lie (PEM), and the host name that browsers use for the listener."""

    certificate: Path
    key: Path
    host: str


class TlsError(ValueError):
    """Certificate or key cannot be used. `code` is stable; the message carries a hint."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message}. hint: {hint}")
        self.code = code
        self.hint = hint


class Certificate(Struct, frozen=True):
    """What matters of a server's certificate; times in Unix seconds."""

    begins_at: float
    ends_at: float
    names: tuple[str, ...]

    def fits(self, host: str) -> bool:
        """True if it names the host (RFC 6125 §6.4: a wildcard stands for one leftmost label)."""
        host = host.lower()
        return any(name in (host, "*." + host.partition(".")[2]) for name in self.names)

    def days_left(self, now_s: float) -> float:
        """Days until it ends."""
        return (self.ends_at - now_s) / _DAY_S


class ServerTls:
    """A server's TLS. `context` goes to the listener and stays; what it presents may change."""

    def __init__(self, files: TlsFiles, log: Log, *, clock: Callable[[], float] = time.time) -> None:
        self._files, self._log, self._clock = files, log, clock
        self._seen = self._signature()
        self._tried = self._seen
        self._certificate, self._current = load(files, clock())
        self.context = self._current
        self.context.sni_callback = self._present
        self._told_at = 0.0

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look for changed files until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(every_s)

    def look(self) -> None:
        """Take changed files once they stand still: a pair is written in two steps."""
        seen, before = self._signature(), self._seen
        self._seen = seen
        if seen == before and seen != self._tried:
            self._tried = seen
            self._reload()
        self._warn()

    def _reload(self) -> None:
        try:
            self._certificate, self._current = load(self._files, self._clock())
        except TlsError as error:
            self._log("certificate_refused", code=error.code)
            return
        self._told_at = 0.0
        self._log("certificate_loaded", days=self._days_left())

    def _warn(self) -> None:
        now_s = self._clock()
        if self._days_left() < EXPIRING_DAYS and now_s - self._told_at > _DAY_S:
            self._told_at = now_s
            self._log("certificate_expiring", days=self._days_left())

    def _days_left(self) -> int:
        return int(self._certificate.days_left(self._clock()))

    def _present(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        # Called within every handshake, with or without a name: the one place to change the certificate.
        connection.context = self._current

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        return (_file_signature(self._files.certificate), _file_signature(self._files.key))


def load(files: TlsFiles, now_s: float) -> tuple[Certificate, ssl.SSLContext]:
    """Check the files and make a context from them; raises `TlsError`."""
    certificate = read_certificate(files.certificate)
    _check_key_file(files.key)
    _check_dates(files.certificate, certificate, now_s)
    if not certificate.fits(files.host):
        raise TlsError(
            "certificate_name",
            f"the certificate {files.certificate} is for {_listed(certificate.names)}, not for {files.host}",
            "get one for the host name of the configured url, or correct the url",
        )
    return certificate, _context(files)


def read_certificate(path: Path) -> Certificate:
    """The first certificate of a PEM file, which is the server's own; raises `TlsError`."""
    from cryptography import x509

    try:
        own = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        _refuse(
            "certificate_unreadable",
            f"the certificate {path} cannot be read ({error.strerror})",
            "name a PEM file that the process may read",
        )
    except ValueError:
        _refuse("certificate_malformed", f"{path} holds no PEM certificate", "give the chain, own one first")
    return Certificate(own.not_valid_before_utc.timestamp(), own.not_valid_after_utc.timestamp(), _names(own))


def _names(own: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return (*dns, *addresses)


def _check_key_file(path: Path) -> None:
    try:
        status = path.stat()
        readable = os.access(path, os.R_OK)
    except OSError as error:
        _refuse(
            "key_unreadable",
            f"the key {path} cannot be read ({error.strerror})",
            "name a PEM file that exists",
        )
    if not readable:
        _refuse("key_unreadable", f"the key {path} cannot be read", f"let user {os.geteuid()} own it")
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        _refuse("key_unsafe", f"the key {path} has mode {mode:04o}: others can use it", f"chmod 0600 {path}")


def _check_dates(path: Path, certificate: Certificate, now_s: float) -> None:
    if now_s > certificate.ends_at:
        _refuse(
            "certificate_expired", f"the certificate {path} expired {_day(certificate.ends_at)}", "renew it"
        )
    if now_s < certificate.begins_at:
        _refuse(
            "certificate_early",
            f"the certificate {path} is not valid before {_day(certificate.begins_at)}",
            "look at this machine's clock",
        )


def _context(files: TlsFiles) -> ssl.SSLContext:
    # Not `create_default_context`: it honours SSLKEYLOGFILE, and would write secrets to a file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            _refuse(
                "key_mismatch",
                f"{files.key} is not the key of {files.certificate}",
                "give the two files that were made together",
            )
        _refuse("key_malformed", f"{files.key} holds no usable PEM key", "give the certificate's private key")
    except OSError as error:
        _refuse(
            "key_unreadable", f"the key {files.key} cannot be read ({error.strerror})", "look at its owner"
        )
    return context


def _no_passphrase() -> Never:
    # Without this, OpenSSL would ask on the terminal and the process would hang.
    _refuse(
        "key_encrypted", "the key is encrypted with a passphrase", "give it without; protect it by its mode"
    )


def _file_signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) or "no name at all"


def _day(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_s))


def _refuse(code: str, message: str, hint: str) -> Never:
    raise TlsError(code, message, hint) from None
