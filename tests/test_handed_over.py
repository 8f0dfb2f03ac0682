"""A proxy on a socket that was handed over: who connects while it is away waits, and is answered."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import tomli_w

from sealgate.cli import EX_CONFIG
from tests.proxy.redis_server import a_redis_server
from tests.up_running import CLEAN, local_settings

SEALGATE = (sys.executable, "-m", "sealgate")
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2])
os.execv(sys.executable, sys.argv[3:])
"""
"""What sd_listen_fds(3) tells a process."""


def prepared(folder: Path, **changes: Mapping[str, object]) -> Path:
    """Settings of an installation that was prepared; nothing of it runs."""
    path = folder / "sealgate.toml"
    path.write_text(tomli_w.dumps(local_settings(folder, **changes)))
    subprocess.run([*SEALGATE, "prepare", "--config", str(path)], check=True, env=CLEAN, capture_output=True)
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("handed"))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as found:
        yield found


class Proxy:
    """`sealgate run proxy` as systemd starts it, with this socket."""

    def __init__(self, settings: Path, given: socket.socket, port: int, count: str = "1") -> None:
        command = (*SEALGATE, "run", "proxy", "--config", str(settings))
        self.process = subprocess.Popen(
            (sys.executable, "-c", AS_SYSTEMD, str(given.fileno()), count, *command),
            pass_fds=(given.fileno(),),
            env={**CLEAN, "SEALGATE_PROXY_PORT": str(port)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=60)[1]


def asked(port: int) -> http.client.HTTPConnection:
    """A request on a connection of its own, not answered yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/v1/models", headers={"host": f"localhost:{port}"})
    return connection


def status(connection: http.client.HTTPConnection) -> int:
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_who_asks_while_the_proxy_is_away_is_answered_by_the_next(
    settings: Path, listening: socket.socket
) -> None:
    port = int(listening.getsockname()[1])
    early = asked(port)
    first = Proxy(settings, listening, port)
    assert status(early) == 401  # a session is wanted: it is the proxy that answers
    first.stop()
    between = asked(port)
    first.process.wait(1)
    second = Proxy(settings, listening, port)
    assert status(between) == 401
    second.process.kill()
    second.process.communicate()
    after_a_crash = asked(port)
    third = Proxy(settings, listening, port)
    assert status(after_a_crash) == 401
    third.stop()


@pytest.mark.redis
def test_workers_share_what_was_handed_over(tmp_path: Path, listening: socket.socket) -> None:
    port = int(listening.getsockname()[1])
    with a_redis_server() as server:
        proxy = Proxy(prepared(tmp_path, limits={"store": server.address}), listening, port)
        assert status(asked(port)) == 401
        assert "workers.listening" in proxy.stop()


@pytest.mark.parametrize("what", ["another port", "another address", "not listening", "two"])
def test_what_the_settings_do_not_name_is_refused_with_a_hint(
    settings: Path, listening: socket.socket, what: str
) -> None:
    port = int(listening.getsockname()[1])
    with socket.socket() as other:
        if what == "another address":
            other.bind(("127.0.0.2", port))
            other.listen()
        given = other if what in {"another address", "not listening"} else listening
        named = port + 1 if what == "another port" else port
        proxy = Proxy(settings, given, named, "2" if what == "two" else "1")
        said = proxy.process.communicate(timeout=60)[1]
    assert proxy.process.returncode == EX_CONFIG
    assert "hint: give the socket unit one ListenStream" in said
    assert "Traceback" not in said
