"""The doctor: an installation that is well, and each thing that can be wrong with it, with a hint."""

from __future__ import annotations

import datetime as dt
import email.utils
import http.server
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sealgate.doctor.asking import NotAnsweredError, ask_provider
from sealgate.doctor.clock import clock
from sealgate.doctor.examination import CHECKS, examine, in_words, is_well
from sealgate.doctor.findings import Case, Finding, State
from sealgate.settings import read
from tests.listening.making import DAY, make_files
from tests.up_running import CLEAN, RunningUp, free_ports, local_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SEALGATE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunningUp:
    """An installation that has been started once; the doctor sees it running first."""
    running = RunningUp(tmp_path_factory.mktemp("doctor") / "in")
    running.start()
    running.alive_findings = examine(running.config)  # type: ignore[attr-defined]
    running.stop()
    return running


def found(findings: tuple[Finding, ...], check: str) -> list[Finding]:
    return [each for each in findings if each.check == check]


def problems(config: Path, check: str) -> str:
    texts = [each for each in found(examine(config), check) if each.state is State.PROBLEM]
    assert all(each.hint for each in texts)
    return " | ".join(each.message for each in texts)


def test_a_running_installation_is_well(stopped: RunningUp) -> None:
    findings: tuple[Finding, ...] = stopped.alive_findings  # type: ignore[attr-defined]
    assert is_well(findings), in_words(findings)
    told = [each.message for each in found(findings, "processes")]
    assert len(told) == 5
    assert "the vault can use its database, its anchor and its KEK" in told[3]
    assert "connected to vault and console" in told[4]
    asked = found(findings, "clock")[-1]  # its own answer proves nothing
    assert (asked.state, asked.hint) == (State.SKIPPED, "sealgate doctor --egress")
    assert {each.check for each in findings} == {"settings", *CHECKS} - {"certificates", "erasures"}


def test_a_stopped_one_is_well_too_and_told_to_be_started(stopped: RunningUp) -> None:
    findings = examine(stopped.config)
    assert is_well(findings), in_words(findings)
    assert all(each.state is State.SKIPPED for each in found(findings, "processes"))


def test_before_the_first_start_nothing_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(tmp_path)))
    findings = examine(config)
    assert is_well(findings), in_words(findings)
    assert not (tmp_path / "data").exists()


@contextmanager
def changed(path: Path, change: Callable[[Path], object], undo: Callable[[Path], object]) -> Iterator[None]:
    change(path)
    try:
        yield
    finally:
        undo(path)


@pytest.mark.parametrize(
    ("name", "check", "told"),
    [
        ("vault", "folders", "others can look into it"),
        ("console", "folders", "others can look into it"),
        ("vault/vault.db", "folders", "others can use it"),
        ("vault/kek", "kek", "mode 0444"),
    ],
)
def test_a_loose_mode_is_found(stopped: RunningUp, name: str, check: str, told: str) -> None:
    path = stopped.data / name
    mode = path.stat().st_mode
    with changed(
        path,
        lambda each: each.chmod(mode | 0o044 | (0o011 if path.is_dir() else 0)),
        lambda each: each.chmod(mode),
    ):
        assert told in problems(stopped.config, check)


@pytest.mark.parametrize(
    ("name", "check", "told"),
    [
        ("vault/kek", "kek", "is missing"),
        ("vault/anchor", "databases", "no anchor"),
    ],
)
def test_a_missing_file_is_found(stopped: RunningUp, name: str, check: str, told: str) -> None:
    path = stopped.data / name
    away = path.with_suffix(".away")
    with changed(path, lambda each: each.rename(away), away.rename):
        assert told in problems(stopped.config, check)


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("vault/vault.db", "UPDATE schema_version SET version = version + {}"),
        ("console/console.db", "UPDATE alembic_version SET version_num = printf('%04d', version_num + {})"),
    ],
    ids=["vault", "console"],
)
def test_a_database_of_a_newer_release_is_found(stopped: RunningUp, name: str, statement: str) -> None:
    def run(step: int) -> Callable[[Path], None]:
        def execute(path: Path) -> None:
            with closing(sqlite3.connect(path)) as database:
                database.execute(statement.format(step))
                database.commit()

        return execute

    with changed(stopped.data / name, run(5), run(-5)):
        assert "this release knows" in problems(stopped.config, "databases")


