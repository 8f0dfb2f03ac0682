"""The ways of an application to an answer: what to have the vault open, and which model to ask for there.

Counterparts: the policy's `Source`, which says which there are; `trying.py`, which goes them one by one. Made
once for a document; nothing here is believed of a credential: the vault checks every part.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from sealgate.messages.feed import Application, CredentialReference
from sealgate.messages.opening import Open
from sealgate.policy.document import Policy, Source

_NO_MODELS: Mapping[str, str] = MappingProxyType({})


class Way(msgspec.Struct, frozen=True, eq=False):
    """One source, ready to be asked."""

    opening: Open
    key: tuple[str, str]
    """What a breaker is kept for, but for the model: origin and credential."""
    rank: int = 1
    weight: int = 1
    models: Mapping[str, str] = _NO_MODELS

    def model(self, asked: str) -> str:
        """The model to ask for here."""
        return self.models.get(asked, asked)


def ways_of(document: Application, policy: Policy) -> tuple[Way, ...]:
    """Every way; none while the add-on is not activated."""
    own = document.credential
    if own is None:
        return ()
    return tuple(_way(document, own, source) for source in policy.sources or (Source(),))


def _way(document: Application, own: CredentialReference, source: Source) -> Way:
    to = own
    if source.credential is not None:
        to = CredentialReference(source.credential, source.provider, source.origin)
    opening = Open(
        organization=document.organization,
        application=document.application,
        credential=to.credential,
        provider=to.provider,
        origin=to.origin,
    )
    return Way(opening, (to.origin, to.credential), source.rank, source.weight, source.models)
