"""How far a provider's figures are believed: they are its claim about somebody's money.

Counterpart: `accounting.py`, which asks before it writes. Pure.
"""

from __future__ import annotations

import msgspec

from sealgate.proxy.epoch import Began
from sealgate.proxy.metering import Usage

_BYTES_PER_TOKEN = 4
INPUT_TOKENS_PER_BYTE = 2
INPUT_TOKENS_UNSEEN = 65_536
"""For what is not text: pictures, files and the provider's own frame around a prompt."""
OUTPUT_TOKENS_UNSEEN = 32_768
"""For reasoning, which not every model counts into the bound that it was given."""

SOUND_MS_PER_TOKEN = 3_200
"""Sound is taken for ten tokens a second at 128 kbit/s; nobody sends less than 4 kbit/s."""


def bounded(usage: Usage, began: Began) -> Usage:
    """The provider's figures, as far as the request can account for them; marked where they go beyond.

    Input: two tokens for each byte of text at most; output: the bound that went up; to each an allowance for
    what cannot be seen from here.
    """
    most_in = began.input_tokens * _BYTES_PER_TOKEN * INPUT_TOKENS_PER_BYTE + INPUT_TOKENS_UNSEEN
    most_out = began.output_tokens + OUTPUT_TOKENS_UNSEEN
    most_sound_ms = began.input_tokens * SOUND_MS_PER_TOKEN
    if usage.input_tokens <= most_in and usage.output_tokens <= most_out and usage.sound_ms <= most_sound_ms:
        return usage
    return msgspec.structs.replace(
        usage,
        input_tokens=min(usage.input_tokens, most_in),
        output_tokens=min(usage.output_tokens, most_out),
        sound_ms=min(usage.sound_ms, most_sound_ms),
        cached_tokens=min(usage.cached_tokens, usage.input_tokens, most_in),
        estimated=True,
    )
