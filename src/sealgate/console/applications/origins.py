"""Browser origins: what may be typed, and what is stored.

Pure. The stored form is exactly what browsers send in `Origin` (RFC 6454 §6.2), so that a proxy can compare
bytes.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from sealgate.console.forms import InputError

_LABELS = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def parse_origin(text: str) -> str:
    """The origin in the form in which browsers send it; raises `InputError` saying what to type."""
    parts = _split(text)
    host = _host(parts)
    if parts.scheme == "http" and not _is_local(host):
        raise _wrong(text, "http is allowed for localhost only.", f"Type https://{host}.")
    port = _port(text, parts)
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def _split(text: str) -> SplitResult:
    if not text:
        raise _wrong(text, "There is no origin here.", "Type one such as https://app.example.com.")
    if "*" in text:
        raise _wrong(text, "An origin cannot have wildcards.", "Add each host by its full name.")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _wrong(text, "This is not an origin.", "Type one such as https://app.example.com.") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _wrong(text, "An origin begins with https://.", "Type one such as https://app.example.com.")
    if parts.username is not None or parts.password is not None:
        raise _wrong(text, "An origin has no user name.", "Leave out everything up to the @.")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise _wrong(
            text,
            "An origin has no path.",
            f"Type {parts.scheme}://{parts.netloc or 'app.example.com'} alone.",
        )
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if parts.netloc.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            host = ""
    try:
        ascii_host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        ascii_host = ""
    if len(ascii_host) > 253 or not _LABELS.match(ascii_host):
        raise _wrong(
            parts.geturl(), "The host name is not valid.", "Type one such as https://app.example.com."
        )
    return ascii_host


def _port(text: str, parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise _wrong(text, "The port is not valid.", "Use 1 to 65535, or leave it out.")
    return port


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _wrong(text: str, message: str, hint: str) -> InputError:
    quoted = f"{text[:80]!r}: " if text else ""
    return InputError("origin", f"{quoted}{message}", hint)
