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
    IMPROVE = "improve"
    LENGTHEN = "lengthen"
    GRAMMAR = "grammar"
    TONE = "tone"
    TRANSLATE = "translate"
    SUMMARIZE = "summarize"
    KEY_POINTS = "key_points"
    ANSWER = "answer"


class Task(Struct, frozen=True):
    """A kind of writing and the text (or, for an answer, the question) to work on."""

    kind: TaskKind
    text: str
    detail: str = ""
    """Which tone, which language, how much longer; empty where a kind has no such question."""


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
# Asked in this order: a subject line is also short, and one sentence is also a shortening. What a sign
# captures is the task's detail.
_SIGNS: Final = (
    (TaskKind.TRANSLATE, re.compile(r"\btranslate\b[^.\n]{0,60}?\b(?:in)?to ([\w ]+)")),
    (TaskKind.TONE, re.compile(r"\btone is (\w+)|\bin an? (?:more )?(\w+) tone\b")),
    (TaskKind.LENGTHEN, re.compile(r"\bmake (?:the text|it|this) longer\b(?:[^.\n]*?(quarter|half|twice))?")),
    (TaskKind.IMPROVE, re.compile(r"\bimprove (?:the text|it|this)\b")),
    (TaskKind.GRAMMAR, re.compile(r"\bcorrect (?:the )?(?:spelling|mistakes)|\bproofread")),
    (TaskKind.KEY_POINTS, re.compile(r"\bkey points\b")),
    (TaskKind.SUMMARIZE, re.compile(r"\bsummari[sz]e (?:the text|it|this) in one paragraph")),
    (TaskKind.SUBJECT, re.compile(r"subject[ -]line|\bheadline\b|\btitle\b")),
    (TaskKind.ONE_SENTENCE, re.compile(r"\b(?:one|single) sentence\b")),
    (TaskKind.SHORTEN_BY_HALF, re.compile(r"\bhal(?:f|ve)\b")),
    (TaskKind.SHORTEN_A_LITTLE, re.compile(r"\bshorte[nr]|\bcondense|\bsummar|\btrim\b|\bconcise")),
    (TaskKind.SIMPLIFY, re.compile(r"\bsimpl|\bplain (?:words|language)|\bshort sentences")),
)


def task_of(messages: Sequence[Message]) -> Task:
    """Tell what the messages ask for; without a text to work on it is a question to be answered.

    The text is the delimited one of the last message, or, of a follow-up, the last answer.
    """
    last = _last(messages, "user")
    text, around = _take_delimited(last)
    if text is not None:
        system = " ".join(message.text for message in messages if message.role in ("system", "developer"))
        return _task(f"{system}\n{around}", text)
    follow_up = _task(last, _last(messages, "assistant"))
    if follow_up.text and follow_up.kind is not TaskKind.ANSWER:
        return follow_up
    return Task(TaskKind.ANSWER, last.strip()[:_MOST_LETTERS])


def _task(instructions: str, text: str) -> Task:
    words = instructions.lower()
    for kind, sign in _SIGNS:
        if found := sign.search(words):
            detail = next((part for part in found.groups() if part), "")
            return Task(kind, text.strip()[:_MOST_LETTERS], detail.strip())
    return Task(TaskKind.ANSWER, text.strip()[:_MOST_LETTERS])


def _last(messages: Sequence[Message], role: str) -> str:
    return next((message.text for message in reversed(messages) if message.role == role), "")


def _take_delimited(content: str) -> tuple[str | None, str]:
    for pattern in _DELIMITED:
        if found := pattern.search(content):
            return found["text"], content[: found.start()] + content[found.end() :]
    return None, content
