"""Believable writing by simple rules: shorter, simpler, a subject line, or a few sentences about a topic.

Its counterpart is a person who tries the product without a provider; `rewriting` has the actions that keep a
text's length or add to it. Pure and deterministic: the same prompt gives the same answer, so a test can
compare streams byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from sealgate.simulator.rewriting import correct, improve, in_tone, key_points, lengthen, summarize, translate
from sealgate.simulator.sentences import by_paragraph, capital, lead, sentences_of, tight
from sealgate.simulator.tasks import Task, TaskKind

_GREETING: Final = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|evening|day))\b[^,.!\n]*[,.!]\s*", re.IGNORECASE
)
_OPENING: Final = re.compile(
    r"^(?:(?:we(?:'|’)re|we are|i(?:'|’)m|i am) (?:\w+ )?(?:pleased|excited|happy|delighted|proud|thrilled)"
    r" to (?:announce|share|introduce|say|let you know)(?: that| the)?|this (?:week|month|year),?|"
    r"as (?:you may know|always),?|after [^,]{1,40},)\s+",
    re.IGNORECASE,
)
_DANGLING: Final = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "but", "by", "for", "from", "has", "have", "in",
        "into", "is", "it", "its", "of", "on", "or", "our", "so", "that", "the", "their", "this",
        "to", "was", "we", "were", "which", "who", "will", "with", "you", "your",
    }
)  # fmt: skip
_PLAINER: Final[Mapping[str, str]] = {
    "utilize": "use", "utilise": "use", "utilizes": "uses", "utilizing": "using", "commence": "start",
    "commences": "starts", "approximately": "about", "additional": "more", "additionally": "also",
    "purchase": "buy", "purchases": "buys", "assistance": "help", "assist": "help", "require": "need",
    "requires": "needs", "required": "needed", "obtain": "get", "sufficient": "enough",
    "subsequently": "then", "prior to": "before", "in order to": "to", "due to the fact that": "because",
    "at this point in time": "now", "in the event that": "if", "with regard to": "about",
    "regarding": "about", "numerous": "many", "demonstrate": "show", "demonstrates": "shows",
    "facilitate": "help", "facilitates": "helps", "endeavour": "try", "endeavor": "try", "terminate": "end",
    "therefore": "so", "consequently": "so", "implement": "set up", "implemented": "set up",
    "anticipate": "expect", "anticipated": "expected", "individuals": "people", "participate": "take part",
    "participants": "people who take part", "accompanied by": "with", "a large number of": "many",
    "the majority of": "most", "complimentary": "free", "inform": "tell", "select": "choose",
    "ensure": "make sure", "opportunity": "chance", "remainder": "rest", "vicinity": "area",
    "beverages": "drinks", "residence": "home",
}  # fmt: skip
_PLAINER_PATTERN: Final = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _PLAINER), key=len, reverse=True)) + r")\b", re.IGNORECASE
)
_SPLIT_POINT: Final = re.compile(
    r";\s+|\s[–—]\s|,\s(?:and|but|so)\s(?=(?:we|you|they|it|he|she|there|this|that|I)\b)"
)
_REQUEST: Final = re.compile(
    r"^(?:please\s+)?(?:can|could|would|will)?\s*(?:you\s+)?(?:please\s+)?(?:write|draft|tell|give|make|create|compose|"
    r"explain|describe|say|suggest|list|what|who|how|why|when|where|is|are|do|does)\b(?:\s+(?:me|us|is|are|was|do|does|"
    r"a|an|one|two|three|short|long|brief|few|some|words?|lines?|sentences?|paragraphs?|poem|haiku|story|note|text|"
    r"e-?mail|letter|introduction|intro|of|on|about|for|to|in|something))*\s+",
    re.IGNORECASE,
)
_HELLO: Final = re.compile(r"\W*(?:say )?(?:hi|hello|hey|ping|test)(?: there| world)?\W*", re.IGNORECASE)
_SUBJECT_LETTERS: Final = 55
_TOPIC_LETTERS: Final = 60

_OPENERS: Final = (
    "There is more to {topic} than it seems at first.",
    "The best place to begin with {topic} is with the people it is for.",
    "Think of {topic} as something that grows a little every week.",
    "A good way into {topic} is to look at one small example.",
)
_MIDDLES: Final = (
    "Start with one clear point, and let everything else support it.",
    "Small, regular steps do more than one great effort, and they are easier to keep up.",
    "Most readers decide within a few seconds whether to go on, so say the useful thing first.",
    "Concrete details stay in the memory: a name, a number, a morning in early spring.",
    "It helps to read it aloud once; what is hard to say is usually hard to read.",
    "What surprises many people is how little is needed to make a real difference.",
)
_CLOSERS: Final = (
    "Keep what works, change one thing at a time, and ask somebody what they remember of it tomorrow.",
    "If only one thought remains, let it be the one that your reader can use today.",
    "That is usually enough to begin, and the rest becomes clear on the way.",
)
_LONG_PARAGRAPHS: Final = 14


def write(task: Task) -> str:
    """Write the answer to a task; an empty text is answered with a friendly request for one."""
    if not task.text.strip():
        return "There is no text here yet. Add a sentence or two, and try again."
    return _WRITERS[task.kind](task.text.strip(), task.detail)


def write_at_length(task: Task) -> str:
    """Write far more than anybody wants to read, so that there is time to stop it."""
    parts = [answer(f"{task.text} ({number})") for number in range(1, _LONG_PARAGRAPHS)]
    return "\n\n".join([answer(task.text), *parts])


def shorten_a_little(text: str) -> str:
    """Drop asides and fillers everywhere, then the last clause of every long sentence."""
    return by_paragraph(text, lambda sentences: [lead(tight(one), 16) for one in sentences])


def shorten_by_half(text: str) -> str:
    """Keep leading clauses of leading sentences, until about half of the words are used."""
    budget = max(6, len(text.split()) // 2)
    kept: list[str] = []
    for sentence in sentences_of(text):
        clause = lead(tight(sentence), 7)
        if kept and len(" ".join([*kept, clause]).split()) > budget:
            break
        kept.append(clause)
    return " ".join(kept)


def one_sentence(text: str) -> str:
    """Keep the first sentence that says something, without its asides."""
    sentences = [one for one in sentences_of(text) if len(one.split()) > 3] or sentences_of(text)
    return lead(tight(_OPENING.sub("", _GREETING.sub("", sentences[0]))), 18)


def simplify(text: str) -> str:
    """Use plain words and short sentences."""
    return by_paragraph(text, lambda sentences: [part for one in sentences for part in _plain_parts(one)])


def subject_line(text: str) -> str:
    """Make a short title from the first words that carry meaning."""
    first = _OPENING.sub("", _GREETING.sub("", sentences_of(text)[0]))
    clause = re.split(r"[,;:.!?…–—]", tight(first))[0]
    words: list[str] = []
    for word in clause.split():
        if len(" ".join([*words, word])) > _SUBJECT_LETTERS or len(words) == 8:
            break
        words.append(word)
    while len(words) > 2 and words[-1].lower() in _DANGLING:
        words.pop()
    return capital(" ".join(words)) or "News for you"


def answer(question: str) -> str:
    """Write a few pleasant sentences that name the question's topic."""
    if _HELLO.fullmatch(question):
        return "Hello! It is good to hear from you. What would you like to write today?"
    digest = sha256(question.encode("utf-8", "surrogatepass")).digest()
    topic = topic_of(question)
    first = _MIDDLES[digest[1] % len(_MIDDLES)]
    second = _MIDDLES[(digest[1] + 1 + digest[2] % (len(_MIDDLES) - 1)) % len(_MIDDLES)]
    opener = _OPENERS[digest[0] % len(_OPENERS)].format(topic=topic)
    return f"{capital(opener)} {first} {second}\n\n{_CLOSERS[digest[3] % len(_CLOSERS)]}"


