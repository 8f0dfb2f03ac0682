"""Sends notices by e-mail to every owner, where an outgoing mail server is configured.

The queue is the record of changes: each owner has a position up to which everything went out, moved on after
the server took the letter. So a console that dies, or a server that is away, loses none; one may come twice.
Counterparts: `letters`, `post`; `process`, which runs this beside the pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from sealgate.console.accounts.models import Organization, User
from sealgate.console.audit.listing import AuditLine
from sealgate.console.audit.services import chain_end
from sealgate.console.config import ConsoleConfig, MailConfig
from sealgate.console.database import Database
from sealgate.console.failures import where
from sealgate.console.feed.bell import Bell
from sealgate.console.notices import post
from sealgate.console.notices.letters import Addressee, letter
from sealgate.console.notices.services import list_untold
from sealgate.console.permissions import Role
from sealgate.log import Log

LOOK_EVERY_S = 30.0
GATHER_S = 20.0
"""So long a notice waits for others: what somebody does in one go comes as one letter."""
STALE_S = 7 * 86_400.0
"""What could not be sent for a week is not sent any more; it stands on the page."""
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3_600.0


class Mailing:
    """Sends what is due; a server or an address that refuses is tried again, ever more rarely."""

    def __init__(
        self, config: ConsoleConfig, database: Database, bell: Bell, log: Log, now: Callable[[], float]
    ) -> None:
        self._config = config
        self._database = database
        self._bell = bell
        self._log = log
        self._now = now
        self._pauses: dict[str, tuple[float, float]] = {}
        """User → until when nothing is sent to them, and how long that pause was."""

    async def run(self) -> None:
        """Send until cancelled; without a mail server there is nothing to do."""
        mail = self._config.mail
        while mail is not None:
            try:
                await self.look(mail)
            except (SQLAlchemyError, OSError, ValueError) as error:
                self._log("mailing_failed", kind=type(error).__name__, where=where(error))
            await self._bell.wait(LOOK_EVERY_S)
            await asyncio.sleep(1.0)  # the bell rings for every write

    async def look(self, mail: MailConfig) -> None:
        """Send once what is due now."""
        for to, mailed_to in await self._owners():
            lines = await self._due(to, mailed_to)
            if lines:
                await self._send(mail, to, lines)

    async def _owners(self) -> Sequence[tuple[Addressee, int]]:
        """Every owner and up to where they were told; who is new begins now."""
        async with self._database.reading() as tx:
            rows = (
                await tx.execute(
                    select(User, Organization)
                    .join(Organization, Organization.id == User.organization_id)
                    .where(User.role == Role.OWNER.value, User.removed_at.is_(None))
                    .order_by(User.id)
                )
            ).all()
            newest = (await chain_end(tx)).position
        for user, _organization in rows:
            if user.notices_mailed_to is None:
                await self._note_sent(user.id, newest)
        return [
            (
                Addressee(user.id, user.email, organization.id, organization.name),
                newest if user.notices_mailed_to is None else user.notices_mailed_to,
            )
            for user, organization in rows
        ]

    async def _due(self, to: Addressee, mailed_to: int) -> Sequence[AuditLine]:
        until_s, _pause_s = self._pauses.get(to.user, (0.0, 0.0))
        if self._now() < until_s:
            return ()
        async with self._database.reading() as tx:
            lines = await list_untold(tx, to.organization, mailed_to, self._now() - STALE_S)
        return lines if lines and self._now() - lines[-1].entry.at >= GATHER_S else ()

    async def _send(self, mail: MailConfig, to: Addressee, lines: Sequence[AuditLine]) -> None:
        try:
            written = letter(
                to, lines, sender=mail.sender, console_url=self._config.public_url, now_s=self._now()
            )
            await asyncio.to_thread(post.send, mail, written)
        except ValueError:  # one owner's odd address must not keep notices from the others
            self._pause(to, "no_address")
            return
        except post.PostError as error:
            self._pause(to, error.reason)
            return
        self._pauses.pop(to.user, None)
        await self._note_sent(to.user, lines[0].entry.id)
        self._log("mail_sent", user=to.user, notices=len(lines))

    def _pause(self, to: Addressee, reason: str) -> None:
        _until_s, pause_s = self._pauses.get(to.user, (0.0, 0.0))
        pause_s = min(max(pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._pauses[to.user] = (self._now() + pause_s, pause_s)
        self._log("mail_failed", user=to.user, reason=reason, again_s=int(pause_s))

    async def _note_sent(self, user: str, position: int) -> None:
        async with self._database.writing() as tx:
            await tx.execute(update(User).where(User.id == user).values(notices_mailed_to=position))
