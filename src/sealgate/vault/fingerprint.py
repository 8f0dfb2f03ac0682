"""A keyed fingerprint of a provider key: tells two keys apart without telling anything of either.

Counterpart: `deposits`, which shows it to the developer. Keyed with a secret of the vault's, so that nobody
can test guesses; and per organization, so that two organizations with one key do not learn of each other.
"""

from __future__ import annotations

import base64
import hmac

from sealgate.vault.kek import bind

_FINGERPRINT_BYTES = 10


def fingerprint(key: bytes, organization: str, provider_key: memoryview) -> str:
    """Four groups of four base32 characters (80 bits of HMAC-SHA-256). Does not copy the provider key."""
    digest = hmac.new(key, bind("sealgate key fingerprint v1", organization), "sha256")
    digest.update(provider_key)
    text = base64.b32encode(digest.digest()[:_FINGERPRINT_BYTES]).decode("ascii").lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
