"""Texts taken apart into paragraphs and sentences, and put together again; shared by both kinds of writing.

Its counterparts are `writing` (shorter, simpler, answers) and `rewriting` (longer, better, other tones).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_CLAUSE_END: Final = re.compile(
    r";\s|:\s|\s[–—-]\s|,\s(?=(?:and|but|so|which|who|where|because|while|although|as|with)\b)"
)
_ASIDE: Final = re.compile(r"\s\([^()]*\)|\s[–—]\s[^–—.!?]*\s[–—](?=\s)")
_FILLER: Final = re.compile(
    r"\b(?:very|really|quite|just|simply|basically|actually|truly|absolutely|incredibly|in order(?= to)|"
    r"of course|as you may know|as always|needless to say),?\s+",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"'”’)]?\s+(?=[\"'“‘(]?[^\W\d_a-z]|[\"'“‘(]?\d)")


def sentences_of(text: str) -> list[str]:
    """Split a text into its sentences; never empty for a text that is not."""
    return [
        part.strip() for line in text.splitlines() for part in _SENTENCE_END.split(line) if part.strip()
    ] or [text]


def paragraphs_of(text: str) -> list[str]:
    """Split a text at its empty lines."""
    return [part for part in re.split(r"\n\s*\n", text) if part.strip()]


def by_paragraph(text: str, change: Callable[[list[str]], list[str]]) -> str:
    """Change the sentences of each paragraph."""
    return "\n\n".join(" ".join(change(sentences_of(paragraph))) for paragraph in paragraphs_of(text))


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def tight(sentence: str) -> str:
    """The sentence without asides and fillers."""
    return capital(re.sub(r"\s+", " ", _FILLER.sub("", _ASIDE.sub("", sentence))).strip())


def lead(sentence: str, most_words: int) -> str:
    """Give the sentence, or its leading clauses when it has more than so many words."""
    if len(sentence.split()) <= most_words:
        return sentence
    ends = [found.start() for found in _CLAUSE_END.finditer(sentence)]
    whole = [end for end in ends if len(sentence[:end].split()) >= 4]
    if not whole:
        return sentence
    fitting = [end for end in whole if len(sentence[:end].split()) <= most_words]
    stop = sentence[-1] if sentence[-1] in ".!?…" else ""
    return sentence[: fitting[-1] if fitting else whole[0]].rstrip(" ,;:") + stop
