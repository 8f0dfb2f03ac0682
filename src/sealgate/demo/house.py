"""What the demo keeps in its folder: settings, the demo people's secrets, and one folder for each process.

A second start finds everything again. Files with secrets have mode 0600; the provider key is in none of them.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from sealgate import settings as settings_file
from sealgate.demo.ports import Ports
from sealgate.demo.provider import DemoProvider, simulated
from sealgate.ids import new_id
from sealgate.messages.server import SocketPathError, check_socket_path
from sealgate.session import SigningKey
from sealgate.settings import (
    ConsoleSettings,
    DestinationSettings,
    EgressSettings,
    ProxySettings,
    Settings,
    VaultSettings,
)

OWNER_EMAIL = "owner@example.com"
OWNER_NAME = "Ada Owner"
ORGANIZATION = "Larkspur Media"
APPLICATION = "Larkspur newsletters"


class DemoFolderError(RuntimeError):
    """The folder cannot hold a demo. The message has a hint."""


class Kept(Struct, forbid_unknown_fields=True):
    """What must be the same at the next start. Has no text form: it holds the demo owner's password."""

    instance: str
    proxy: str
    session_kid: str
    owner_password: str
    ports: Ports | None = None

    def __repr__(self) -> str:
        return "<Kept>"


class House(Struct, frozen=True):
    """One demo: its folder, its ports, and what it keeps."""

    folder: Path
    ports: Ports
    kept: Kept
    settings: Settings
    provider: DemoProvider

    @property
    def settings_path(self) -> Path:
        """The file that each process is started with."""
        return self.folder / "sealgate.toml"

    @property
    def simulator_folder(self) -> Path:
        """Certificates of the simulated provider."""
        return self.folder / "simulator"

    @property
    def newsletter_url(self) -> str:
        """The demo host application."""
        return f"http://newsletter.localhost:{self.ports.newsletter}"

    @property
    def signing_key_path(self) -> Path:
        """The host application's own secret: its session signing key (PEM)."""
        return self.folder / "newsletter" / "session-key.pem"

    def signing_key(self) -> SigningKey:
        """The key that the demo host application signs session tokens with."""
        return SigningKey.from_pem(self.signing_key_path.read_text(), self.kept.session_kid)


def open_house(folder: Path, ports: Ports, provider: DemoProvider | None = None) -> House:
    """Make the folder ready, or find it again; the provider is the simulated one unless another is given.

    Raises `DemoFolderError`.
    """
    provider = provider or simulated(ports)
    folder = folder.resolve() / provider.folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("run", "tmp", "newsletter", "simulator"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        check_socket_path(folder / "run" / "vault-opener.sock")
        kept = _kept(folder / "demo.json")
    except SocketPathError as error:
        raise DemoFolderError(f"{error}: use --data with a shorter path") from error
    except OSError as error:
        msg = f"cannot use {folder}: {error.strerror}. hint: choose another folder with --data"
        raise DemoFolderError(msg) from error
    if kept.ports != ports:
        kept = msgspec.structs.replace(kept, ports=ports)
        write_private(folder / "demo.json", msgspec.json.encode(kept).decode())
    house = House(folder, ports, kept, _settings(folder, ports, kept, provider), provider)
    if not house.signing_key_path.exists():
        write_private(house.signing_key_path, SigningKey.generate(kept.session_kid).to_pem())
    settings_file.write(house.settings, house.settings_path)
    return house


def last_ports(folder: Path) -> Ports | None:
    """Those of the last start in this folder; nothing if there was none, or its file cannot be read."""
    try:
        return msgspec.json.decode((folder / "demo.json").read_bytes(), type=Kept).ports
    except (OSError, msgspec.DecodeError):
        return None


def _kept(path: Path) -> Kept:
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Kept)
        except msgspec.DecodeError as error:
            msg = f"{path} cannot be read: {error}. hint: delete the folder to start the demo anew"
            raise DemoFolderError(msg) from error
    kept = Kept(
        instance=new_id("inst"),
        proxy=new_id("prx"),
        session_kid=new_id("key"),
        owner_password="-".join(secrets.token_hex(2) for _ in range(4)),
    )
    write_private(path, msgspec.json.encode(kept).decode())
    return kept


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_text(text)
    scratch.replace(path)


def _settings(folder: Path, ports: Ports, kept: Kept, provider: DemoProvider) -> Settings:
    # OpenAI is built in, and its certificate is checked with the system's store.
    destinations: tuple[DestinationSettings, ...] = ()
    ca_file = ""
    if provider.simulated:
        destinations = (DestinationSettings("openai", provider.origin, "Simulated OpenAI (this machine)"),)
        ca_file = str(folder / "simulator" / "authority.pem")
    return Settings(
        instance=kept.instance,
        data_dir=str(folder),
        runtime_dir=str(folder / "run"),
        vault=VaultSettings(
            port=ports.vault,
            admin_port=ports.vault_admin,
            url=f"http://vault.localhost:{ports.vault}",
            destinations=destinations,
        ),
        console=ConsoleSettings(port=ports.console, url=f"http://console.localhost:{ports.console}"),
        proxy=ProxySettings(
            port=ports.proxy,
            admin_port=ports.admin,
            url=f"http://proxy.localhost:{ports.proxy}",
            id=kept.proxy,
        ),
        egress=EgressSettings(ca_file=ca_file),
    )