def test_a_file_that_is_no_database_is_found(stopped: RunningUp) -> None:
    path = stopped.data / "console" / "console.db"
    before = path.read_bytes()
    with changed(
        path, lambda each: each.write_bytes(b"no database" * 500), lambda each: each.write_bytes(before)
    ):
        assert "cannot be read" in problems(stopped.config, "databases")


@pytest.mark.parametrize("process", ["vault", "console", "proxy"])
def test_a_stranger_on_a_port_is_found(stopped: RunningUp, process: str) -> None:
    settings = stopped.settings
    port = {
        "vault": settings.vault.port,
        "console": settings.console.port,
        "proxy": settings.proxy.admin_port,
    }
    with socket.create_server(("127.0.0.1", port[process])):
        assert f"does not answer as the {process}" in problems(stopped.config, "processes")


READY = {"ready": True, "database": "ok", "anchor": "ok", "kek": "ok"}
STATES: dict[str, tuple[bytes, str]] = {
    "KEK away": (json.dumps(READY | {"kek": "timeout"}).encode(), "the vault says of its kek: timeout"),
    "anchor": (json.dumps(READY | {"anchor": "behind"}).encode(), "the vault says of its anchor: behind"),
    "stranger": (b"hello", "the vault does not tell its state"),
    "another form": (b"[]", "the vault does not tell its state"),
}


@pytest.mark.parametrize(("body", "told"), STATES.values(), ids=STATES)
def test_a_vault_that_says_that_something_is_wrong_is_found(
    stopped: RunningUp, body: bytes, told: str
) -> None:
    vault = stopped.settings.vault
    with saying(vault.port, b"ok"), saying(vault.admin_port, body):
        assert told in problems(stopped.config, "processes")


@contextmanager
def saying(port: int, body: bytes) -> Iterator[None]:
    """Something on a port that says one thing to everybody."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", port), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_socket_path_that_is_too_long_is_found(tmp_path: Path) -> None:
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps({**local_settings(tmp_path), "runtime_dir": "/tmp/" + "long" * 30}))
    assert "the system allows" in problems(config, "sockets")


@pytest.mark.parametrize(
    ("mode", "told"), [(0o777, "open to everybody"), (0o770, "replace each other's sockets")]
)
def test_a_loose_folder_of_sockets_is_found(stopped: RunningUp, mode: int, told: str) -> None:
    with changed(stopped.data / "run", lambda each: each.chmod(mode), lambda each: each.chmod(0o700)):
        assert told in problems(stopped.config, "sockets")


# Certificates.


def with_certificate(tmp_path: Path, **making: Any) -> Path:
    files = make_files(tmp_path, "vault.localhost", **making)
    raw = local_settings(tmp_path)
    raw["vault"] |= {
        "url": raw["vault"]["url"].replace("http:", "https:"),
        "tls_certificate": str(files.certificate),
        "tls_key": str(files.key),
    }
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(raw))
    return config


@pytest.mark.parametrize(
    ("making", "told"),
    [
        ({"begins_in": -3 * DAY, "ends_in": -DAY}, "expired"),
        ({"begins_in": dt.timedelta(hours=1)}, "not valid before"),
        ({"names": ("other.example",)}, "not for vault.localhost"),
    ],
    ids=["expired", "early", "name"],
)
def test_a_certificate_that_cannot_serve_is_found(tmp_path: Path, making: dict[str, Any], told: str) -> None:
    assert told in problems(with_certificate(tmp_path, **making), "certificates")


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    findings = examine(with_certificate(tmp_path, ends_in=5 * DAY))
    assert [each.state for each in found(findings, "certificates")] == [State.WARNING]
    assert is_well(findings)


# The clock.


@contextmanager
def dated(port: int, offset_s: float) -> Iterator[None]:
    """Something on a port that answers with a clock of its own."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return email.utils.formatdate(time.time() + offset_s, usegmt=True)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", port), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("offset_s", "told"),
    [(3600, "60 min behind"), (-3600, "60 min ahead of"), (90_000, "25.0 h behind"), (20, "")],
    ids=["hour-behind", "hour-ahead", "day-behind", "seconds"],
)
def test_a_clock_that_is_off_is_found_by_the_date_of_an_answer(
    stopped: RunningUp, offset_s: float, told: str
) -> None:
    with dated(stopped.settings.console.port, offset_s):
        findings = tuple(clock(Case(stopped.settings, time.time(), egress=False)))
    texts = [each.message for each in findings if each.state is State.PROBLEM]
    assert len(texts) == bool(told)
    assert told in "".join(texts)


