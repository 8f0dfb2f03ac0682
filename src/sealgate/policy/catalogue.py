"""Ready-made actions: what a new application starts with.

Counterparts: the console copies them into an application's policy, `actions.py` renders them with the rules
that hold for every action. They name no model of their own; whoever takes one chooses it.
"""

from typing import Final

import msgspec

from sealgate.policy.document import Action, Choice, Limits, Parameter, Policy, Prompt

_SHORTEN: Final = """\
You are an editor. Shorten the text [amount].

Keep its message, its order and its tone of voice. First take out repetition, filler and throat-clearing; \
then merge sentences; then drop side points, the least important first. Keep greetings, calls to action \
and anything that the reader needs in order to act. Keep paragraphs and lists where they still help. The \
result must read as if it had been written at this length, not like a summary of something longer."""

_SIMPLIFY: Final = """\
You are an editor. Rewrite the text in plain language that a busy reader understands at first reading.

Use short sentences with one thought each, common words, the active voice and verbs instead of nouns. \
Replace jargon with everyday words; keep a technical term where there is no plain one, and where the text \
itself explains it. Keep every statement, condition and exception: simpler words, the same meaning. Keep \
the length about the same and the tone friendly and adult, never childish."""

_SUBJECT_LINE: Final = """\
You write subject lines for e-mail. Write one subject line for the message in the text.

Say what the reader gets or has to do, with the most telling words first, in 30 to 60 characters. Be \
specific and true to the message. Use sentence case and no full stop; no exclamation marks, no capital \
letters for emphasis, no emoji, no "Re:" or "Fwd:", and no words that spam filters dislike, such as \
"free!!!" or "act now". Use a merge tag only if it stands in the text. The result is one line."""

_IMPROVE: Final = """\
You are an editor. Improve the text, so that it reads as if its writer had had one more day.

Correct mistakes. Make sentences clear and let them follow from one another; use precise words and active \
verbs; take out repetition, filler and worn phrases. Keep the meaning, the order of thoughts, the writer's \
voice and about the same length. Keep every greeting, paragraph, heading, list and list item in its place. \
Leave a sentence that is good already as it is: change what gets better by it, and nothing else."""

_LENGTHEN: Final = """\
You are an editor. Make the text longer: [amount].

Unfold what is there: say out loud what the text takes for granted, give each point the room that it \
needs, add links between thoughts and say what follows from them for the reader. Invent nothing: no names, \
figures, quotations, examples presented as true, offers or promises. Keep the message, the order of \
thoughts, the tone of voice and the form: paragraphs stay paragraphs and lists stay lists. No padding and \
no repetition; where nothing can be added honestly, stop before the length is reached."""

_GRAMMAR: Final = """\
You are a proofreader. Correct spelling, grammar, punctuation and typing mistakes in the text.

Change nothing else: not the choice of words, the style, the order, the tone or the length. Keep line \
breaks, paragraphs, lists, headings and spacing as they are. Keep the variety of the language that the \
writer uses, such as British or American spelling, and make it consistent where it is mixed. Leave slang, \
dialect and unusual names alone where they are meant. A text without mistakes comes back unchanged."""

_TONE: Final = """\
You are an editor. Rewrite the text so that its tone is [tone].

Change how it is said, never what is said: keep every statement, request, condition and degree of \
certainty, and do not make a promise firmer or a criticism milder than it is. Keep the order of thoughts, \
about the same length, and every greeting, paragraph, list and list item. The tone must be even from the \
first word to the last and must not sound put on. Change the form of address only if the tone demands it."""

_TRANSLATE: Final = """\
You are a translator into your own mother tongue. Translate the text into [language].

Translate what is meant, not word by word: use the idioms, punctuation and typography that a native writer \
would use, and keep tone, register and emphasis. Leave nothing out and add nothing, no notes either. Keep \
every line break, paragraph, heading, list and list item in its place. Translate the words that readers \
see, also inside HTML and Markdown; leave tags, attributes that are not shown, and code as they are. Where \
a sentence is built around a merge tag, build it so that any value fits in."""

_SUMMARIZE: Final = """\
You are an editor. Summarize the text [length].

Begin with what matters most to somebody who will not read the rest: the point, the decision, or what they \
have to do, by when. Keep the names, figures and dates that carry it, and the text's own caution: what it \
calls possible stays possible. Write as the text does, not about it: no "the text says" or "the author \
explains". Give no opinion and draw no conclusion that the text does not draw."""

_PROMPT: Final = """\
You help people to write inside the application that they work in: messages, newsletters, notes, replies. \
Do what the user asks, with text that can be used as it is: clear, specific, natural and no longer than \
it needs to be. Where the user leaves something open, choose what is usual, and write a short placeholder \
in square brackets for what only they can know, such as [date]. Where the request is not about writing or \
text, answer it briefly and helpfully."""

# For actions that write the text anew in full; an application's own limit still holds.
_WHOLE_TEXT: Final = 4_096

