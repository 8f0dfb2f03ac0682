"""A listener's certificate: refused with a hint when it cannot serve, and taken anew while it serves."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate

from sealgate.listening.certificates import TLS_EVENTS, ServerTls, TlsError, TlsFiles, load
from sealgate.log import LineLog, NullLog
from tests.listening.making import DAY, make_files


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.text = ""
        self.log = LineLog("vault", TLS_EVENTS, self)

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is held back."""


def expired(folder: Path) -> TlsFiles:
    return make_files(folder, begins_in=-3 * DAY, ends_in=-DAY)


def expired_by_an_hour(folder: Path) -> TlsFiles:
    return make_files(folder, begins_in=-3 * DAY, ends_in=-dt.timedelta(hours=1))


def early_by_an_hour(folder: Path) -> TlsFiles:
    return make_files(folder, begins_in=dt.timedelta(hours=1))


def another_name(folder: Path) -> TlsFiles:
    return make_files(folder, names=("console.localhost",))


def wildcard_two_labels_up(folder: Path) -> TlsFiles:
    return make_files(folder, "a.vault.example", names=("*.example",))


def mismatched(folder: Path) -> TlsFiles:
    files = make_files(folder)
    return TlsFiles(files.certificate, make_files(folder, label="other").key, files.host)


def group_readable(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.key.chmod(0o640)
    return files


def no_key(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.key.unlink()
    return files


def no_certificate(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.certificate.unlink()
    return files


def garbled_certificate(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return files


def empty_certificate(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.certificate.write_text("")
    return files


def garbled_key(folder: Path) -> TlsFiles:
    files = make_files(folder)
    files.key.write_text("no key")
    return files


def encrypted_key(folder: Path) -> TlsFiles:
    files = make_files(folder)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return files


FAULTS: dict[str, tuple[Callable[[Path], TlsFiles], str]] = {
    "expired": (expired, "certificate_expired"),
    "expired-by-an-hour": (expired_by_an_hour, "certificate_expired"),
    "early-by-an-hour": (early_by_an_hour, "certificate_early"),
    "another-name": (another_name, "certificate_name"),
    "wildcard-too-wide": (wildcard_two_labels_up, "certificate_name"),
    "mismatch": (mismatched, "key_mismatch"),
    "group-readable": (group_readable, "key_unsafe"),
    "no-key": (no_key, "key_unreadable"),
    "no-certificate": (no_certificate, "certificate_unreadable"),
    "garbled-certificate": (garbled_certificate, "certificate_malformed"),
    "empty-certificate": (empty_certificate, "certificate_malformed"),
    "garbled-key": (garbled_key, "key_malformed"),
    "encrypted-key": (encrypted_key, "key_encrypted"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_serve_is_refused_at_start_with_a_hint(tmp_path: Path, fault: str) -> None:
    make, code = FAULTS[fault]
    with pytest.raises(TlsError, match="hint:") as caught:
        ServerTls(make(tmp_path), NullLog(TLS_EVENTS))
    assert caught.value.code == code
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_serve_is_an_error_event_at_reload_and_the_old_one_stays(
    tmp_path: Path, fault: str
) -> None:
    (tmp_path / "bad").mkdir()
    lines = Lines()
    files = make_files(
        tmp_path, host="a.vault.example" if fault == "wildcard-too-wide" else "vault.localhost"
    )
    tls = ServerTls(files, lines.log)
    make, code = FAULTS[fault]
    bad = make(tmp_path / "bad")
    for source, target in ((bad.certificate, files.certificate), (bad.key, files.key)):
        target.unlink()
        if source.exists():
            source.rename(target)
    tls.look()
    tls.look()
    assert f"certificate_refused code={code}" in lines.text
    before = tls._current
    tls.look()
    assert lines.text.count("certificate_refused") == 1
    assert tls._current is before


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("vault.example", ("vault.example",)),
        ("vault.example", ("console.example", "VAULT.example")),
        ("vault.example", ("*.example",)),
        ("127.0.0.1", ("127.0.0.1",)),
        ("::1", ("::1",)),
    ],
)
def test_a_certificate_for_the_urls_name_serves(tmp_path: Path, host: str, names: tuple[str, ...]) -> None:
    certificate, _ = load(make_files(tmp_path, host, names=names), time.time())
    assert certificate.fits(host)


def test_an_expiring_certificate_is_told_once_a_day(tmp_path: Path) -> None:
    lines = Lines()
    now_s = time.time()
    tls = ServerTls(make_files(tmp_path, ends_in=5 * DAY), lines.log, clock=lambda: now_s)
    for _ in range(5):
        tls.look()
    assert lines.text.count("certificate_expiring days=4") == 1
    now_s += 2 * 86_400
    tls.look()
    assert lines.text.count("certificate_expiring") == 2


@asynccontextmanager
async def serving(tls: ServerTls) -> AsyncIterator[int]:
    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=tls.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def presented(port: int, *, name: str | None = "vault.localhost") -> int:
    """Serial number of the certificate that a new connection gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return load_der_x509_certificate(der).serial_number


def replace(folder: Path, files: TlsFiles) -> None:
    fresh = make_files(folder, label="fresh")
    fresh.key.rename(files.key)
    fresh.certificate.rename(files.certificate)


@pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])
def test_new_connections_get_the_new_certificate_and_running_ones_go_on(
    tmp_path: Path, loop_kind: str
) -> None:
    async def scenario() -> None:
        files = make_files(tmp_path)
        lines = Lines()
        tls = ServerTls(files, lines.log)
        async with serving(tls) as port:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            before = await presented(port)
            watching = asyncio.create_task(tls.watch(0.01))
            replace(tmp_path, files)
            async with asyncio.timeout(5):
                while "certificate_loaded" not in lines.text:
                    await asyncio.sleep(0.01)
            watching.cancel()
            assert await presented(port) != before
            assert await presented(port, name=None) != before
            writer.write(b"still")
            assert await reader.readexactly(5) == b"still"
            writer.close()

    factory = uvloop.new_event_loop if loop_kind == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario())


def test_half_of_a_pair_is_waited_for(tmp_path: Path) -> None:
    lines = Lines()
    files = make_files(tmp_path)
    tls = ServerTls(files, lines.log)
    fresh = make_files(tmp_path, label="fresh")
    fresh.key.rename(files.key)
    tls.look()
    fresh.certificate.rename(files.certificate)
    tls.look()
    assert lines.text == ""
    tls.look()
    assert "certificate_loaded" in lines.text
