"""The one name under which an end user appears at rest: a keyed pseudonym, never the reference itself.

Vault and proxy compute the same value: the vault derives the per-application key from the organization's
pepper, the proxy is given that key with the opened credential (`opening.Opened.pseudonym_key`).
Without the key a pseudonym cannot be guessed back from a list of likely references.
"""

from __future__ import annotations

import base64
import hmac

PSEUDONYM_KEY_BYTES = 32
_PSEUDONYM_BYTES = 16
_USAGE_LABEL = b"sealgate pseudonym v1\x00"
_PROVIDER_LABEL = b"sealgate safety identifier v1\x00"


def pseudonym(key: bytes, subject: str) -> str:
    """The pseudonym of `subject` in one application: 26 lower-case base32 characters (128 bits).

    `key` is the application's 32-byte pseudonym key. HMAC-SHA-256 (RFC 2104), truncated.
    """
    return _derive(key, _USAGE_LABEL, subject)


def safety_identifier(key: bytes, subject: str) -> str:
    """The same for the provider's `safety_identifier`, under another label: the two cannot be joined."""
    return _derive(key, _PROVIDER_LABEL, subject)


def _derive(key: bytes, label: bytes, subject: str) -> str:
    if len(key) != PSEUDONYM_KEY_BYTES:
        msg = f"a pseudonym key has {PSEUDONYM_KEY_BYTES} bytes, not {len(key)}"
        raise ValueError(msg)
    digest = hmac.digest(key, label + subject.encode("utf-8", "surrogatepass"), "sha256")
    return base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode("ascii").rstrip("=").lower()
