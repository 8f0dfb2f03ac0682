"""The real store for tests: Debian's redis-server, or valkey-server, on a socket in a short folder."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealgate.proxy.store_wire import Reply, ReplyReader, command


class RedisServer:
    """One server; `kill` and `start` as often as a test likes. What it holds is gone with it."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder, self._more = folder, more
        self.path = folder / "store.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program is not None
        options = ("--port", "0", "--unixsocket", str(self.path), "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(
            [program, *options, "--dir", str(self.folder), *self._more], stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < end
            time.sleep(0.005)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.path.unlink(missing_ok=True)

    def pause(self) -> None:
        """It hangs: alive, and silent."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def asked(self, *parts: str) -> Reply:
        """One command, as a person with `redis-cli` would give it."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        replies, found = ReplyReader(), list[Reply]()
        writer.write(command(parts))
        while not found:
            data = await reader.read(1 << 16)
            assert data
            found = replies.feed(data)
        writer.close()
        return found[0]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(str(self.path))
            except OSError:
                return False
            asking.sendall(b"PING\r\n")
            return bool(asking.recv(64))


@contextmanager
def a_redis_server(*more: str) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="sgr") as folder:  # socket paths are bounded
        server = RedisServer(Path(folder), *more)
        server.start()
        try:
            yield server
        finally:
            server.kill()
