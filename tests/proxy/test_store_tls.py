"""A limit store as on another machine: TLS, a user with the rights of the guide, a password's file."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.proxy.test_store import DAY, STREAMS, a_house, until_paid
from tests.proxy.world import until

pytestmark = pytest.mark.redis

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "many-hosts.md"
PASSWORD = "correct-horse-battery"


def rights() -> list[str]:
    """The rights of the store's user, as the guide names them."""
    text = " ".join(GUIDE.read_text().split())
    sentence = text[text.index("The user needs the commands") :].partition("keys `sg:*`")[0]
    words = " ".join(re.findall(r"`([A-Z ]+)`", sentence)).replace("SCRIPT LOAD", "SCRIPT|LOAD")
    return ["-@all", *(f"+{word.lower()}" for word in words.split()), "~sg:*"]


class Guarded:
    """A store behind TLS, with its authority's file and a user `sealgate`."""

    def __init__(self, server: RedisServer, folder: Path, port: int) -> None:
        self.server, self.folder, self.port = server, folder, port
        self.password_file = folder / "password"

    @property
    def address(self) -> str:
        return f"rediss://localhost:{self.port}"

    async def let_in(self, *rights: str, password: str = PASSWORD) -> None:
        self.password_file.write_text(f"{password}\n")
        rule = ("reset", "on", f">{password}", *rights)
        assert await self.server.asked("ACL", "SETUSER", "sealgate", *rule) == b"OK"

    def config(self, **changes: Any) -> dict[str, Any]:
        ours = {"address": self.address, "user": "sealgate", "password_file": self.password_file}
        return {**ours, "ca_file": self.folder / "authority.pem", **changes}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("store")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "stranger.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tls = {"tls-port": port, "tls-cert-file": folder / "certificate.pem", "tls-key-file": folder / "key.pem"}
    more = {"tls-ca-cert-file": folder / "authority.pem", "tls-auth-clients": "no", "bind": "127.0.0.1"}
    options = [word for name, value in (tls | more).items() for word in (f"--{name}", str(value))]
    with a_redis_server(*options) as server:
        yield Guarded(server, folder, port)


async def test_processes_count_together_over_tls_with_the_rights_that_the_guide_names(
    guarded: Guarded,
) -> None:
    await guarded.let_in(*rights())
    async with a_house(guarded.server) as house:
        one, other = await house.process(**guarded.config()), await house.process(**guarded.config())
        held = await one.hold(DAY, STREAMS, of=60)
        assert (await other.refusal(DAY, of=41)).left == [40]
        assert await one.extend(held, 40)
        one.settle(held, 10)
        await until_paid(one)
        await other.hold(DAY, of=90)
        one.die()
        assert PASSWORD not in one.log.getvalue()
        again = await house.process(**guarded.config())
        assert (await again.refusal(DAY, of=1)).left == [0]
        await asyncio.gather(again.counts.close(), other.counts.close())


async def test_a_store_that_shows_another_certificate_hears_no_password(guarded: Guarded) -> None:
    await guarded.let_in(*rights())
    before = await logins(guarded)
    async with a_house(guarded.server) as house:
        strange = guarded.config(ca_file=guarded.folder / "stranger.pem")
        unnamed = guarded.config(address=f"rediss://127.0.0.1:{guarded.port}")
        for config in (strange, unnamed):
            process = await house.process(connected=False, **config)
            await until(lambda process=process: "SSLCertVerificationError" in process.log.getvalue())  # type: ignore[misc]
            assert not process.counts.connected
    assert await logins(guarded) == before


async def logins(guarded: Guarded) -> bytes:
    """How often anybody tried to sign in."""
    found = await guarded.server.asked("INFO", "commandstats")
    assert isinstance(found, bytes)
    return next((line for line in found.split(b"\r\n") if line.startswith(b"cmdstat_auth:")), b"").split(
        b","
    )[0]


async def test_a_password_that_changes_is_read_at_the_next_connection(guarded: Guarded) -> None:
    await guarded.let_in(*rights())
    async with a_house(guarded.server) as house:
        one = await house.process(**guarded.config())
        await guarded.let_in(*rights(), password="another-horse")
        await guarded.server.asked("CLIENT", "KILL", "USER", "sealgate")
        await until(lambda: "limit_store_lost" in one.log.getvalue())
        await until(lambda: one.counts.connected)
        await one.hold(DAY)


@pytest.mark.parametrize("lacking", ["+evalsha", "~sg:*", "+script|load"])
async def test_a_user_that_lacks_a_right_is_said_once_and_as_good_as_no_store(
    guarded: Guarded, lacking: str
) -> None:
    await guarded.let_in(*(each for each in rights() if each != lacking))
    async with a_house(guarded.server) as house:
        one = await house.process(connected=False, **guarded.config(timeout_s=5.0))
        await until(lambda: "NOPERM" in one.log.getvalue())
        for _ in range(3):
            await one.hold(DAY, of=10)
        assert one.counts.alone == 3, "each way as it was declared"
        assert one.log.getvalue().count("limit_store_lost") == 1
        assert "limit_store_connected" not in one.log.getvalue()
        await guarded.let_in(*rights())
        await until(lambda: "limit_store_connected" in one.log.getvalue())
        assert (await one.refusal(DAY, of=71)).left == [70], "what was held meanwhile is stated"


async def test_a_right_that_only_counting_needs_is_missed_without_a_storm(guarded: Guarded) -> None:
    await guarded.let_in(*(each for each in rights() if each != "+hincrby"))
    async with a_house(guarded.server) as house:
        one = await house.process(**guarded.config(timeout_s=5.0))
        for _ in range(200):
            one.settle(await one.hold(DAY, of=1), 0, requests=0)
        await until(lambda: "limit_store_lost" in one.log.getvalue())
        assert one.counts.alone > 150, "each way as it was declared"
        assert one.log.getvalue().count("limit_store_lost") < 5
