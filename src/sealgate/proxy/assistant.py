"""What the assistant asks first: its actions, its rights and what its session has left.

Counterpart: `<sealgate-assistant>`. Must never name a provider or a model, nor give instructions away.
"""

from __future__ import annotations

import time

import msgspec

from sealgate.policy.document import Action, Prompt
from sealgate.proxy.allowances import BudgetLeft, tightest
from sealgate.proxy.cors import NOT_STORED
from sealgate.proxy.limits import WINDOW_S
from sealgate.proxy.lines import recognize
from sealgate.proxy.sessions import Verified
from sealgate.proxy.spending import now
from sealgate.proxy.visit import Visit

NOTICE = "AI-generated text. Check it before you use it."
_encode = msgspec.json.Encoder().encode


class Named(msgspec.Struct, frozen=True):
    """The application, as people know it."""

    name: str


class ChoiceView(msgspec.Struct, frozen=True):
    """One value of a parameter."""

    value: str
    label: str


class ParameterView(msgspec.Struct, frozen=True):
    """A choice that the end user makes."""

    id: str
    label: str
    choices: tuple[ChoiceView, ...]
    default: str


class ActionView(msgspec.Struct, frozen=True):
    """An action without its instructions and its model."""

    id: str
    label: str
    description: str
    parameters: tuple[ParameterView, ...]


class Rights(msgspec.Struct, frozen=True):
    """What the session may do beside actions. `follow_ups`: earlier turns that a prompt may send along."""

    prompt: bool = False
    follow_ups: int = 0


class RequestsLeft(msgspec.Struct, frozen=True):
    """Requests in the window."""

    limit: int
    remaining: int
    window_s: int
    reset_s: int


class StreamsLeft(msgspec.Struct, frozen=True):
    """Answers at once."""

    limit: int
    remaining: int


class Allowances(msgspec.Struct, frozen=True):
    """What the session has left."""

    requests: RequestsLeft
    streams: StreamsLeft
    budget: BudgetLeft | None = None
    """Of the session's and its user's budgets the one nearest to its end; None where there is none, and until
    the provider's key is opened for the first time."""


class Me(msgspec.Struct, frozen=True):
    """The answer of `GET /assistant/v1/me`."""

    application: Named
    actions: tuple[ActionView, ...]
    rights: Rights
    allowance: Allowances
    notice: str


class Introduction(Visit):
    """`GET /assistant/v1/me`: no limit is used up by asking."""

    def authenticated(self, verified: Verified) -> None:
        """Answer at once."""
        self.ended = True
        session, policy = verified.session, verified.policy
        limits = policy.limits
        left = self.parts.limits.remaining(session.application, session.sid, limits, time.monotonic())
        me = Me(
            application=Named(verified.application.document.name),
            actions=tuple(_view(each) for each in policy.actions if session.permits(f"action:{each.id}")),
            rights=_rights(policy.prompt if session.permits("prompt") else None),
            allowance=Allowances(
                requests=RequestsLeft(limits.requests_per_minute, left.requests, int(WINDOW_S), left.reset_s),
                streams=StreamsLeft(limits.concurrent_streams, left.streams),
                budget=self._budget(verified),
            ),
            notice=NOTICE,
        )
        headers = [
            (b"content-type", b"application/json"),
            NOT_STORED,
            (b"x-sealgate-remaining-requests", b"%d" % left.requests),
        ]
        self.client.answer(200, headers, _encode(me))

    def _budget(self, verified: Verified) -> BudgetLeft | None:
        opening = verified.application.opening
        if not verified.pseudonym and verified.policy.budgets and opening is not None:
            held = self.parts.keys.find(opening)
            if held is not None:
                recognize(verified, held.pseudonym_key, shared=self.parts.counts.shared)
        return tightest(self.parts.ledger, verified.told, now())


def _rights(prompt: Prompt | None) -> Rights:
    return Rights() if prompt is None else Rights(prompt=True, follow_ups=prompt.follow_ups)


def _view(action: Action) -> ActionView:
    parameters = tuple(
        ParameterView(
            parameter.id,
            parameter.label,
            tuple(ChoiceView(choice.value, choice.label) for choice in parameter.choices),
            parameter.default,
        )
        for parameter in action.parameters
    )
    return ActionView(action.id, action.label, action.description, parameters)
