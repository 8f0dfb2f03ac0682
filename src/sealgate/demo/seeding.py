"""Fills the demo's console through the services that its pages use, and reads usage as its list does.

Every blocking call of the console runs in a thread of its own: each brings its own event loop.
"""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct

from sealgate.console import seed as console_seed
from sealgate.console.database import Database
from sealgate.console.usage.listing import UsageFilter, usage_page
from sealgate.demo.house import APPLICATION, ORGANIZATION, OWNER_EMAIL, OWNER_NAME, House
from sealgate.messages.feed import CredentialReference, SessionKeyEntry
from sealgate.messages.tickets import CredentialRow, Destination

POLL_S = 0.05


class UsageRow(Struct, frozen=True):
    """One exchange as the console's usage list shows it."""

    request: str
    started_at: float
    endpoint: str
    model: str
    outcome: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    first_byte_ms: int
    duration_ms: int

    def sentence(self) -> str:
        """The row in words."""
        told = "estimated" if self.estimated else "as the provider says"
        return (
            f"{self.endpoint}, {self.model}, {self.outcome}: {self.input_tokens} tokens in, "
            f"{self.output_tokens} out ({told}), {self.duration_ms} ms"
        )


async def seed_console(house: House, credential: CredentialReference | None = None) -> console_seed.Seeded:
    """Make the organization, its owner and its application, or find them again."""
    public = house.signing_key().public
    owner = console_seed.OwnerSeed(OWNER_NAME, OWNER_EMAIL, house.kept.owner_password)
    application = console_seed.ApplicationSeed(
        name=APPLICATION,
        origins=(house.newsletter_url,),
        models=house.provider.models,
        endpoints=house.provider.endpoints,
        prompt=True,
        session_keys=(SessionKeyEntry(public.kid, public.algorithm, public.public_key),),
        credential=credential,
    )
    config = house.settings.console_config()
    return await asyncio.to_thread(console_seed.seed, config, ORGANIZATION, owner, application)


async def take_ticket(house: House, seeded: console_seed.Seeded) -> str:
    """A ticket for the application's key, taken as the console's add-on page takes it."""
    config = house.settings.console_config()
    destination = Destination(provider="openai", origin=house.provider.origin, label="")
    issued = await asyncio.to_thread(console_seed.take_ticket, config, seeded, destination)
    return issued.ticket


async def refer(house: House, row: CredentialRow) -> None:
    """Have the application use this credential."""
    await seed_console(house, CredentialReference(row.credential, row.provider, row.origin))


async def wait_for_usage(
    house: House, seeded: console_seed.Seeded, request: str, within_s: float
) -> UsageRow | None:
    """The usage row of one request, once the proxy has sent it and the console has counted it."""
    database = Database(house.settings.console_config().database_path)
    end = time.monotonic() + within_s
    try:
        while True:
            row = await _find(database, seeded, request)
            if row is not None or time.monotonic() > end:
                return row
            await asyncio.sleep(POLL_S)
    finally:
        await database.close()


async def _find(database: Database, seeded: console_seed.Seeded, request: str) -> UsageRow | None:
    async with database.reading() as tx:
        page = await usage_page(tx, seeded.organization, UsageFilter(application=seeded.application), 1)
        usage = next((line.usage for line in page.lines if line.usage.request == request), None)
        if usage is None:
            return None
        return UsageRow(**{name: getattr(usage, name) for name in UsageRow.__struct_fields__})
