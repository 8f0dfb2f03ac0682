"""KEKs in a PKCS#11 token (an HSM, SoftHSM): AES-256 keys that cannot leave it, used by AES-GCM inside.

Counterparts: `kek.KekProvider`, `kek_kinds`. Needs the extra `pkcs11` (python-pkcs11). A key that the token
would give out is refused, whoever made it. A call into a token's library cannot be cut short: `kek_patience`
stops waiting for it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_calls import missing_extra, required, secret_of
from sealgate.vault.kek_config import KekConfig

if TYPE_CHECKING:
    import pkcs11

NAME = "pkcs11"
_NONCE_BYTES = 12
_KEY_BITS = 256
_TAG_BITS = 128
_LABEL_PREFIX = "sealgate-kek-"

Answer = TypeVar("Answer")


class Pkcs11Kind:
    """Makes, opens and destroys keys of one token."""

    def __init__(self, config: KekConfig) -> None:
        self._token = _Token(config)

    def make(self, key: str) -> KekDescription:
        """A new key, or the one with this label."""
        label = key or _LABEL_PREFIX + secrets.token_hex(8)
        with self._token.used():
            session = self._token.session()
            if not key:
                self._token.generate(session, label)
            _check_safe(self._token.library, self._token.find(session, label), label)
        return KekDescription(NAME, {"token": self._token.label, "label": label})

    def open(self, description: KekDescription) -> Pkcs11Kek:
        """The provider of a key that is there; raises `StartError` for one that could leave the token."""
        kek = Pkcs11Kek(self._token, description)
        kek.health()
        return kek

    def destroy(self, description: KekDescription) -> None:
        """Destroy the object in the token (C_DestroyObject): final at once, but for its own backups."""
        with self._token.used():
            session = self._token.session()
            for found in self._token.all(session, description.details["label"]):
                found.destroy()


class Pkcs11Kek:
    """AES-256-GCM inside of the token. `wrap` gives nonce (12), ciphertext, tag (16)."""

    def __init__(self, token: _Token, description: KekDescription) -> None:
        self._token = token
        self._label = description.details["label"]
        self._version = description.version
        self._key: pkcs11.SecretKey | None = None

    @property
    def version(self) -> str:
        """`pkcs11-` and 16 hexadecimal characters of token and label."""
        return self._version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key under a fresh random nonce (PKCS#11 3.1, CKM_AES_GCM; context as AAD)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._use(lambda library, key: _encrypt(library, key, bytes(data_key), nonce, context))

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key; raises `KekError` or `KekUnavailableError`."""
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        if len(nonce) != _NONCE_BYTES or len(sealed) <= 16:
            raise KekError("the KEK does not unwrap this")
        try:
            return self._use(lambda library, key: _decrypt(library, key, sealed, nonce, context))
        except KekUnavailableError as error:
            # Tokens differ in what they call a wrong tag. One that still has the key is well.
            self.health()
            raise KekError("the KEK does not unwrap this") from error

    def health(self) -> None:
        """Look the key up; raises `KekUnavailableError`, or `StartError` if it could leave the token."""
        self._key = None
        self._use(lambda library, key: _check_safe(library, key, self._label))

    def _use(self, act: Callable[[ModuleType, pkcs11.SecretKey], Answer]) -> Answer:
        with self._token.used():
            try:
                return self._act(act)
            except self._token.lost:  # the token was taken out, or restarted: one new session, then give up
                self._key = None
                self._token.forget_session()
                return self._act(act)

    def _act(self, act: Callable[[ModuleType, pkcs11.SecretKey], Answer]) -> Answer:
        if self._key is None:
            self._key = self._token.find(self._token.session(), self._label)
        return act(self._token.library, self._key)

    def __repr__(self) -> str:
        return f"<Pkcs11Kek {self._version}>"


