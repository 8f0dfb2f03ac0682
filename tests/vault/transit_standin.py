"""A stand-in for the transit engine of HashiCorp Vault and OpenBao, written from its API's documentation.

What the KEK provider asks and nothing else: create, read, configure and delete a key, encrypt, decrypt. It
really encrypts (AES-256-GCM), refuses as the engine does, and can be told to stall, fail or be sealed.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


@dataclass
class TransitKey:
    """One named key."""

    type: str
    exportable: bool
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    deletion_allowed: bool = False


@dataclass
class Transit:
    """The engine's state, and how it is to behave."""

    token: str = field(default_factory=lambda: "hvs." + secrets.token_hex(16))
    keys: dict[str, TransitKey] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and namespace of each request."""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """Answers to give instead, first come first."""
    silent: threading.Event = field(default_factory=threading.Event)
    """While set, requests wait for it to be cleared (or the test's end)."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        """Status and body, as documented."""
        parts = path.removeprefix("/v1/transit/").split("/")
        match (method, *parts):
            case ("POST", "keys", name):
                self.keys.setdefault(
                    name, TransitKey(body.get("type", "aes256-gcm96"), bool(body.get("exportable")))
                )
                return 200, {"data": self._about(name)}
            case ("POST", "keys", name, "config") if name in self.keys:
                self.keys[name].deletion_allowed = bool(body.get("deletion_allowed"))
                return 200, {"data": self._about(name)}
            case ("GET", "keys", name) if name in self.keys:
                return 200, {"data": self._about(name)}
            case ("DELETE", "keys", name) if name in self.keys:
                return self._delete(name)
            case ("POST", "encrypt", name) if name in self.keys:
                return 200, {"data": {"ciphertext": self._encrypt(self.keys[name], body), "key_version": 1}}
            case ("POST", "decrypt", name) if name in self.keys:
                return self._decrypt(self.keys[name], body)
            case ("POST", "decrypt" | "encrypt", _):
                return 400, {"errors": ["encryption key not found"]}
            case _:
                return 404, {"errors": []}

    def _about(self, name: str) -> dict[str, Any]:
        key = self.keys[name]
        return {
            "name": name,
            "type": key.type,
            "exportable": key.exportable,
            "allow_plaintext_backup": False,
            "derived": False,
            "deletion_allowed": key.deletion_allowed,
            "latest_version": 1,
        }

    def _delete(self, name: str) -> tuple[int, dict[str, Any] | None]:
        if not self.keys[name].deletion_allowed:
            return 400, {"errors": ["error deleting policy: deletion is not allowed for this policy"]}
        del self.keys[name]
        return 204, None

    @staticmethod
    def _encrypt(key: TransitKey, body: dict[str, Any]) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plaintext = base64.b64decode(body["plaintext"])
        data = base64.b64decode(body.get("associated_data", ""))
        sealed = nonce + AESGCM(key.key).encrypt(nonce, plaintext, data)
        return "vault:v1:" + base64.b64encode(sealed).decode()

    @staticmethod
    def _decrypt(key: TransitKey, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not body["ciphertext"].startswith("vault:v1:"):
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        data = base64.b64decode(body.get("associated_data", ""))
        try:
            sealed = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"), validate=True)
            plaintext = AESGCM(key.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], data)
        except binascii.Error:
            return 400, {"errors": ["invalid ciphertext: could not decode base64"]}
        except (InvalidTag, ValueError):
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plaintext).decode()}}


@contextmanager
def transit() -> Iterator[Transit]:
    """A running stand-in on loopback."""
    state = Transit()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            state.seen.append((self.command, self.path, self.headers.get("x-vault-namespace", "")))
            if state.silent.is_set():
                over.wait()
                return
            status, content = self._answered(raw)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answered(self, raw: bytes) -> tuple[int, bytes]:
            if state.answers:
                return state.answers.pop(0)
            if self.headers.get("x-vault-token") != state.token:
                return 403, b'{"errors":["permission denied"]}'
            status, body = state.answer(self.command, self.path, json.loads(raw or b"{}"))
            return status, b"" if body is None else json.dumps(body).encode()

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
