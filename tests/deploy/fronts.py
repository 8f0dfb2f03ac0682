"""Caddy and nginx as child processes, with the configurations that deploy/ ships.

Only names, ports, certificates and folders are changed, and each change must find what it changes.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from sealgate.listening.certificates import TlsFiles
from sealgate.settings import Settings
from tests.deploy.installation import ROOT
from tests.up_running import wait_for

NAMES = {"console.example.com": "console", "vault.example.com": "vault", "ai.example.com": "proxy"}


class Front:
    """A running TLS-terminating proxy."""

    def __init__(self, folder: Path, command: list[str], port: int, environment: Mapping[str, str]) -> None:
        self.log = folder / "front.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_for(lambda: self._listens(port))

    def _listens(self, port: int) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)


def caddy(folder: Path, settings: Settings, port: int, tls: TlsFiles) -> Front:
    """The shipped Caddyfile; `tls` instead of certificates from an authority of the internet."""
    text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    for name, process in NAMES.items():
        site = f"https://{process}.localhost:{port} {{\n\ttls {tls.certificate} {tls.key}"
        text = _changed(text, re.escape(f"{name} {{"), site)
    text = _ports(text, settings)
    config = folder / "Caddyfile"
    config.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    return Front(folder, command, port, environment)


def nginx(folder: Path, settings: Settings, port: int, tls: TlsFiles) -> Front:
    """The shipped server blocks, inside the least that nginx needs around them."""
    text = (ROOT / "deploy" / "nginx" / "sealgate.conf").read_text()
    for name, process in NAMES.items():
        text = _changed(text, re.escape(f"server_name {name};"), f"server_name {process}.localhost;")
    listen = f"    listen 127.0.0.1:{port} ssl http2;"
    text = _changed(text, r"(?m)^    listen 443 ssl http2;", listen, count=3)
    text = _changed(text, r"ssl_certificate     \S+;", f"ssl_certificate {tls.certificate};", count=3)
    text = _changed(text, r"ssl_certificate_key \S+;", f"ssl_certificate_key {tls.key};", count=3)
    text = _changed(text, r"/var/log/nginx/sealgate\.log", str(folder / "access.log"), count=3)
    text = _ports(text, settings)
    scratch = "".join(
        f"    {each}_temp_path {folder}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off;\nuser root;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\n{scratch}{text}\n}}\n"
    )
    command = ["nginx", "-c", str(config), "-p", str(folder)]
    return Front(folder, command, port, {"PATH": "/usr/sbin:/usr/bin:/bin"})


FRONTS: Mapping[str, Callable[[Path, Settings, int, TlsFiles], Front]] = {"caddy": caddy, "nginx": nginx}


def _ports(text: str, settings: Settings) -> str:
    for usual, ours in (
        (8700, settings.console.port),
        (8701, settings.vault.port),
        (8702, settings.proxy.port),
    ):
        text = _changed(text, rf"127\.0\.0\.1:{usual}", f"127.0.0.1:{ours}")
    return text


def _changed(text: str, pattern: str, replacement: str, count: int = 1) -> str:
    changed, found = re.subn(pattern, lambda _match: replacement, text)
    assert found == count, f"{pattern} stands {found} times"
    return changed
