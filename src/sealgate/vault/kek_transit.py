"""KEKs in the transit engine of HashiCorp Vault or OpenBao: encrypt and decrypt with associated data.

Counterpart: `kek_kinds`. Source: the HTTP API of the transit secrets engine (`/v1/transit/keys`, `encrypt`,
`decrypt`). Each version is a transit key of its own, so that destroying one leaves the others alone. A key
that the engine would export or back up in the clear is refused.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import re
import secrets
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_calls import required, secret_of
from sealgate.vault.kek_config import KekConfig

NAME = "transit"
KEY_TYPE = "aes256-gcm96"
_LABEL_PREFIX = "sealgate-kek-"
_ANSWER_LIMIT_BYTES = 65_536
_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LOOPBACK = re.compile(r"(?:[a-z0-9-]+\.)*localhost|127\.[0-9.]+|::1")


class TransitKind:
    """Makes, opens and destroys keys of one engine."""

    def __init__(self, config: KekConfig) -> None:
        self._engine = _Engine(config)

    def make(self, key: str) -> KekDescription:
        """A new key, or the one of this name."""
        name = key or _LABEL_PREFIX + secrets.token_hex(8)
        if not _WORD.fullmatch(name):
            raise StartError("kek_not_set", f"{name!r} is no name of a transit key", "use letters and digits")
        if not key:
            self._engine.ask("POST", f"keys/{name}", {"type": KEY_TYPE, "exportable": False})
        description = KekDescription(NAME, {"mount": self._engine.mount, "key": name})
        TransitKek(self._engine, description).health()
        return description

    def open(self, description: KekDescription) -> TransitKek:
        """The provider of a key; raises `StartError` for one that could leave the engine."""
        kek = TransitKek(self._engine, description)
        kek.health()
        return kek

    def destroy(self, description: KekDescription) -> None:
        """Delete the key: first allow it (`keys/:name/config`), then do it."""
        name = description.details["key"]
        try:
            self._engine.ask("POST", f"keys/{name}/config", {"deletion_allowed": True})
            self._engine.ask("DELETE", f"keys/{name}")
        except KekUnavailableError as error:
            if error.code != "key_missing":
                raise


class TransitKek:
    """A transit key. `wrap` gives the engine's own ciphertext, `vault:v1:…`."""

    def __init__(self, engine: _Engine, description: KekDescription) -> None:
        self._engine = engine
        self._key = description.details["key"]
        self._version = description.version

    @property
    def version(self) -> str:
        """`transit-` and 16 hexadecimal characters of mount and name."""
        return self._version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key; raises `KekUnavailableError`."""
        body = {"plaintext": _base64(data_key), "associated_data": _base64(context)}
        ciphertext = self._engine.ask("POST", f"encrypt/{self._key}", body).get("ciphertext")
        if not isinstance(ciphertext, str):
            raise KekUnavailableError("malformed", "the engine's answer has no ciphertext")
        return ciphertext.encode()

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key; raises `KekError` or `KekUnavailableError`."""
        body = {"ciphertext": wrapped.decode("ascii", "replace"), "associated_data": _base64(context)}
        answer = self._engine.ask("POST", f"decrypt/{self._key}", body)
        try:
            return bytearray(base64.b64decode(answer.get("plaintext", "!"), validate=True))
        except (binascii.Error, TypeError, ValueError) as error:
            raise KekUnavailableError("malformed", "the engine's answer is no plaintext") from error

    def health(self) -> None:
        """Look at the key; raises `KekUnavailableError`, or `StartError` if it could leave the engine."""
        key = self._engine.ask("GET", f"keys/{self._key}")
        loose = key.get("exportable") or key.get("allow_plaintext_backup") or key.get("derived")
        if loose or key.get("type") != KEY_TYPE:
            raise StartError(
                "kek_unsafe",
                f"the transit key {self._key} can be exported, or is not of type {KEY_TYPE}",
                "have the vault make one: sealgate kek migrate --to transit",
            )

    def __repr__(self) -> str:
        return f"<TransitKek {self._version}>"


class _Engine:
    """The engine behind one address and mount: one connection for each question, verified TLS."""

    def __init__(self, config: KekConfig) -> None:
        url = required(
            "transit_url", config.transit_url, "name the address, such as https://openbao.example:8200"
        )
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        if parts.scheme not in ("http", "https") or not self._host:
            raise StartError("kek_not_set", f"kek.transit_url is {url!r}", "write https:// and the host")
        if parts.scheme == "http" and not _LOOPBACK.fullmatch(self._host):
            raise StartError("kek_not_set", f"{url} would send data keys in the clear", "use https://")
        self.mount = config.transit_mount
        self._config = config
        self._tls = _tls(config.transit_ca_file) if parts.scheme == "https" else None

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One call; gives `data` of the answer. Raises `KekError` or `KekUnavailableError`."""
        token = secret_of("transit_token_file", self._config.transit_token_file)
        headers = {"x-vault-token": token, "x-vault-request": "true", "content-type": "application/json"}
        if self._config.transit_namespace:
            headers["x-vault-namespace"] = self._config.transit_namespace
        raw = None if body is None else msgspec.json.encode(body)
        connection = self._connection()
        try:
            connection.request(method, f"/v1/{self.mount}/{path}", raw, headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read(_ANSWER_LIMIT_BYTES)
        except TimeoutError as error:
            raise KekUnavailableError("timeout", "the engine does not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise KekUnavailableError(
                "unreachable", f"the engine does not answer ({type(error).__name__})"
            ) from error
        finally:
            connection.close()
        return _read(status, content, opening=path.startswith("decrypt/"))

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._config.timeout_s)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._config.timeout_s, context=self._tls
        )


def _read(status: int, content: bytes, *, opening: bool) -> dict[str, Any]:
    if status == 204:
        return {}
    try:
        answer = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = {}
    if status == 200:
        data = answer.get("data")
        return data if isinstance(data, dict) else {}
    missing = status == 404 or b"not found" in content
    if missing:
        raise KekUnavailableError("key_missing", "the engine does not have this key")
    if status == 400 and opening:  # the engine's word for: not wrapped by this key, or not for this context
        raise KekError("the KEK does not unwrap this")
    raise KekUnavailableError("refused", f"the engine answers {status}")


def _base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=Path(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError):
        raise StartError(
            "kek_not_set", f"kek.transit_ca_file {ca_file} holds no certificates", "name a PEM file"
        ) from None
