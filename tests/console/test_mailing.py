"""Notices by e-mail, through a real SMTP server: sent once, retried, and nothing secret in them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select

from sealgate.console.accounts.models import User
from sealgate.console.audit.services import Editing
from sealgate.console.config import MailConfig
from sealgate.console.notices.mailing import FIRST_PAUSE_S, GATHER_S, LONGEST_PAUSE_S, STALE_S, Mailing
from sealgate.console.notices.services import SHOWN
from tests.console.running import Browser, Running

PASSWORD = "smtp-canary-password-7f3Q"


class Box:
    """Takes letters, or refuses with `answer`."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.answer = "250 OK"
        self.signed_in: list[bytes] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """aiosmtpd's name for it."""
        if self.answer.startswith("250"):
            self.letters.append(envelope)
        return self.answer

    def text(self) -> str:
        """Of the newest letter."""
        content = self.letters[-1].content
        assert isinstance(content, bytes)
        return content.decode()

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        """Takes the one password."""
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login)
        return AuthResult(success=data.password == PASSWORD.encode())


class Mailed(msgspec.Struct):
    """A console that mails, and the server that it mails with."""

    world: Running
    box: Box
    config: MailConfig
    mailing: Mailing

    async def look(self) -> None:
        """One turn."""
        await self.mailing.look(self.config)


