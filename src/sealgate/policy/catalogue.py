"""Ready-made actions: what a new application starts with.

Counterparts: the console copies them into an application's policy, `actions.py` renders them with the rules
that hold for every action. They name no model of their own; whoever takes one chooses it.
"""

from typing import Final

from sealgate.policy.document import Action, Choice, Limits, Parameter, Policy

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

_AMOUNT: Final = Parameter(
    id="amount",
    label="How much",
    choices=(
        Choice("a-little", "A little", "a little, to about three quarters of its length"),
        Choice("by-half", "By half", "to about half of its length"),
        Choice("to-one-sentence", "To one sentence", "to one sentence that carries its main point"),
    ),
    default="by-half",
)


def ready_actions(model: str) -> tuple[Action, ...]:
    """The catalogue, each action using this model."""
    return (
        Action(
            id="shorten",
            label="Shorten",
            description="Says the same in fewer words.",
            model=model,
            instructions=_SHORTEN,
            parameters=(_AMOUNT,),
            output_tokens=1_024,
        ),
        Action(
            id="simplify",
            label="Simplify",
            description="Rewrites in plain language.",
            model=model,
            instructions=_SIMPLIFY,
            output_tokens=1_024,
        ),
        Action(
            id="subject-line",
            label="Subject line",
            description="Proposes a subject line for an e-mail.",
            model=model,
            instructions=_SUBJECT_LINE,
            output_tokens=256,
        ),
    )


def starting_policy(model: str) -> Policy:
    """The policy of a new application: one model, the ready actions, the standard limits."""
    return Policy(models=(model,), actions=ready_actions(model), limits=Limits())
