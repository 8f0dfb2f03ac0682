"""Tests of keys: asked for here, done by one proxy (it alone has a way out), and what was found remembered.

Counterparts: `feed.Feed.probe` and the proxies. A test sends one smallest request with the key itself, so it
costs next to nothing and shows what end users would meet.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.addon.models import Probe
from sealgate.console.audit.services import Editing
from sealgate.console.feed.views import Feed
from sealgate.messages.feed import ProbeAsked, ProbeDone, ProbeResult
from sealgate.messages.tickets import CredentialRow

NO_PROXY: Final = "no_proxy"


class Verdict(Struct, frozen=True):
    """What a result is called, and what to do about it."""

    words: str
    tone: str
    advice: str


VERDICTS: Final[Mapping[str, Verdict]] = MappingProxyType(
    {
        ProbeResult.OK.value: Verdict("Works", "good", "The provider takes it."),
        ProbeResult.INVALID_KEY.value: Verdict(
            "Invalid key",
            "bad",
            "The provider does not know this key, or it was revoked there. Make a new one and seal that.",
        ),
        ProbeResult.NO_CREDIT.value: Verdict(
            "No credit",
            "bad",
            "The key is good, but its account has nothing left to spend. Add credit or raise its limit.",
        ),
        ProbeResult.MODEL_NOT_ALLOWED.value: Verdict(
            "Model not allowed",
            "warn",
            "The key is good, but may not use this model. Allow the model at the provider, or test another.",
        ),
        ProbeResult.RATE_LIMITED.value: Verdict(
            "Rate limited",
            "warn",
            "The key is good, but the provider wants fewer requests now. Wait a minute and test again.",
        ),
        ProbeResult.UNREACHABLE.value: Verdict(
            "Provider unreachable",
            "warn",
            "The proxy got no answer. Look at the proxy’s way out, and at the provider’s status page.",
        ),
        ProbeResult.CERTIFICATE.value: Verdict(
            "Certificate not trusted",
            "bad",
            "Something in between opens TLS. Take it away, or name its authority in egress.ca_file.",
        ),
        ProbeResult.WRONG_REGION.value: Verdict(
            "Wrong region",
            "bad",
            "The key belongs to another regional host of the provider. Enter it for that destination.",
        ),
        ProbeResult.PROVIDER_ERROR.value: Verdict(
            "Provider error",
            "warn",
            "The provider answered with an error of its own. Test again later; its status page may say more.",
        ),
        ProbeResult.CREDENTIAL_UNAVAILABLE.value: Verdict(
            "Not opened",
            "bad",
            "The vault did not open this key for the proxy. Its log says why.",
        ),
        ProbeResult.OPEN_QUOTA.value: Verdict(
            "Too many keys opened",
            "warn",
            "The vault opens no more keys for this proxy in this minute. Test again in the next; if it stays "
            "so, an operator looks at who opens so many, or raises vault.opens_per_minute.",
        ),
        ProbeResult.VAULT_UNAVAILABLE.value: Verdict(
            "Vault unavailable",
            "warn",
            "The vault is away or opens nothing now, so nothing is known of this key. An operator looks at "
            "the vault’s log.",
        ),
        NO_PROXY: Verdict(
            "No proxy answered",
            "warn",
            "None is connected, or none answered within 15 seconds. Start one, or look at its log.",
        ),
    }
)
"""Result → what people read."""


async def run_probe(feed: Feed, row: CredentialRow, version: int, model: str) -> ProbeDone | None:
    """Have one proxy test one version with this model; `None` if no proxy answered."""
    ask = ProbeAsked(
        probe=secrets.token_hex(12),
        organization=row.organization,
        application=row.application,
        credential=row.credential,
        provider=row.provider,
        origin=row.origin,
        version=version,
        model=model,
    )
    return await feed.probe(ask)


async def note_probe(
    edit: Editing, row: CredentialRow, version: int, model: str, done: ProbeDone | None
) -> str:
    """Remember what was found, in place of the test before; gives the result."""
    result = done.result.value if done else NO_PROXY
    await edit.tx.merge(
        Probe(
            credential=row.credential,
            version=version,
            application_id=row.application,
            user_id=edit.user,
            model=model,
            result=result,
            status=done.status if done else 0,
            duration_ms=done.duration_ms if done else 0,
            tested_at=edit.now_s,
        )
    )
    found = f"{row.origin}, version {version}: {VERDICTS[result].words}"
    await edit.record("credential.tested", found, row.application)
    return result


async def last_probes(tx: AsyncSession, credential: str) -> Mapping[int, Probe]:
    """Version → its last test."""
    rows = await tx.scalars(select(Probe).where(Probe.credential == credential))
    return {probe.version: probe for probe in rows}