@contextlib.asynccontextmanager
async def mail_server(tmp_path: Path, *, tls: str = "none") -> AsyncIterator[tuple[Box, MailConfig]]:
    box = Box()
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    loop, secured = asyncio.get_running_loop(), tls != "none"

    def protocol() -> SMTP:
        return SMTP(
            box,
            tls_context=context if secured else None,
            require_starttls=secured,
            auth_required=secured,
            authenticator=box.authenticate,
            loop=loop,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    config = MailConfig(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        sender="sealgate@example.com",
        tls=tls,
        user="" if tls == "none" else "console",
        password_file=None if tls == "none" else tmp_path / "password",
        ca_file=tmp_path / "ca.pem",
    )
    try:
        yield box, config
    finally:
        server.close()


@pytest.fixture
async def mailed(world: Running, tmp_path: Path) -> AsyncIterator[Mailed]:
    async with mail_server(tmp_path) as (box, config):
        console = world.console
        settings = msgspec.structs.replace(console.config, mail=config)
        mailing = Mailing(settings, console.database, console.bell, console.log, world.clock)
        found = Mailed(world, box, config, mailing)
        await found.look()  # owners begin now
        yield found


async def something_happens(ada: Browser) -> None:
    await ada.submit("/members/invite", {"role": "member"}, page="/members")


async def test_an_owner_gets_one_letter_for_what_happened_together(mailed: Mailed, ada: Browser) -> None:
    await something_happens(ada)
    await mailed.look()
    assert mailed.box.letters == [], "it waits for others"
    await something_happens(ada)
    mailed.world.clock.now_s += GATHER_S
    await mailed.look()
    await mailed.look()
    assert [each.rcpt_tos for each in mailed.box.letters] == [["ada@example.com"]]
    text = mailed.box.text()
    assert "Subject: Sealgate: 2 changes in Analytical" in text
    assert text.count("Ada invited a new member") == 2
    assert "https://console.test/notices" in text
    assert "Auto-Submitted: auto-generated" in text


async def test_every_owner_gets_it_and_no_member_and_nobody_elsewhere(mailed: Mailed, ada: Browser) -> None:
    world = mailed.world
    await world.owner("eve@example.com", "Elsewhere")
    await world.owner("mia@example.com", "Also", role="member")
    await mailed.look()
    await something_happens(ada)
    world.clock.now_s += GATHER_S
    await mailed.look()
    assert [each.rcpt_tos for each in mailed.box.letters] == [["ada@example.com"]]


async def test_a_server_that_refuses_is_tried_again_ever_more_rarely_and_nothing_is_lost(
    mailed: Mailed, ada: Browser
) -> None:
    clock = mailed.world.clock
    await something_happens(ada)
    clock.now_s += GATHER_S
    mailed.box.answer = "451 come back later, ada@example.com"
    await mailed.look()
    lines = mailed.world.lines.getvalue()
    assert "mail_failed" in lines
    assert "ada@example.com" not in lines, "the server's words are not kept"
    mailed.box.answer = "250 OK"
    await mailed.look()
    assert mailed.box.letters == [], "not before its pause is over"
    clock.now_s += FIRST_PAUSE_S
    await mailed.look()
    assert len(mailed.box.letters) == 1
    assert LONGEST_PAUSE_S < STALE_S


async def test_a_console_that_was_started_anew_sends_what_it_had_not(mailed: Mailed, ada: Browser) -> None:
    await something_happens(ada)
    mailed.world.clock.now_s += GATHER_S
    console = mailed.world.console
    settings = msgspec.structs.replace(console.config, mail=mailed.config)
    await Mailing(settings, console.database, console.bell, console.log, mailed.world.clock).look(
        mailed.config
    )
    assert len(mailed.box.letters) == 1


async def test_what_is_a_week_old_is_not_sent_any_more(mailed: Mailed, ada: Browser) -> None:
    await something_happens(ada)
    mailed.world.clock.now_s += STALE_S + 1
    await mailed.look()
    assert mailed.box.letters == []


async def test_nobody_hides_a_notice_behind_a_hundred_others(mailed: Mailed, ada: Browser) -> None:
    world = mailed.world
    async with world.console.database.writing() as tx:
        user = (await tx.scalars(select(User))).one()
        edit = Editing(tx, user.organization_id, user.id, world.clock())
        await edit.record("credential.deposited", "https://first.example")
        for number in range(SHOWN + 5):
            await edit.record("token.revoked", f"token {number}")
    world.clock.now_s += GATHER_S
    for _ in range(3):
        await mailed.look()
    first, second = (each.content for each in mailed.box.letters)
    assert isinstance(first, bytes)
    assert isinstance(second, bytes)
    assert b"https://first.example" in first
    assert (first.count(b"revoked the"), second.count(b"revoked the")) == (SHOWN - 1, 6)


@pytest.mark.parametrize(
    "odd",
    [
        "a@[x.example",
        "a,b@x.example",
        "(@x.example",
        "a:b@x.example",
        "=?utf-8?q?a?=@x.example",
        "<a@x.example",
    ],
)
async def test_an_owner_with_an_odd_address_keeps_no_letter_from_others_and_gets_none(
    mailed: Mailed, ada: Browser, odd: str
) -> None:
    world = mailed.world
    for other in (odd, "bea@example.com"):
        await world.owner(other, "Elsewhere")
    async with world.console.database.writing() as tx:
        first = (await tx.scalars(select(User).where(User.email == "ada@example.com"))).one()
        for user in await tx.scalars(select(User)):
            user.organization_id = first.organization_id
    await mailed.look()
    await something_happens(ada)
    world.clock.now_s += GATHER_S
    await mailed.look()
    told = sorted(each.rcpt_tos for each in mailed.box.letters)
    assert told == [["ada@example.com"], ["bea@example.com"]]
    assert "no_address" in world.lines.getvalue()


async def test_a_server_that_is_away_is_said_and_the_pages_go_on(
    world: Running, ada: Browser, tmp_path: Path
) -> None:
    async with mail_server(tmp_path) as (_box, config):
        pass
    console = world.console
    settings = msgspec.structs.replace(console.config, mail=config)
    mailing = Mailing(settings, console.database, console.bell, console.log, world.clock)
    await mailing.look(config)
    await something_happens(ada)
    world.clock.now_s += GATHER_S
    await mailing.look(config)
    assert "ConnectionRefusedError" in world.lines.getvalue()
    async with console.database.reading() as tx:
        assert (await tx.scalars(select(User.notices_mailed_to))).one() is not None


async def test_over_starttls_it_signs_in_and_the_password_stands_nowhere_else(
    world: Running, ada: Browser, tmp_path: Path
) -> None:
    async with mail_server(tmp_path, tls="starttls") as (box, config):
        console = world.console
        settings = msgspec.structs.replace(console.config, mail=config)
        mailing = Mailing(settings, console.database, console.bell, console.log, world.clock)
        await mailing.look(config)
        await something_happens(ada)
        world.clock.now_s += GATHER_S
        await mailing.look(config)
        assert box.signed_in == [b"console"], world.lines.getvalue()
        assert len(box.letters) == 1
    assert PASSWORD not in world.lines.getvalue() + repr(config) + box.text()
    for file in console.config.data_dir.rglob("*"):
        assert PASSWORD.encode() not in file.read_bytes()


async def test_a_certificate_that_does_not_verify_gets_no_letter_and_no_password(
    world: Running, ada: Browser, tmp_path: Path
) -> None:
    async with mail_server(tmp_path, tls="starttls") as (box, config):
        console = world.console
        stranger = msgspec.structs.replace(config, ca_file=None)
        settings = msgspec.structs.replace(console.config, mail=stranger)
        mailing = Mailing(settings, console.database, console.bell, console.log, world.clock)
        await mailing.look(stranger)
        await something_happens(ada)
        world.clock.now_s += GATHER_S
        await mailing.look(stranger)
        assert (box.letters, box.signed_in) == ([], [])
    assert "certificate" in world.lines.getvalue()
