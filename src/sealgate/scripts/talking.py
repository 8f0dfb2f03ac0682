"""HTTP to the console and the vault: one request, one JSON answer, no redirects, no cookies.

TLS is verified; plain HTTP goes to this machine alone, since a token or a ticket would be read on the way.
Proxy settings of the environment are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct

from sealgate.scripts.failures import Exit, ScriptError

TIMEOUT_S = 30.0
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
PATIENCE_TRIES = 6
PATIENCE_S = 10
"""The longest wait that an answer of 429 may ask for; a file of many applications meets the API's rate."""

Form = TypeVar("Form", bound=Struct)


class RefusedError(ScriptError):
    """The other side answered with an error: its status, stable code, and the field at fault."""

    def __init__(self, status: int, code: str, message: str, hint: str, field: str) -> None:
        super().__init__(_exit_of(status), message, hint)
        self.status = status
        self.code = code
        self.field = field


class Answer(Struct, frozen=True):
    """A good answer."""

    status: int
    etag: str
    body: bytes

    def read(self, form: type[Form]) -> Form:
        """The body as this struct; raises `ScriptError`."""
        try:
            return msgspec.json.decode(self.body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ScriptError(
                Exit.UNAVAILABLE, f"The answer cannot be read: {error}.", "Is this the right address?"
            ) from None

    def plain(self) -> Any:
        """The body as Python's own values."""
        return json.loads(self.body)


class _Error(Struct, frozen=True):
    code: str
    message: str
    hint: str = ""
    field: str = ""


class _ErrorBody(Struct, frozen=True):
    error: _Error


class Connection:
    """One origin to talk to; `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str], ca_file: Path | None = None) -> None:
        self._url = check_url(url)
        self._headers = {"accept": "application/json", "host": self._url.netloc, **headers}
        self._tls = _tls(ca_file) if self._url.scheme == "https" else None
        self.origin = f"{self._url.scheme}://{self._url.netloc}"

    def ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; raises `RefusedError`, or `ScriptError` where there is no answer."""
        raw = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if raw is not None:
            sent["content-type"] = "application/json"
        for _ in range(PATIENCE_TRIES):
            status, headers_back, content = self._answered(method, path, raw, sent)
            wait = headers_back.get("retry-after", "")
            if status != 429 or not wait.isdecimal() or int(wait) > PATIENCE_S:
                break
            time.sleep(int(wait))  # it was turned away before anything was done, so it may be said again
        if status >= 300:
            raise _refused(self.origin, status, content)
        return Answer(status, headers_back.get("etag", ""), content)

    def _answered(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Message, bytes]:
        try:
            return self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise ScriptError(
                Exit.UNAVAILABLE, f"{self.origin} cannot be reached: {_reason(error)}.", _remedy(error)
            ) from None

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Message, bytes]:
        connection = self._connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            content = response.read(ANSWER_LIMIT_BYTES + 1)
            if len(content) > ANSWER_LIMIT_BYTES or response.length:
                raise http.client.HTTPException("the answer is too long, or was cut off")
            return response.status, response.headers, content
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        name = self._url.hostname or ""
        # RFC 6761 §6.3: such names are this machine, whatever a resolver says.
        host = "127.0.0.1" if name == "localhost" or name.endswith(".localhost") else name
        if self._tls is None:
            return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT_S)
        return _NamedTls(host, self._url.port, name, self._tls)


class _NamedTls(http.client.HTTPSConnection):
    """HTTPS to an address, verified for a name."""

    def __init__(self, host: str, port: int | None, name: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S, context=context)
        self._name = name
        self._verified = context

    def connect(self) -> None:
        """Connect, and verify the name rather than the address."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._verified.wrap_socket(self.sock, server_hostname=self._name)


def check_url(url: str) -> SplitResult:
    """The parts of an origin to talk to; raises `ScriptError`."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for a port that is none)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ScriptError(
            Exit.CONFIGURATION, f"{url!r} is no address.", "Write one such as https://console.example.com"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ScriptError(Exit.CONFIGURATION, f"{url!r} has more than an origin.", "Leave the rest out.")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ScriptError(
            Exit.CONFIGURATION, f"{url} would send the token in the clear.", "Use https://, or this machine."
        )
    return parts


def is_local(host: str) -> bool:
    """True if the name or address is this machine's."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise ScriptError(
            Exit.CONFIGURATION, f"{ca_file} holds no certificates.", "Name a PEM file of authorities."
        ) from None


def _refused(origin: str, status: int, content: bytes) -> ScriptError:
    try:
        error = msgspec.json.decode(content, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ScriptError(
            Exit.UNAVAILABLE, f"{origin} answered {status}.", "Is this the console's own address?"
        )
    return RefusedError(status, error.code, error.message, error.hint, error.field)


def _exit_of(status: int) -> Exit:
    if status in {401, 403}:
        return Exit.NOT_ALLOWED
    if status == 412:
        return Exit.CONFLICT
    if status in {400, 413, 422}:
        return Exit.DATA
    return Exit.UNAVAILABLE if status in {429, 500, 502, 503, 504} else Exit.FAILED


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as it should ({(error.reason or 'unknown').lower().replace('_', ' ')})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _remedy(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "Name your own authority's PEM file with --ca-file, or renew the certificate."
    if isinstance(error, ssl.SSLError):
        return "Is this its address, and the port for https://?"
    if isinstance(error, socket.gaierror):
        return "Is the name written right?"
    return "Is it running, and is this its address?"
