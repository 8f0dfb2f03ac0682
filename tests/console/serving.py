"""A console that really listens, under the name that browsers use."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from sealgate.console.config import ConsoleConfig
from sealgate.console.events import EVENTS
from sealgate.console.process import serve
from sealgate.console.seed import ApplicationSeed, OwnerSeed, Seeded, seed
from sealgate.log import LineLog
from tests.console.fake_desk import FakeDesk
from tests.console.running import PASSWORD, lay_database, make_config

OWNER = OwnerSeed("Ada Winter", "ada@example.com", PASSWORD)


class Serving(msgspec.Struct):
    """A console that listens, with one application in it."""

    config: ConsoleConfig
    desk: FakeDesk
    seeded: Seeded
    stop: asyncio.Event
    lines: io.StringIO

    @property
    def url(self) -> str:
        """Where browsers find it."""
        return self.config.public_url


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Serving]:
    """Runs until the block ends; fails if the console failed."""
    with tempfile.TemporaryDirectory(prefix="sgc") as folder:
        port = free_port()
        config = msgspec.structs.replace(
            make_config(Path(folder)),
            public_url=f"http://console.localhost:{port}",
            vault_url=f"http://vault.localhost:{port}",
            port=port,
            hosts=("console.localhost",),
        )
        application = ApplicationSeed("Larkspur Newsletter", ("https://app.larkspur.example",))
        lay_database(config.database_path)
        seeded = await asyncio.to_thread(seed, config, "Larkspur Studio", OWNER, application)
        desk = FakeDesk(config.desk_socket, config.instance, os.getuid(), config.vault_url)
        await desk.server.start()
        stop, lines = asyncio.Event(), io.StringIO()
        running = asyncio.create_task(serve(config, LineLog("console", EVENTS, lines), stop))
        await answering(config, running)
        try:
            yield Serving(config, desk, seeded, stop, lines)
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)
            await desk.server.close()


async def answering(config: ConsoleConfig, running: asyncio.Task[None]) -> None:
    """Return once the port takes connections; raises what the console raised."""
    async with asyncio.timeout(20):
        while True:
            if running.done():
                running.result()
            try:
                _reader, writer = await asyncio.open_connection(config.host, config.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