def topic_of(question: str) -> str:
    """Take the topic out of a question: without the request around it, at most 60 letters."""
    line = sentences_of(question)[0].splitlines()[0]
    topic = _REQUEST.sub("", line).strip(" .!?:;,\"'“”").replace("{", "(").replace("}", ")")
    topic = topic or line.strip(" .!?")
    if len(topic) > _TOPIC_LETTERS:
        topic = topic[:_TOPIC_LETTERS].rsplit(" ", 1)[0]
    return topic[:1].lower() + topic[1:] if topic[1:2].islower() else topic or "this"


def _plain_parts(sentence: str) -> list[str]:
    plain = _PLAINER_PATTERN.sub(_plainer, tight(sentence))
    stop = plain[-1] if plain[-1:] in (".", "!", "?", "…") else ""
    parts = [part.strip(" ,;:") for part in _SPLIT_POINT.split(plain.removesuffix(stop) if stop else plain)]
    whole = [capital(part) for part in parts if part]
    if not whole:
        return [plain]
    return [f"{part}{stop if index == len(whole) - 1 else '.'}" for index, part in enumerate(whole)]


def _plainer(found: re.Match[str]) -> str:
    word = found[0]
    plain = _PLAINER[word.lower()]
    return capital(plain) if word[0].isupper() else plain


_WRITERS: Final[Mapping[TaskKind, Callable[[str, str], str]]] = {
    TaskKind.SUBJECT: lambda text, _: subject_line(text),
    TaskKind.SHORTEN_A_LITTLE: lambda text, _: shorten_a_little(text),
    TaskKind.SHORTEN_BY_HALF: lambda text, _: shorten_by_half(text),
    TaskKind.ONE_SENTENCE: lambda text, _: one_sentence(text),
    TaskKind.SIMPLIFY: lambda text, _: simplify(text),
    TaskKind.IMPROVE: lambda text, _: improve(text),
    TaskKind.LENGTHEN: lengthen,
    TaskKind.GRAMMAR: lambda text, _: correct(text),
    TaskKind.TONE: in_tone,
    TaskKind.TRANSLATE: translate,
    TaskKind.SUMMARIZE: lambda text, _: summarize(text),
    TaskKind.KEY_POINTS: lambda text, _: key_points(text),
    TaskKind.ANSWER: lambda text, _: answer(text),
}
