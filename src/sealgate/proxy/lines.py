"""The lines of a session: which budgets meet it, and under which key each is counted.

Counterparts: `ledger.py`, which counts by key; `epoch.py`, which writes `Charged` beside every exchange, so
that a run after a crash counts the same keys. A key names a pseudonym or a hash, never a subject.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from sealgate.messages.feed import UsageRecord
from sealgate.messages.pseudonym import pseudonym, safety_identifier
from sealgate.policy.budgets import DAY_S, MEASURES, Budget, Scope, month_of
from sealgate.proxy.ledger import MONEY, REQUESTS, STREAMS, TOKENS, WINDOW_LETTERS, Amounts, Line, window_of
from sealgate.proxy.sessions import Verified

_SCOPES: dict[str, Scope] = {
    "s": "session", "u": "user", "p": "plan", "a": "application", "o": "organization"
}  # fmt: skip
_TOLD = ("session", "user")
"""Whose budgets a session is told of: what it shares with others is not for it to know."""
_MEASURES = dict(zip("rtms", MEASURES, strict=True))
_MEASURE_LETTERS = {measure: letter for letter, measure in _MEASURES.items()}


class _Owners(msgspec.Struct, frozen=True):
    """Whose an exchange is, in every scope."""

    organization: str
    application: str
    pseudonym: str
    plan: str
    session: str

    def of(self, scope: Scope) -> str:
        """The owner of a key."""
        match scope:
            case "organization":
                return self.organization
            case "application":
                return self.application
            case "plan":
                return f"{self.application}:{self.plan}"
            case "user":
                return f"{self.application}:{self.pseudonym}"
            case "session":
                return f"{self.application}:{self.pseudonym}:{self.session}"


class Charged(msgspec.Struct, frozen=True, array_like=True):
    """What an exchange holds, or used, on lines that outlive a restart; it counts for the moment `at_s`."""

    lines: str
    plan: str
    session: str
    at_s: int
    requests: int
    tokens: int
    nano_usd: int


def lines_of(verified: Verified) -> tuple[Line, ...]:
    """Every line that a session's exchanges are counted on; of two on one key, the tighter counts."""
    session, document = verified.session, verified.application.document
    owners = _Owners(
        document.organization,
        document.application,
        verified.pseudonym,
        session.plan or "",
        verified.session_hash,
    )
    by_key: dict[str, Line] = {}
    for budget in verified.policy.budgets:
        line = Line(f"{_prefix(budget)}:{owners.of(budget.scope)}", MEASURES.index(budget.measure), budget)
        other = by_key.get(line.key)
        if other is None or line.most < other.most:
            by_key[line.key] = line
    return tuple(by_key.values())


def recognize(verified: Verified, pseudonym_key: bytes, *, shared: bool) -> None:
    """The key to pseudonyms is here: say who this is at the provider, and on which lines it counts.

    `shared`: the limits of its session are counted with other processes too.
    """
    subject = verified.session.subject
    verified.pseudonym = pseudonym(pseudonym_key, subject)
    verified.safety_identifier = safety_identifier(pseudonym_key, subject)
    if not verified.policy.budgets and not shared:
        return
    verified.session_hash = _session_hash(verified)
    verified.lines = lines_of(verified)
    verified.told = tuple(
        line for line in verified.lines if line.budget.scope in _TOLD and line.measure != STREAMS
    )
    if shared:
        verified.limits = _limits_of(verified)
        verified.lines = verified.limits + verified.lines
    verified.lasting = " ".join(line.key.partition(":")[0] for line in verified.lines if line.lasting)


def _limits_of(verified: Verified) -> tuple[Line, Line]:
    """Requests in a minute and answers at once, as lines: `limits.py` for all processes together."""
    limits = verified.policy.limits
    owner = f"{verified.session.application}:{verified.pseudonym}:{verified.session_hash}"
    requests = Budget("session", "requests", "minute", limits.requests_per_minute)
    streams = Budget("session", "streams", "at_once", limits.concurrent_streams)
    return (
        Line(f"{_prefix(requests)}l:{owner}", REQUESTS, requests, "rate_limited"),
        Line(f"{_prefix(streams)}l:{owner}", STREAMS, streams, "too_many_streams"),
    )


def _session_hash(verified: Verified) -> str:
    """What stands for a session id in keys and on disk: the id is the host's, and may say whose it is."""
    key = verified.pseudonym.encode()[:64]
    return hashlib.blake2b(verified.session.sid.encode(), key=key, digest_size=12).hexdigest()


def charged(verified: Verified, amounts: Amounts, at_s: float) -> Charged | None:
    """What the journal must say, so that these amounts are counted again after a crash."""
    if not verified.lasting:
        return None
    return Charged(
        verified.lasting,
        verified.session.plan or "",
        verified.session_hash,
        int(at_s),
        amounts[REQUESTS],
        amounts[TOKENS],
        amounts[MONEY],
    )


def counted(found: Charged, usage: UsageRecord) -> Iterator[tuple[str, int, int]]:
    """(key, window, used) for every line that an exchange of an earlier run was counted on."""
    used = {"requests": found.requests, "tokens": found.tokens, "money": found.nano_usd}
    owners = _Owners(usage.organization, usage.application, usage.pseudonym, found.plan, found.session)
    for prefix in found.lines.split():
        window = int(found.at_s // DAY_S) if window_of(prefix) == "day" else month_of(found.at_s)
        yield f"{prefix}:{owners.of(_SCOPES[prefix[0]])}", window, used[_MEASURES[prefix[1]]]


def described(key: str) -> dict[str, str]:
    """Scope, measure, window and owner of a key, for people who look after a proxy."""
    prefix, _colon, owner = key.partition(":")
    return {
        "scope": _SCOPES[prefix[0]],
        "measure": _MEASURES[prefix[1]],
        "window": window_of(prefix),
        "owner": owner,
    }


def _prefix(budget: Budget) -> str:
    measure = _MEASURE_LETTERS[budget.measure]
    return f"{budget.scope[0]}{measure}{WINDOW_LETTERS[budget.window]}{budget.reset or ''}"