_SHORTER: Final = Parameter(
    id="amount",
    label="How much",
    choices=(
        Choice("a-little", "A little", "a little, to about three quarters of its length"),
        Choice("by-half", "By half", "to about half of its length"),
        Choice("to-one-sentence", "To one sentence", "to one sentence that carries its main point"),
    ),
    default="by-half",
)
_LONGER: Final = Parameter(
    id="amount",
    label="How much",
    choices=(
        Choice("a-little", "A little", "about a quarter longer than it is"),
        Choice("by-half", "By half", "about half as long again"),
        Choice("to-double", "To double", "about twice its length"),
    ),
    default="by-half",
)
_TONES: Final = Parameter(
    id="tone",
    label="Tone",
    choices=(
        Choice("friendly", "Friendly", "friendly and approachable, as to somebody the writer likes"),
        Choice("formal", "Formal", "formal and courteous, as in a letter from one business to another"),
        Choice("factual", "Factual", "factual and neutral, without feeling or advertising"),
        Choice("confident", "Confident", "confident and clear, without hedging where the text is sure"),
        Choice("direct", "Direct", "direct and brief, with the point first, and still polite"),
        Choice("warm", "Warm", "warm and caring, with understanding for the reader's situation"),
        Choice("lively", "Lively", "lively and enthusiastic, without exclamation marks in a row"),
    ),
    default="friendly",
)
# Each label is in its own language, for whoever looks for theirs.
_LANGUAGES: Final = Parameter(
    id="language",
    label="Language",
    choices=(
        Choice("en", "English", "English"),
        Choice("de", "Deutsch", "German"),
        Choice("fr", "Français", "French"),
        Choice("es", "Español", "Spanish"),
        Choice("it", "Italiano", "Italian"),
        Choice("pt", "Português", "Portuguese"),
        Choice("nl", "Nederlands", "Dutch"),
        Choice("pl", "Polski", "Polish"),
        Choice("sv", "Svenska", "Swedish"),
        Choice("da", "Dansk", "Danish"),
        Choice("cs", "Čeština", "Czech"),
        Choice("tr", "Türkçe", "Turkish"),
        Choice("uk", "Українська", "Ukrainian"),
        Choice("ar", "العربية", "Modern Standard Arabic"),
        Choice("ja", "日本語", "Japanese"),
        Choice("zh", "简体中文", "Chinese in simplified characters"),
    ),
    default="en",
)
_LENGTHS: Final = Parameter(
    id="length",
    label="Length",
    choices=(
        Choice("one-sentence", "One sentence", "in one sentence"),
        Choice("a-paragraph", "A paragraph", "in one paragraph of three to five sentences"),
        Choice(
            "key-points",
            "Key points",
            "as a list of three to seven key points, one line each, every line beginning with '- '",
        ),
    ),
    default="a-paragraph",
)


# Each with the model left open.
_ACTIONS: Final = (
    Action("shorten", "Shorten", "Says the same in fewer words.", "-", _SHORTEN, (_SHORTER,)),
    Action("simplify", "Simplify", "Rewrites in plain language.", "-", _SIMPLIFY),
    Action(
        "subject-line",
        "Subject line",
        "Proposes a subject line for an e-mail.",
        "-",
        _SUBJECT_LINE,
        output_tokens=256,
    ),
    Action(
        "improve",
        "Improve",
        "Makes it clearer and smoother, in your voice.",
        "-",
        _IMPROVE,
        output_tokens=_WHOLE_TEXT,
    ),
    Action(
        "lengthen",
        "Lengthen",
        "Unfolds what is there, inventing nothing.",
        "-",
        _LENGTHEN,
        (_LONGER,),
        output_tokens=_WHOLE_TEXT,
    ),
    Action(
        "grammar",
        "Correct",
        "Corrects mistakes and changes nothing else.",
        "-",
        _GRAMMAR,
        output_tokens=_WHOLE_TEXT,
    ),
    Action(
        "tone",
        "Change tone",
        "Says the same in another tone.",
        "-",
        _TONE,
        (_TONES,),
        output_tokens=_WHOLE_TEXT,
    ),
    Action(
        "translate",
        "Translate",
        "Says the same in another language.",
        "-",
        _TRANSLATE,
        (_LANGUAGES,),
        output_tokens=_WHOLE_TEXT,
        own_language=True,
    ),
    Action("summarize", "Summarize", "Says what matters most.", "-", _SUMMARIZE, (_LENGTHS,)),
)


def ready_actions(model: str) -> tuple[Action, ...]:
    """The catalogue, each action using this model."""
    return tuple(msgspec.structs.replace(action, model=model) for action in _ACTIONS)


def ready_prompt(model: str) -> Prompt:
    """The free prompt, using this model: off in a new application, since it lets users ask for anything."""
    return Prompt(model=model, instructions=_PROMPT)


def starting_policy(model: str) -> Policy:
    """The policy of a new application: one model, the ready actions, the standard limits."""
    return Policy(models=(model,), actions=ready_actions(model), limits=Limits())
