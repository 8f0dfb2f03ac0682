"""What a prompt asks for: told from its instructions, apart from the text that it is about.

Its counterpart is `writing`, which answers. Words inside the given text never choose the task: text is data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sealgate.simulator.requests import Message


class TaskKind(StrEnum):
    """The kinds of writing that the rules know."""

    SUBJECT = "subject"
    SHORTEN_A_LITTLE = "shorten_a_little"
    SHORTEN_BY_HALF = "shorten_by_half"
    ONE_SENTENCE = "one_sentence"
    SIMPLIFY = "simplify"
    ANSWER = "answer"


class Task(Struct, frozen=True):
    """A kind of writing and the text (or, for an answer, the question) to work on."""

    kind: TaskKind
    text: str


# Rules need no more to be believable, and the time that they take stays bounded.
_MOST_LETTERS: Final = 40_000
# How prompts set text apart; the first that matches wins, and the longest stretch inside it is taken.
_DELIMITED: Final = (
    re.compile(r"<(?P<name>[A-Za-z][\w-]*)>\n?(?P<text>.*)\n?</(?P=name)>", re.DOTALL),
    re.compile(r"<<<+[^\n]*\n(?P<text>.*)\n[^\n]*>>>+", re.DOTALL),
    re.compile(r"^(?P<mark>-{3,}[^\n]*|={3,}[^\n]*|`{3,}[^\n]*|\"{3}|#{3,}[^\n]*)\n(?P<text>.*)\n(?:-{3}|={3}|`{3}|\"{3}|#{3})",
               re.DOTALL | re.MULTILINE),
    re.compile(r"\"{3}(?P<text>.*)\"{3}", re.DOTALL),
)  # fmt: skip
# Asked in this order: a subject line is also short, and one sentence is also a shortening.
_SIGNS: Final = (
    (TaskKind.SUBJECT, re.compile(r"subject[ -]line|\bheadline\b|\btitle\b")),
    (TaskKind.ONE_SENTENCE, re.compile(r"\b(?:one|single) sentence\b")),
    (TaskKind.SHORTEN_BY_HALF, re.compile(r"\bhal(?:f|ve)\b")),
    (TaskKind.SHORTEN_A_LITTLE, re.compile(r"\bshorte[nr]|\bcondense|\bsummar|\btrim\b|\bconcise")),
    (TaskKind.SIMPLIFY, re.compile(r"\bsimpl|\bplain (?:words|language)|\bshort sentences")),
)


def task_of(messages: Sequence[Message]) -> Task:
    """Tell what the messages ask for; without a delimited text it is a question to be answered."""
    last = next((message.text for message in reversed(messages) if message.role == "user"), "")
    text, around = _take_delimited(last)
    if text is None:
        return Task(TaskKind.ANSWER, last.strip()[:_MOST_LETTERS])
    system = " ".join(message.text for message in messages if message.role in ("system", "developer"))
    instructions = f"{system}\n{around}".lower()
    kind = next((kind for kind, sign in _SIGNS if sign.search(instructions)), TaskKind.ANSWER)
    return Task(kind, text.strip()[:_MOST_LETTERS])


def _take_delimited(content: str) -> tuple[str | None, str]:
    for pattern in _DELIMITED:
        if found := pattern.search(content):
            return found["text"], content[: found.start()] + content[found.end() :]
    return None, content
