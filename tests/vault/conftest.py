"""Fixtures of the vault's tests: folders, a clock, a log, a running vault, keepers of KEKs."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.loaders import Loader
from moto.kms.utils import generate_private_key
from moto.server import ThreadedMotoServer

from sealgate.vault import rewrapping
from sealgate.vault.config import VaultConfig
from sealgate.vault.kek_config import KekConfig
from tests.conftest import SOFTHSM
from tests.vault.deployment import Addresses, Clock, Deployment, running, vault_config, write_assets
from tests.vault.keepers import PATIENCE_S, TOKEN


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short, private folder: a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sgv") as name:
        yield Path(name)


@pytest.fixture
def config(folder: Path) -> VaultConfig:
    return vault_config(folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    write_assets(tmp_path)
    return tmp_path


@pytest.fixture
def at() -> Addresses:
    return Addresses()


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> KekConfig:
    """How to reach a token of this run's own: SoftHSM reads its configuration once in a process."""
    folder, pin, so_pin = tmp_path_factory.mktemp("softhsm"), secrets.token_hex(8), secrets.token_hex(8)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
    )
    (folder / "pin").write_text(pin + "\n")
    (folder / "pin").chmod(0o400)
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    argv = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", pin, "--so-pin", so_pin]
    subprocess.run(argv, check=True, capture_output=True)
    return KekConfig(
        provider="pkcs11",
        pkcs11_module=str(SOFTHSM),
        pkcs11_token=TOKEN,
        pkcs11_pin_file=str(folder / "pin"),
    )


@pytest.fixture(scope="session")
def kms() -> Iterator[str]:
    """Moto's KMS over HTTP, warm: its first request takes longer than a vault waits.

    Beside each symmetric key moto draws an RSA key that nobody asks for: here one does for all. The SDK's
    models are looked for among four hundred folders once, not with each client and each request.
    """
    drawn = generate_private_key("RSA_2048")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.kms.models.generate_private_key", lambda _spec: drawn)
        patch.setattr(Loader, "list_available_services", _listed_once(Loader.list_available_services))
        yield from _running_kms()


def _listed_once(looks: Callable[[Loader, str], list[str]]) -> Callable[[Loader, str], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}

    def listed(loader: Loader, kind: str) -> list[str]:
        key = (kind, *loader.search_paths)
        if key not in found:
            found[key] = looks(loader, kind)
        return found[key]

    return listed


def _running_kms() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up"}
    config = Config(connect_timeout=60, read_timeout=60, retries={"total_max_attempts": 5})
    boto3.client("kms", region_name="eu-central-1", endpoint_url=url, config=config, **made_up).list_keys()
    yield url
    server.stop()


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made up, and the only ones that the SDK finds."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", secrets.token_hex(8))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex(16))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, and one row at a time, so that a change of KEKs has many moments."""
    monkeypatch.setattr("sealgate.vault.kek_ring.PAUSE_S", 0.0)
    monkeypatch.setattr("sealgate.vault.kek_ring.AGAIN_S", PATIENCE_S)
    monkeypatch.setattr("sealgate.vault.kek_ring.START_PAUSE_S", 0.0)
    monkeypatch.setattr(rewrapping, "BATCH_ROWS", 1)
