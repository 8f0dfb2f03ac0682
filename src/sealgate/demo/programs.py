"""The demo's processes as the supervisor starts them: the same commands that an administrator would type.

Every process writes its temporary files into the demo's folder, so that the hunt sees all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

import sealgate
from sealgate.demo.house import House, write_private
from sealgate.supervisor import Probe, Program

LOOPBACK = "127.0.0.1"


def programs(house: House) -> Mapping[str, Program]:
    """Name → program, in the order in which they are started; no simulator where the provider is real."""
    ports = house.ports
    simulators = {"simulator": _simulator(house)} if house.provider.simulated else {}
    return simulators | {
        "vault": _server(house, "vault", ports.vault, "vault.localhost"),
        "console": _server(house, "console", ports.console, "console.localhost"),
        "proxy": _server(house, "proxy", ports.admin, "localhost", "/-/connected"),
        "newsletter": Program(
            "newsletter",
            (
                *(sys.executable, "-m", "sealgate.demo.host", str(newsletter_folder() / "app.py")),
                *("--config", str(house.folder / "newsletter.json")),
            ),
            Probe(LOOPBACK, ports.newsletter, "/healthz", "newsletter.localhost"),
        ),
    }


def _simulator(house: House) -> Program:
    ports = house.ports
    argv = _sealgate(
        *("simulator", "--port", str(ports.simulator), "--control-port", str(ports.control)),
        *("--certificates", str(house.simulator_folder)),
    )
    return Program("simulator", argv, Probe(LOOPBACK, ports.control, "/calls", "localhost"))


def newsletter_folder() -> Path:
    """Where the demo host application lies: in a clone beside `src`, in a wheel inside the package."""
    package = Path(sealgate.__file__).parent
    inside = package / "examples" / "newsletter"
    return inside if inside.is_dir() else package.parent.parent / "examples" / "newsletter"


def write_newsletter_config(house: House, application: str) -> None:
    """The demo host application's own configuration file."""
    config = {
        "listen_host": LOOPBACK,
        "listen_port": house.ports.newsletter,
        "public_url": house.newsletter_url,
        "proxy_url": house.settings.proxy.url,
        "application": application,
        "instance": house.kept.instance,
        "signing_key_path": str(house.signing_key_path),
        "signing_key_id": house.kept.session_kid,
    }
    write_private(house.folder / "newsletter.json", msgspec.json.format(msgspec.json.encode(config)).decode())


def _server(house: House, name: str, port: int, host: str, path: str = "/healthz") -> Program:
    argv = _sealgate("run", name, "--config", str(house.settings_path))
    return Program(name, argv, Probe(LOOPBACK, port, path, host))


def _sealgate(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "sealgate", *words)
