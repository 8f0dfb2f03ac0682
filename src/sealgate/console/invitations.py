"""Makes owner invitations for the command line; the link is printed once and only its hash is stored.

Counterpart: `accounts`, where the link is accepted. Whoever has the link within 24 hours becomes an owner.
"""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

import sealgate.console.schema  # noqa: F401 - every table, since they refer to each other
from sealgate.console.accounts.models import User
from sealgate.console.accounts.services import invite_owner
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database, migrate
from sealgate.console.permissions import Role


def make_owner_invitation(config: ConsoleConfig) -> str:
    """A single-use link, good for 24 hours, that makes an owner. The console need not be running.

    Raises `OSError` for a full disk, `ValueError` for a database of a newer release. Blocks, and must not be
    called from inside an event loop.
    """
    migrate(config.database_path)
    return asyncio.run(_invite(config))


def make_first_owner_invitation(config: ConsoleConfig) -> str:
    """As `make_owner_invitation`; empty where an owner is there already, as in a restored database."""
    migrate(config.database_path)
    return asyncio.run(_invite(config, first=True))


async def _invite(config: ConsoleConfig, *, first: bool = False) -> str:
    database = Database(config.database_path)
    try:
        async with database.writing() as tx:
            owner = select(User.id).where(User.role == Role.OWNER.value, User.removed_at.is_(None)).limit(1)
            if first and await tx.scalar(owner) is not None:
                return ""
            token = await invite_owner(tx, time.time())
    except DatabaseError as error:
        raise OSError(f"{config.database_path}: {error.orig}") from error
    finally:
        await database.close()
    return f"{config.public_url}/invitations/{token}"