class _Token:
    """One token, its session, and its library's errors, which end here."""

    def __init__(self, config: KekConfig) -> None:
        try:
            import pkcs11
        except ImportError:
            raise missing_extra("pkcs11", NAME) from None
        self.library = pkcs11
        self.lost = (
            pkcs11.SessionHandleInvalid,
            pkcs11.SessionClosed,
            pkcs11.KeyHandleInvalid,
            pkcs11.ObjectHandleInvalid,
            pkcs11.UserNotLoggedIn,
            pkcs11.DeviceRemoved,
            pkcs11.TokenNotPresent,
        )
        self._module = required("pkcs11_module", config.pkcs11_module, "name the token's PKCS#11 library")
        self.label = required("pkcs11_token", config.pkcs11_token, "name the token by its label")
        self._pin_file = config.pkcs11_pin_file
        self._session: pkcs11.Session | None = None
        self._refused_pin = b""
        self._lock = threading.RLock()  # one operation at a time in a session (PKCS#11 3.1, 5.6)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within this, one thread uses the token, and its library's errors become the vault's."""
        with self._lock:
            try:
                yield
            except self.library.PKCS11Error as error:
                name = type(error).__name__.replace("PKCS11Error", "Library")  # its own: it does not load
                code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
                raise KekUnavailableError(code, f"the token {self.label} says {code}") from error

    def session(self) -> pkcs11.Session:
        """A session of the logged-in user."""
        if self._session is None:
            token = self.library.lib(self._module).get_token(token_label=self.label)
            pin = secret_of("pkcs11_pin_file", self._pin_file)
            if self._refused_pin == _digest(pin):  # a few wrong tries lock a token for good
                raise KekUnavailableError("pin_incorrect", f"the token {self.label} has refused this PIN")
            try:
                self._session = token.open(rw=True, user_pin=pin)
            except self.library.PinIncorrect:
                self._refused_pin = _digest(pin)
                raise
            except self.library.UserAlreadyLoggedIn:  # by another version's session: the login is the token's
                self._session = token.open(rw=True)
        return self._session

    def forget_session(self) -> None:
        """The next use opens another."""
        self._session = None

    def generate(self, session: pkcs11.Session, label: str) -> None:
        """A key that stays in the token for ever."""
        attribute = self.library.Attribute
        session.generate_key(
            self.library.KeyType.AES,
            _KEY_BITS,
            label=label,
            id=label.encode(),
            store=True,
            capabilities=self.library.MechanismFlag.ENCRYPT | self.library.MechanismFlag.DECRYPT,
            template={
                attribute.TOKEN: True,
                attribute.PRIVATE: True,
                attribute.SENSITIVE: True,
                attribute.EXTRACTABLE: False,
                attribute.MODIFIABLE: False,
            },
        )

    def find(self, session: pkcs11.Session, label: str) -> pkcs11.SecretKey:
        """The one key of this label; raises `KekUnavailableError`."""
        found = self.all(session, label)
        if len(found) != 1:
            code = "key_ambiguous" if found else "key_missing"
            raise KekUnavailableError(code, f"the token {self.label} has {len(found)} keys {label}")
        return found[0]

    def all(self, session: pkcs11.Session, label: str) -> list[pkcs11.SecretKey]:
        """Every key of this label."""
        wanted = {
            self.library.Attribute.CLASS: self.library.ObjectClass.SECRET_KEY,
            self.library.Attribute.LABEL: label,
        }
        return list(session.get_objects(wanted))  # type: ignore[arg-type]


def _digest(pin: str) -> bytes:
    return hashlib.sha256(pin.encode()).digest()


def _encrypt(library: ModuleType, key: Any, plain: bytes, nonce: bytes, context: bytes) -> bytes:
    parameters = library.GCMParams(nonce, context, _TAG_BITS)
    return bytes(key.encrypt(plain, mechanism=library.Mechanism.AES_GCM, mechanism_param=parameters))


def _decrypt(library: ModuleType, key: Any, sealed: bytes, nonce: bytes, context: bytes) -> bytearray:
    parameters = library.GCMParams(nonce, context, _TAG_BITS)
    return bytearray(key.decrypt(sealed, mechanism=library.Mechanism.AES_GCM, mechanism_param=parameters))


def _check_safe(library: ModuleType, key: pkcs11.SecretKey, label: str) -> None:
    attribute = library.Attribute
    safe = key[attribute.SENSITIVE] and not key[attribute.EXTRACTABLE]
    if not safe or key.key_type != library.KeyType.AES or key.key_length != _KEY_BITS:
        raise StartError(
            "kek_unsafe",
            f"the token's key {label} is no AES-256 key that stays in the token",
            "have the vault make one: sealgate kek migrate --to pkcs11",
        )
