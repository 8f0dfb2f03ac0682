"""An installation that terminates TLS itself: the main job over it, changed certificates, starts refused."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate

from tests.deploy.installation import Job, Provider, completion
from tests.listening.making import DAY, make_files
from tests.up_running import RunningUp, free_ports, get, local_settings, wait_for

PROCESSES = ("vault", "console", "proxy")


def with_tls(folder: Path, **making: Any) -> dict[str, Any]:
    """Settings with a certificate for each process."""
    folder.mkdir(exist_ok=True)
    raw = local_settings(folder)
    for name in PROCESSES:
        host = f"{name}.localhost"
        files = make_files(folder, host, label=name, **making)
        raw[name] |= {
            "url": f"https://{host}:{raw[name]['port']}",
            "tls_certificate": str(files.certificate),
            "tls_key": str(files.key),
        }
    return raw


class Encrypted:
    """An installation with TLS on every listener, and its main job."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder = folder
        raw = with_tls(folder)
        for name, section in provider.sections.items():
            raw[name] = {**raw.get(name, {}), **section}
        self.up = RunningUp(folder / "in", raw)
        self.job = TlsJob(self.up.config, provider, folder)

    def port(self, name: str) -> int:
        return int(getattr(self.up.settings, name).port)

    def serial(self, name: str) -> int:
        """Number of the certificate that a new connection gets."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port(name)), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=f"{name}.localhost") as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
        assert der
        return load_der_x509_certificate(der).serial_number


class TlsJob(Job):
    """The main job, over verified TLS."""

    def __init__(self, config: Path, provider: Provider, folder: Path) -> None:
        super().__init__(config, provider)
        self._folder = folder

    def connect(self, name: str) -> http.client.HTTPConnection:
        """A connection to a process, its certificate verified."""
        port = getattr(self.settings, name).port
        context = ssl.create_default_context(cafile=str(self._folder / f"{name}.pem"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sock = context.wrap_socket(plain, server_hostname=f"{name}.localhost")
        return connection

    def open_stream(self, model: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A request whose answer has begun."""
        connection = self.connect("proxy")
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello."}]}
        headers = {
            "authorization": f"Bearer {self.token()}",
            "content-type": "application/json",
            "host": "proxy.localhost",
        }
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        return connection, connection.getresponse()

    def ask(self, model: str = "gpt-sim") -> str:
        connection, answer = self.open_stream(model)
        with contextlib.closing(connection):
            return completion(answer.read().decode())

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        url = self.settings.vault.url
        headers = {"content-type": "application/json", "origin": url, "host": url.partition("://")[2]}
        with contextlib.closing(self.connect("vault")) as connection:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, text
        return dict(json.loads(text))


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    provider = Provider(folder)
    made = Encrypted(folder, provider)
    try:
        made.up.start()
        made.job.deposit()
        yield made
    finally:
        made.up.stop()
        provider.stop()


def test_the_main_job_works_over_tls(encrypted: Encrypted) -> None:
    assert len(encrypted.job.ask()) > 20


def test_a_client_that_leaves_a_stream_over_tls_ends_the_call(encrypted: Encrypted) -> None:
    connection, answer = encrypted.job.open_stream("sim-slow")
    assert answer.readline().startswith(b"data: ")
    answer.close()
    connection.close()
    admin = encrypted.up.settings.proxy.admin_port
    wait_for(lambda: b'"cancelled":1' in get(f"http://localhost:{admin}/-/outcomes").body, 10)


@pytest.mark.parametrize("name", PROCESSES)
def test_plain_http_gets_nothing_from_a_listener_with_tls(encrypted: Encrypted, name: str) -> None:
    with socket.create_connection(("127.0.0.1", encrypted.port(name)), timeout=5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
    assert not answer.startswith(b"HTTP")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(encrypted: Encrypted, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", encrypted.port("proxy")), timeout=5) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_changed_certificate_is_presented_without_a_restart(encrypted: Encrypted, name: str) -> None:
    before, pids = encrypted.serial(name), encrypted.up.pids()
    fresh = make_files(encrypted.folder, f"{name}.localhost", label="fresh")
    fresh.key.rename(encrypted.folder / f"{name}-key.pem")
    fresh.certificate.rename(encrypted.folder / f"{name}.pem")
    wait_for(lambda: encrypted.serial(name) != before, 15)
    assert encrypted.up.pids() == pids
    wait_for(lambda: f" {name} certificate_loaded days=89" in encrypted.up.logged.read_text(), 15)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_bad_certificate_is_an_error_event_and_the_old_one_stays(encrypted: Encrypted, name: str) -> None:
    before = encrypted.serial(name)
    key = encrypted.folder / f"{name}-key.pem"
    good = key.read_bytes()
    stranger = make_files(encrypted.folder, f"{name}.localhost", label="stranger")
    key.write_bytes(stranger.key.read_bytes())
    wait_for(lambda: f" {name} certificate_refused code=key_mismatch" in encrypted.up.logged.read_text(), 15)
    assert encrypted.serial(name) == before
    key.write_bytes(good)


def too_open(folder: Path) -> None:
    (folder / "console-key.pem").chmod(0o640)


def swapped(folder: Path) -> None:
    (folder / "console-key.pem").write_bytes((folder / "vault-key.pem").read_bytes())


def nothing(_folder: Path) -> None:
    """As made."""


@pytest.mark.parametrize(
    ("making", "spoil", "told"),
    [
        ({"begins_in": -3 * DAY, "ends_in": -DAY}, nothing, "expired"),
        ({"begins_in": DAY}, nothing, "not valid before"),
        ({"names": ("other.example",)}, nothing, "not for"),
        ({}, too_open, "mode 0640"),
        ({}, swapped, "is not the key of"),
    ],
    ids=["expired", "early", "name", "group-readable", "mismatch"],
)
def test_a_certificate_that_cannot_serve_ends_the_start_with_a_hint(
    tmp_path: Path, making: dict[str, Any], spoil: Callable[[Path], None], told: str
) -> None:
    raw = with_tls(tmp_path / "c", **making)
    spoil(tmp_path / "c")
    text = RunningUp(tmp_path / "in", raw).refused()
    assert told in text
    assert "hint:" in text
    assert "program.refused" in text


def test_behind_a_named_proxy_it_listens_beyond_loopback_in_the_clear(tmp_path: Path) -> None:
    raw = local_settings(tmp_path)
    (front,) = free_ports(1)
    for name in PROCESSES:
        raw[name] |= {"url": f"https://{name}.localhost:{front}", "host": "0.0.0.0"}
    raw["trusted_proxies"] = ["127.0.0.9"]
    running = RunningUp(tmp_path / "in", raw)
    try:
        running.start()
        assert get(f"http://console.localhost:{running.settings.console.port}/healthz").status == 200
    finally:
        running.stop()
