"""`sealgate up` as a child process, in a folder of its own on free ports: what tests of operations share."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import tomli_w

from sealgate import settings as settings_file

START_S = 150.0
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SEALGATE_")}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def local_settings(folder: Path, **changes: Mapping[str, object]) -> dict[str, Any]:
    """Settings on free ports of loopback; `changes` are merged into their sections."""
    vault, console, proxy, admin, vault_admin = free_ports(5)
    sections: dict[str, dict[str, object]] = {
        "vault": {"port": vault, "admin_port": vault_admin, "url": f"http://vault.localhost:{vault}"},
        "console": {"port": console, "url": f"http://console.localhost:{console}"},
        "proxy": {"port": proxy, "admin_port": admin, "url": f"http://proxy.localhost:{proxy}"},
    }
    for name, change in changes.items():
        sections.setdefault(name, {}).update(change)
    return {"data_dir": str(folder / "data"), **sections}


def wait_for(condition: Callable[[], object], seconds: float = START_S) -> None:
    """Wait until the condition holds; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.02)


class RunningUp:
    """One installation under `sealgate up`."""

    def __init__(self, folder: Path, raw: Mapping[str, object] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "sealgate.toml"
        if raw is not None or not self.config.exists():
            self.config.write_text(tomli_w.dumps(raw or local_settings(folder)))
        self.said = folder / "said"
        self.logged = folder / "logged"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its data folder."""
        return Path(self.settings.data_dir)

    @property
    def settings(self) -> settings_file.Settings:
        """As read, without ids where they are not made yet."""
        return settings_file.read(self.config, {})

    @property
    def identified(self) -> settings_file.Settings:
        """With ids."""
        return settings_file.load(self.config, {})

    def spawn(self, *prefix: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start, and do not wait."""
        with self.said.open("wb") as said, self.logged.open("wb") as logged:
            self._process = subprocess.Popen(
                self._command(*prefix),
                stdout=said,
                stderr=logged,
                env={**CLEAN, **(environment or {})},
                start_new_session=True,
            )
        return self._process

    def _command(self, *prefix: str) -> list[str]:
        return [*prefix, sys.executable, "-m", "sealgate", "up", "--config", str(self.config)]

    def start(self, *prefix: str) -> None:
        """Start, and wait until it says that it runs."""
        process = self.spawn(*prefix)
        wait_for(lambda: "Sealgate runs" in self.said.read_text() or process.poll() is not None)
        assert process.poll() is None, self.logged.read_text()

    def refused(self, *prefix: str, environment: Mapping[str, str] | None = None) -> str:
        """Start, expect a refusal, and give what it says."""
        ended = subprocess.run(
            self._command(*prefix),
            check=False,
            capture_output=True,  # not files of ours: a limit on their size would hold for them too
            text=True,
            timeout=START_S,
            env={**CLEAN, **(environment or {})},
        )
        text = ended.stderr
        assert ended.returncode not in (0, None), text
        assert "Traceback" not in text, text
        assert not ended.stdout
        return text

    def ctrl_c(self) -> None:
        """As a terminal does: the whole group hears it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGINT)

    def stop(self) -> int:
        """As systemd stops it; gives the exit code."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def kill(self) -> None:
        """As a crash ends it: nobody is told. Its processes end by themselves."""
        assert self._process is not None
        pids = self.pids()
        self._process.kill()
        self._process.wait(10)
        wait_for(lambda: not any(alive(pid) for pid in pids))

    def pids(self) -> list[int]:
        """Processes that it started."""
        return [
            int(pid) for pid in re.findall(r"program\.started program=\w+ pid=(\d+)", self.logged.read_text())
        ]

    def pid(self, program: str) -> int:
        """The newest process of a program."""
        found = re.findall(rf"program\.started program={program} pid=(\d+)", self.logged.read_text())
        return int(found[-1])


def alive(pid: int) -> bool:
    """True while a process runs (a zombie does not)."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def up_in(folder: Path, raw: Mapping[str, object] | None = None) -> Iterator[RunningUp]:
    """An installation that runs, and is stopped at the end."""
    running = RunningUp(folder, raw)
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Page(msgspec.Struct):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(url: str, *, port: int | None = None, authority: Path | None = None, **headers: str) -> Page:
    """GET from this machine, whatever the name; `authority` is what its certificate is checked against."""
    parts = urlsplit(url)
    assert parts.hostname
    port = port or parts.port or 443
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.sock = context.wrap_socket(plain, server_hostname=parts.hostname)
    with contextlib.closing(connection):
        connection.request("GET", parts.path or "/", headers={"host": parts.netloc, **headers})
        answer = connection.getresponse()
        return Page(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