@pytest.mark.parametrize(
    ("offset_s", "told"), [(3600, "60 min behind"), (0, "agrees with")], ids=["hour-behind", "right"]
)
def test_with_egress_a_provider_tells_the_time(tmp_path: Path, offset_s: float, told: str) -> None:
    (port,) = free_ports(1)
    loud = {"dangerously_allow_plain_http_to_loopback": True}
    origin = f"http://127.0.0.1:{port}"
    row = {"provider": "openai-compatible", "origin": origin, "label": "Simulated"}
    config = tmp_path / "sealgate.toml"
    config.write_text(
        tomli_w.dumps(local_settings(tmp_path, vault={"destinations": [row], **loud}, egress=loud))
    )
    with dated(port, offset_s):
        (finding,) = clock(Case(read(config), time.time(), egress=True))
    assert f"{told} {origin}" in finding.message
    assert (finding.state is State.PROBLEM) == bool(offset_s)


def test_a_clock_that_was_set_back_by_an_hour_is_found_by_its_own_files(stopped: RunningUp) -> None:
    path = stopped.data / "console" / "console.db"
    ahead_s = time.time() + 3600
    with changed(path, lambda each: os.utime(each, (ahead_s, ahead_s)), lambda each: os.utime(each, None)):
        assert "60 min in the future" in problems(stopped.config, "clock")


# The way out.


def test_a_provider_that_answers_over_verified_tls_is_told(tmp_path: Path) -> None:
    with provider(tmp_path) as (origin, authority):
        raw = {**local_settings(tmp_path), "egress": {"ca_file": str(authority)}}
        config = tmp_path / "sealgate.toml"
        config.write_text(tomli_w.dumps(raw))
        assert ask_provider(read(config), origin).status > 0
        untrusting = tmp_path / "untrusting.toml"
        untrusting.write_text(tomli_w.dumps(local_settings(tmp_path)))
        with pytest.raises(NotAnsweredError, match="certificate"):
            ask_provider(read(untrusting), origin)


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["absent", "empty", "garbled"])
def test_a_file_of_authorities_that_cannot_be_used_is_found_without_asking(
    tmp_path: Path, content: str | None
) -> None:
    authorities = tmp_path / "authorities.pem"
    if content is not None:
        authorities.write_text(content)
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(tmp_path, egress={"ca_file": str(authorities)})))
    assert str(authorities) in problems(config, "egress")


def test_a_provider_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(tmp_path)))
    with pytest.raises(NotAnsweredError):
        ask_provider(read(config), "https://nobody.localhost:1")


@contextmanager
def provider(folder: Path) -> Iterator[tuple[str, Path]]:
    """The simulator."""
    certificates = folder / "simulator"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sealgate", "simulator", "--certificates", str(certificates)),
            *("--port", "0", "--control-port", "0"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if " started " in line)
        port = next(word.partition("=")[2] for word in line.split() if word.startswith("port="))
        yield f"https://simulator.localhost:{port}", certificates / "authority.pem"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


# The command.


def run_doctor(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealgate", "doctor", "--config", str(config), *options],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )


def test_the_command_exits_with_0_where_all_is_well(stopped: RunningUp) -> None:
    ended = run_doctor(stopped.config)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "hint: start it" in ended.stdout


def test_the_command_exits_with_1_and_a_hint_where_it_is_not(tmp_path: Path) -> None:
    config = tmp_path / "sealgate.toml"
    config.write_text('data_dir = "relative"')
    ended = run_doctor(config, "--json")
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)
    assert finding["check"] == "settings"
    assert finding["state"] == "problem"
    assert finding["hint"]
