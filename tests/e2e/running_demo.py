"""A real demo, started by its real command, and what a test may know of it from outside.

Ports are free ones; files lie in a folder of the test. Processes are found by the ids in the demo's own log.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sealgate import settings as settings_file
from sealgate.session import SessionSigner, SigningKey

START_S = 120.0
PORTS = ("console", "vault", "proxy", "admin", "newsletter", "simulator", "control", "vault-admin")


class RunningDemo:
    """`sealgate demo` as a child process."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.environment = folder, environment or {}
        self.output = folder.parent / f"{folder.name}.out"
        self._process: subprocess.Popen[bytes] | None = None
        self._readers = itertools.count(1)

    def start(self, *arguments: str) -> None:
        """Start and wait until every address is printed."""
        ports = [word for name in PORTS for word in (f"--{name}-port", "0")]
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sealgate", "demo", "--data", str(self.folder), *ports, *arguments],
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: "Try first" in self.output.read_text() or self._exited(), START_S)
        assert not self._exited(), self.output.read_text()

    def stop(self) -> None:
        """Ctrl-C, and wait for the drain."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def _exited(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    @property
    def settings(self) -> settings_file.Settings:
        """The settings that the processes run with."""
        return settings_file.load(self.folder / "sealgate.toml")

    @property
    def owner_password(self) -> str:
        """What the demo printed."""
        return str(self._kept()["owner_password"])

    @property
    def application(self) -> str:
        """Id of the seeded application."""
        return str(self._newsletter()["application"])

    @property
    def newsletter_url(self) -> str:
        """The demo host application."""
        return str(self._newsletter()["public_url"])

    @property
    def proxy_url(self) -> str:
        """The proxy as SDKs reach it."""
        return f"http://127.0.0.1:{self.settings.proxy.port}"

    def signer(self, application: str | None = None, key: SigningKey | None = None) -> SessionSigner:
        """Mints session tokens as the demo host application does."""
        newsletter = self._newsletter()
        kept = SigningKey.from_pem(
            Path(str(newsletter["signing_key_path"])).read_text(), str(newsletter["signing_key_id"])
        )
        return SessionSigner(application or self.application, str(newsletter["instance"]), key or kept)

    def token(self, user: str = "", permissions: tuple[str, ...] = ("api:*", "action:*")) -> str:
        """A session token for the seeded application; of somebody new where nobody is named.

        Whoever is named by many tests has used up a minute's requests before the last of them.
        """
        return self.signer().token(user or f"reader-{next(self._readers)}", permissions)

    def pid(self, program: str) -> int:
        """Process id of the newest start of a program."""
        found = re.findall(rf"program\.started program={program} pid=(\d+)", self.log())
        return int(found[-1])

    def kill(self, program: str, number: int = signal.SIGKILL) -> None:
        """End a process of this demo, by its id."""
        os.kill(self.pid(program), number)

    def log(self) -> str:
        """Every log line so far."""
        return (self.folder / "demo.log").read_text()

    def calls(self) -> list[dict[str, Any]]:
        """What the simulated provider saw: start, end and who ended it; no content."""
        control = int(re.findall(r"control_port=(\d+)", self.log())[-1])
        with urllib.request.urlopen(f"http://127.0.0.1:{control}/calls", timeout=5) as answer:
            body = json.loads(answer.read())
        return list(body["calls"] if isinstance(body, dict) else body)

    def admin(self, path: str) -> tuple[int, Any]:
        """(status, decoded JSON) of an admin page of the proxy."""
        url = f"http://127.0.0.1:{self.settings.proxy.admin_port}{path}"
        with contextlib.closing(urllib.request.urlopen(url, timeout=5)) as answer:
            return answer.status, json.loads(answer.read())

    def usage(self) -> list[sqlite3.Row]:
        """Every usage row that the console has counted, oldest first."""
        with contextlib.closing(sqlite3.connect(self.folder / "console" / "console.db")) as database:
            database.row_factory = sqlite3.Row
            return database.execute("select * from usage order by started_at, sequence").fetchall()

    def _newsletter(self) -> dict[str, object]:
        return dict(json.loads((self.folder / "newsletter.json").read_bytes()))

    def _kept(self) -> dict[str, object]:
        return dict(json.loads((self.folder / "demo.json").read_bytes()))


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.02)


@contextlib.contextmanager
def demo_in(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[RunningDemo]:
    """A demo that is stopped at the end; its `environment` holds settings that differ."""
    demo = RunningDemo(folder, environment)
    try:
        demo.start(*arguments)
        yield demo
    finally:
        demo.stop()
