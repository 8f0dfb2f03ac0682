"""Sources as they are typed, and the list with one more, another, or one less.

Pure. Counterpart: `sealgate.policy.sources`, which has the order in which the proxy asks them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from sealgate.console.forms import Form, InputError
from sealgate.messages.tickets import CredentialRow
from sealgate.policy.document import (
    MAX_SOURCES,
    Policy,
    PolicyError,
    Source,
    decode_policy,
    encode_policy,
)

OWN: Final = "own"
"""What stands in a form for the add-on's own key."""
MOST_WEIGHT: Final = 100


class Choice(msgspec.Struct, frozen=True):
    """A key that a source may name."""

    value: str
    words: str
    source: Source


def choices(sources: Sequence[Source], idle: Sequence[CredentialRow]) -> Mapping[str, Choice]:
    """Every key that may be chosen, by its value: the add-on's own, at the vault, and named already."""
    found = {OWN: Choice(OWN, "The add-on’s own key", Source())}
    for row in idle:
        to = Source(credential=row.credential, provider=row.provider, origin=row.origin)
        words = f"••••\u200a{row.last_four}, {_short(row.origin)}"
        found[row.credential] = Choice(row.credential, words, to)
    for each in sources:
        if each.credential is not None and each.credential not in found:
            found[each.credential] = Choice(
                each.credential, f"{each.credential}, {_short(each.origin)}", each
            )
    return found


def name_of(source: Source) -> str:
    """Names one source of a list; a form that was shown before it was changed names another."""
    return hashlib.sha256(msgspec.msgpack.encode(source)).hexdigest()[:24]


def models_text(source: Source) -> str:
    """Its models as they are typed: `asked = instead`, one on each line."""
    return "\n".join(f"{asked} = {instead}" for asked, instead in source.models.items())


def source_from_form(known: Mapping[str, Choice], form: Form) -> Source:
    """Fields: `key`, `rank`, `weight`, `instead` (lines `asked = instead`); raises `InputError`."""
    chosen = known.get(form.text("key"))
    if chosen is None:
        raise InputError("key", "This key is not one of the application's.", "Choose from the list.")
    return msgspec.structs.replace(
        chosen.source,
        rank=form.number("rank", "Rank", 1, MAX_SOURCES),
        weight=form.number("weight", "Weight", 1, MOST_WEIGHT),
        models=_models(form.text("instead")),
    )


def with_source(policy: Policy, source: Source) -> Policy:
    """The policy with one more; a first one stands beside the add-on's own key. Raises `InputError`."""
    before = policy.sources
    if not before and source.credential is not None:
        before = (Source(),)
    if len(before) >= MAX_SOURCES:
        raise InputError("key", f"An application has at most {MAX_SOURCES} sources.", "Remove one first.")
    return _checked(policy, (*before, source))


def with_changed(policy: Policy, name: str, source: Source) -> Policy:
    """The policy with this one in the place of the one of this name; raises `InputError`."""
    found = _named(policy, name)
    return _checked(policy, tuple(source if each == found else each for each in policy.sources))


def without_source(policy: Policy, name: str) -> Policy:
    """The policy without the one of this name; raises `InputError`."""
    found = _named(policy, name)
    return _checked(policy, tuple(each for each in policy.sources if each != found))


def _named(policy: Policy, name: str) -> Source:
    for each in policy.sources:
        if name_of(each) == name:
            return each
    raise InputError("source", "This source was changed meanwhile.", "It stands below as it is now.")


def _models(text: str) -> dict[str, str]:
    models: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        asked, sign, instead = (part.strip() for part in line.partition("="))
        if not (sign and asked and instead):
            raise InputError(
                "instead", f"{line[:80]!r} does not say a model.", "Type lines such as gpt-4o = gpt-4o-mini"
            )
        if asked in models:
            raise InputError("instead", f"{asked[:80]} stands twice.", "Keep one of the two lines.")
        models[asked] = instead
    return models


def _checked(policy: Policy, sources: tuple[Source, ...]) -> Policy:
    try:
        return decode_policy(encode_policy(msgspec.structs.replace(policy, sources=sources)))
    except PolicyError as error:
        text = str(error)
        raise InputError("source", f"{text[:1].upper()}{text[1:]}.", error.hint) from None


def _short(origin: str) -> str:
    return origin.removeprefix("https://")
