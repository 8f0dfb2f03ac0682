"""Rewriting by simple rules: better, longer, corrected, in another tone, in another language, summed up.

Its counterpart is a person who tries these actions without a provider. Pure and deterministic. A translation
is not one: it is stock sentences of the language, as many as the text has paragraphs, with the text's merge
tags kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from sealgate.simulator.sentences import by_paragraph, capital, lead, paragraphs_of, sentences_of, tight

Rules = Sequence[tuple[re.Pattern[str], str]]


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern, re.IGNORECASE), put) for pattern, put in pairs)


_CORRECTIONS: Final = _rules(
    (r"\b(\w+)( \1\b)+", r"\1"),
    (r"\bteh\b", "the"),
    (r"\brecieve", "receive"),
    (r"\bseperate", "separate"),
    (r"\bdefinately\b", "definitely"),
    (r"\boccured\b", "occurred"),
    (r"\buntill\b", "until"),
    (r"\bthier\b", "their"),
    (r"\bwich\b", "which"),
    (r"\balot\b", "a lot"),
    (r"\bdont\b", "don’t"),
    (r"\bcant\b", "can’t"),
    (r"\bwont\b", "won’t"),
    (r"\bdidnt\b", "didn’t"),
    (r"\bits (a|an|the|not)\b", r"it’s \1"),
    (r"\bi\b(?!\.)", "I"),
    (r"\bcould of\b", "could have"),
    (r"\bshould of\b", "should have"),
    (r" +([,;:.!?])", r"\1"),
    (r"([,;])(?=[A-Za-z])", r"\1 "),
    (r"(?<=\S)  +", " "),
)
_IMPROVEMENTS: Final = _rules(
    (
        r"\b(?:very much|very|really|quite|just|simply|basically|actually|truly|absolutely|of course),? ",
        "",
    ),
    (r"\bin order to\b", "to"),
    (r"\bdue to the fact that\b", "because"),
    (r"\bat this point in time\b", "now"),
    (r"\butili[sz]e\b", "use"),
    (r"\bis able to\b", "can"),
    (r"\bare able to\b", "can"),
    (r"\ba lot of\b", "many"),
    (r"\bin the event that\b", "if"),
    (r"\b(?:delighted|excited|pleased|happy) to announce that\b", "glad to say that"),
    (r"\bmake sure to\b", "remember to"),
    (r"\bhas the ability to\b", "can"),
    (r"\bprior to\b", "before"),
)

_LINKS: Final = (
    "That may sound like a small thing, and yet it is what people notice first.",
    "There is a simple reason for it, and it is worth a moment of your time.",
    "In practice this means that you can begin right away, at your own pace.",
    "Take it as an invitation: nothing here has to be perfect on the first day.",
    "Those who have been with us for a while will recognize the idea.",
    "It also leaves room for what comes next, which is half of the pleasure.",
)
_SHARES: Final[Mapping[str, float]] = {"quarter": 0.25, "half": 0.5, "twice": 1.0}


class Tone(Struct, frozen=True):
    """How a tone is put on: replacements in each sentence, and a sentence before and after."""

    rules: Rules
    before: str = ""
    after: str = ""


_PLAIN_END: Final = (r"!+", ".")
_TONES: Final[Mapping[str, Tone]] = {
    "friendl": Tone(
        _rules(
            (r"\bwe are\b", "we’re"),
            (r"\bdo not\b", "don’t"),
            (r"\brequire\b", "need"),
            (r"\byou will\b", "you’ll"),
        ),
        "Hello, and good to see you here!",
        "We look forward to hearing from you.",
    ),
    "formal": Tone(
        _rules(
            (r"\bwe['’]re\b", "we are"),
            (r"\bdon['’]t\b", "do not"),
            (r"\bcan['’]t\b", "cannot"),
            (r"\bneed\b", "require"),
            (r"\bget\b", "receive"),
            (r"\bbuy\b", "purchase"),
            (r"\bhelp\b", "assistance"),
            _PLAIN_END,
        ),
        "Dear reader,",
        "We remain at your disposal for any questions.",
    ),
    "factual": Tone(
        _rules(
            (r"\b(?:very|really|truly|absolutely|incredibly|delighted|amazing|wonderful) ", ""), _PLAIN_END
        )
    ),
    "confident": Tone(
        _rules(
            (r"\b(?:maybe|perhaps|probably|possibly),? ", ""),
            (r"\b(?:i|we) (?:think|hope|believe) (?:that )?", ""),
            (r"\bmight\b", "will"),
            (r"\bshould be able to\b", "can"),
            (r"\btry to\b ", ""),
        ),
    ),
    "direct": Tone(
        _rules(
            (r"\b(?:please|kindly),? ", ""),
            (r"\bwe would (?:very much )?like you to\b", "please"),
            _PLAIN_END,
        )
    ),
    "warm": Tone(
        _rules((r"\byou do not need\b", "you need not worry about")),
        "We know how full your days are.",
        "Take good care, and write to us whenever you like.",
    ),
    "livel": Tone(_rules((r"\bis\b(?= finally)", "is, at last,")), "Here we go!", "See you there!"),
}

_TAG: Final = re.compile(r"\{\{.*?\}\}|\{\w+\}|%[A-Z_]+%|\*\|.*?\|\*|\[\[.*?\]\]|https?://\S+")
_LANGUAGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "german": (
        "Schön, dass Sie da sind: Es gibt Neues.",
        "Kommen Sie vorbei und sehen Sie es sich in Ruhe an.",
        "Wir freuen uns auf Sie.",
    ),
    "french": (
        "Nous avons le plaisir de vous annoncer une nouveauté.",
        "Venez la découvrir quand vous voulez.",
        "À très bientôt !",
    ),
    "spanish": (
        "Nos alegra contarle que hay novedades.",
        "Venga a verlas con calma cuando quiera.",
        "Le esperamos.",
    ),
    "italian": (
        "Siamo lieti di annunciarvi una novità.",
        "Venite a scoprirla quando volete.",
        "Vi aspettiamo.",
    ),
    "portuguese": (
        "Temos o prazer de anunciar uma novidade.",
        "Venha conhecê-la com calma, quando quiser.",
        "Esperamos por si.",
    ),
    "dutch": ("Wij vertellen u graag dat er nieuws is.", "Kom rustig langs om het te bekijken.", "Tot gauw!"),
    "polish": (
        "Z radością informujemy o nowościach.",
        "Zapraszamy, by obejrzeć je w spokoju.",
        "Do zobaczenia!",
    ),
    "swedish": (
        "Vi är glada att kunna berätta en nyhet.",
        "Kom gärna förbi och titta i lugn och ro.",
        "Välkommen!",
    ),
    "danish": (
        "Vi er glade for at kunne fortælle en nyhed.",
        "Kom forbi og se det i ro og mag.",
        "Vi glæder os til at se dig.",
    ),
    "czech": ("S radostí oznamujeme novinku.", "Přijďte se v klidu podívat.", "Těšíme se na vás."),
    "turkish": (
        "Size bir yeniliği duyurmaktan mutluluk duyuyoruz.",
        "Dilediğiniz zaman gelip görebilirsiniz.",
        "Sizi bekliyoruz.",
    ),
    "ukrainian": (
        "Раді повідомити вам новину.",
        "Завітайте й подивіться, коли вам зручно.",
        "Чекаємо на вас.",
    ),
    "modern standard arabic": (
        "يسعدنا أن نعلن لكم عن خبر جديد.",
        "تفضلوا بالزيارة في الوقت الذي يناسبكم.",
        "نحن في انتظاركم.",
    ),
    "japanese": (
        "新しいお知らせがあります。",
        "ご都合のよいときに、どうぞゆっくりご覧ください。",
        "お待ちしております。",
    ),
    "chinese": ("我们很高兴地向您宣布一个好消息。", "欢迎您随时前来参观。", "期待您的光临。"),
}
_SUMMARY_SENTENCES: Final = 4
_MOST_POINTS: Final = 7


def improve(text: str) -> str:
    """Corrected, and without what adds nothing."""
    return by_paragraph(correct(text), lambda sentences: [_put(one, _IMPROVEMENTS) for one in sentences])


def correct(text: str) -> str:
    """Common slips mended, line by line; everything else as it was."""
    return "\n".join(
        " ".join(_put(sentence, _CORRECTIONS) for sentence in sentences_of(line)) if line.strip() else line
        for line in text.splitlines()
    )


def lengthen(text: str, amount: str) -> str:
    """With sentences that lead on, until it is longer by a quarter, a half or the whole."""
    wanted = len(text.split()) * _SHARES.get(amount, 0.5)
    added, links = 0, iter(_LINKS * (2 + int(wanted) // 12))
    longer = []
    for paragraph in paragraphs_of(text):
        sentences = []
        for sentence in sentences_of(paragraph):
            sentences.append(sentence)
            if added < wanted:
                sentences.append(next(links))
                added += len(sentences[-1].split())
        longer.append(" ".join(sentences))
    while added < wanted:
        longer[-1] = f"{longer[-1]} {next(links)}"
        added += 14
    return "\n\n".join(longer)


def in_tone(text: str, tone: str) -> str:
    """With the words of a tone, and what it says first and last."""
    rules = next((each for name, each in _TONES.items() if tone.startswith(name)), _TONES["friendl"])
    changed = by_paragraph(text, lambda sentences: [_put(one, rules.rules) for one in sentences])
    return " ".join(part for part in (rules.before, changed, rules.after) if part)


def translate(text: str, language: str) -> str:
    """Stock sentences of the language, a paragraph for each; English stays as it is."""
    stock = next((each for name, each in _LANGUAGES.items() if language.startswith(name)), None)
    if stock is None:
        return correct(text)
    paragraphs = paragraphs_of(text)
    return "\n\n".join(
        _stock(paragraph, stock, last=index == len(paragraphs) - 1, first=index == 0)
        for index, paragraph in enumerate(paragraphs)
    )


def _stock(paragraph: str, stock: tuple[str, str, str], *, first: bool, last: bool) -> str:
    opening, middle, closing = stock
    said = [part for part, wanted in ((opening, first), (middle, True), (closing, last)) if wanted]
    return " ".join([*said, *_TAG.findall(paragraph)])


def summarize(text: str) -> str:
    """The sentences that lead each paragraph, as one paragraph."""
    leading = [sentences_of(paragraph)[0] for paragraph in paragraphs_of(text)]
    more = [one for one in sentences_of(text) if one not in leading]
    return " ".join(lead(tight(one), 14) for one in [*leading, *more][:_SUMMARY_SENTENCES])


def key_points(text: str) -> str:
    """A list, one line for each of the first sentences."""
    return "\n".join(f"- {lead(tight(one), 12).rstrip('.!')}" for one in sentences_of(text)[:_MOST_POINTS])


def _put(sentence: str, rules: Rules) -> str:
    for pattern, put in rules:
        sentence = pattern.sub(put, sentence)
    return capital(sentence.strip()) if sentence.strip() else sentence
