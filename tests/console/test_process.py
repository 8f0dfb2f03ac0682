"""The whole process: it listens, serves the feed, drains, and says what is wrong before it starts."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import msgspec
import pytest

from sealgate.console.config import ConsoleConfig
from sealgate.console.database import migrate
from sealgate.console.events import EVENTS
from sealgate.console.notices.mailing import Mailing
from sealgate.console.process import serve
from sealgate.log import LineLog
from tests.console.running import make_config
from tests.console.serving import free_port, serving

PROGRAM = """
import sys, msgspec
from pathlib import Path
from sealgate.console.config import ConsoleConfig
from sealgate.console.process import run
def from_json(kind, value):
    return Path(value) if kind is Path else value
run(msgspec.json.decode(sys.argv[1], type=ConsoleConfig, dec_hook=from_json))
"""


async def test_it_answers_serves_the_feed_and_drains() -> None:
    async with serving() as world:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.config.port}") as client:
            answer = await client.get("/sign-in", headers={"host": f"console.localhost:{world.config.port}"})
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert world.config.feed_socket.is_socket()
    assert not world.config.feed_socket.exists()
    lines = world.lines.getvalue()
    assert f"started host=127.0.0.1 port={world.config.port} url=http://console.localhost:" in lines
    assert lines.endswith("stopped\n")
    assert "GET /" not in lines


async def test_a_port_that_is_taken_is_an_os_error_before_anything_is_served(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = msgspec.structs.replace(make_config(tmp_path), port=int(taken.getsockname()[1]))
        migrate(config.database_path)
        with pytest.raises(OSError, match="in use"):
            await serve(config, LineLog("console", EVENTS, io.StringIO()), asyncio.Event())
        assert not config.feed_socket.exists()


async def test_a_part_that_ends_by_itself_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(_mailing: Mailing) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Mailing, "run", dies)
    async with serving() as world, asyncio.timeout(10):
        while "task_failed" not in world.lines.getvalue():
            await asyncio.sleep(0.01)
        assert "error console task_failed kind=RuntimeError where=" in world.lines.getvalue()
        assert "canary" not in world.lines.getvalue()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(sent: signal.Signals) -> None:
    with tempfile.TemporaryDirectory(prefix="sgc") as folder:
        config = msgspec.structs.replace(make_config(Path(folder)), port=free_port())
        encoded = msgspec.json.encode(config, enc_hook=str).decode()
        command = [sys.executable, "-c", PROGRAM, encoded]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                lines = [process.stderr.readline(), process.stderr.readline()]
                assert "migrated revision=" in lines[0]
                assert "started" in lines[1]
                with socket.create_connection(("127.0.0.1", config.port), timeout=10) as visitor:
                    visitor.sendall(b"NOT HTTP canary\r\n\r\n")
                    assert visitor.recv(100).startswith(b"HTTP/1.1 400")
                process.send_signal(sent)
                _out, rest = process.communicate(timeout=20)
            finally:
                process.kill()
        assert process.returncode == 0
        assert "stopped" in rest
        assert all(" console " in line for line in rest.splitlines()), "nobody but the log writes"
        assert "canary" not in rest


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"port": 70_000}, "port is 70000"),
        ({"public_url": "console.example"}, "public_url is 'console.example'"),
        ({"public_url": "https://console.example/"}, "write an origin such as"),
        ({"vault_url": "https://me@vault.example"}, "vault_url is"),
        ({"proxy_url": "ftp://proxy.example"}, "proxy_url is"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_a_hint(changed: dict[str, object], words: str) -> None:
    good = make_config(Path("/tmp/x"))
    with pytest.raises(ValueError, match="hint") as caught:
        ConsoleConfig(**{**{name: getattr(good, name) for name in good.__struct_fields__}, **changed})
    assert words in str(caught.value)
