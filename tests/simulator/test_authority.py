"""Certificates: made once, reused while good, made anew when not, and private where they must be."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509

from sealgate.simulator.authority import ensure_certificates

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def test_a_second_start_reuses_the_authority(tmp_path: Path) -> None:
    first = ensure_certificates(tmp_path, NOW).authority.read_bytes()
    assert ensure_certificates(tmp_path, NOW + dt.timedelta(days=30)).authority.read_bytes() == first


def test_an_authority_near_its_end_is_made_anew(tmp_path: Path) -> None:
    first = ensure_certificates(tmp_path, NOW).authority.read_bytes()
    assert ensure_certificates(tmp_path, NOW + dt.timedelta(days=89)).authority.read_bytes() != first


@pytest.mark.parametrize("name", ["authority.pem", "server.pem", "server-key.pem"])
@pytest.mark.parametrize("damage", ["missing", "garbled", "foreign"])
def test_damaged_files_are_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    files = ensure_certificates(tmp_path / "ours", NOW)
    target = tmp_path / "ours" / name
    before = files.server.read_bytes()
    if damage == "missing":
        target.unlink()
    elif damage == "garbled":
        target.write_bytes(b"-----BEGIN nonsense")
    else:
        ensure_certificates(tmp_path / "other", NOW)
        target.write_bytes((tmp_path / "other" / name).read_bytes())
    ensure_certificates(tmp_path / "ours", NOW)
    assert files.server.read_bytes() != before


def test_the_key_is_readable_by_its_owner_alone_and_no_authority_key_is_kept(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "new", NOW)
    assert stat.S_IMODE(files.server_key.stat().st_mode) == 0o600
    keys = [path for path in (tmp_path / "new").iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert keys == [files.server_key]


def test_a_key_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    before = files.server_key.read_bytes()
    files.server_key.chmod(0o644)
    ensure_certificates(tmp_path, NOW)
    assert files.server_key.read_bytes() != before
    assert stat.S_IMODE(files.server_key.stat().st_mode) == 0o600


def test_the_authority_can_vouch_for_loopback_names_only(tmp_path: Path) -> None:
    authority = x509.load_pem_x509_certificate(ensure_certificates(tmp_path, NOW).authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert x509.DNSName("localhost") in (constraints.value.permitted_subtrees or [])
