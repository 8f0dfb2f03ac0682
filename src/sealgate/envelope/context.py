"""What an envelope is bound to: the `info` of HPKE, field by field.

Its counterpart is `encodeInfo` in web/shared/envelope.ts. A field that is not in here is not protected:
never open an envelope under a context that came from the same place as the envelope.
"""

from dataclasses import dataclass
from typing import Final

from sealgate.envelope.layout import KEY_ID_BYTES
from sealgate.envelope.suites import Suite

_LABEL: Final = b"sealgate envelope v1"
_MAX_FIELD_BYTES: Final = 65_535
_TEXTS: Final = ("instance", "organization", "application", "credential", "provider", "origin")
MAX_VERSION: Final = 2**53 - 1  # the largest integer that a browser counts exactly


@dataclass(frozen=True, slots=True)
class Context:
    """The one purpose of a sealed key; every field must be the same at seal and at open.

    `version` counts the deposits of one credential from 1; `key_id` is the 16 raw bytes that name the
    vault's sealing key. Texts are compared as UTF-8 bytes, with no normalization. Raises ValueError on an
    empty or overlong field.
    """

    instance: str
    organization: str
    application: str
    credential: str
    version: int
    provider: str
    origin: str
    key_id: bytes

    def __post_init__(self) -> None:
        for name in _TEXTS:
            text = getattr(self, name)
            # Of ASCII, which ids and origins are, every character is one byte.
            if not 1 <= len(text if text.isascii() else text.encode()) <= _MAX_FIELD_BYTES:
                raise ValueError(f"context field {name!r} must be 1 to {_MAX_FIELD_BYTES} bytes of UTF-8")
        if not 1 <= self.version <= MAX_VERSION:
            raise ValueError(f"context version must be 1 to {MAX_VERSION}, not {self.version}")
        if len(self.key_id) != KEY_ID_BYTES:
            raise ValueError(f"a vault key id has {KEY_ID_BYTES} bytes, not {len(self.key_id)}")

    def info(self, suite: Suite) -> bytes:
        """Encode the `info` of HPKE: the label, then each field after its length as two bytes, big-endian."""
        fields = (
            bytes((suite.id,)),
            self.instance.encode(),
            self.organization.encode(),
            self.application.encode(),
            self.credential.encode(),
            self.version.to_bytes(8, "big"),
            self.provider.encode(),
            self.origin.encode(),
            bytes(self.key_id),
        )
        return _LABEL + b"".join([len(field).to_bytes(2, "big") + field for field in fields])
