"""The way out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from sealgate.proxy.egress import (
    EgressError,
    ignored_proxy_variables,
    parse_origin,
    refuse_key_log,
    tls_context,
)


def test_an_origin_is_taken_apart() -> None:
    origin = parse_origin("https://api.openai.com")
    assert (origin.host, origin.port, origin.address, origin.authority) == (
        "api.openai.com",
        443,
        "api.openai.com",
        b"api.openai.com",
    )


def test_a_name_below_localhost_is_this_machine_and_keeps_its_name_for_the_certificate() -> None:
    origin = parse_origin("https://simulator.localhost:8705")
    assert (origin.host, origin.address, origin.authority) == (
        "simulator.localhost",
        "127.0.0.1",
        b"simulator.localhost:8705",
    )


BAD = ["http://a", "https://", "https://a/", "https://u@a", "https://a:0", "https://a:99999", "https://A", "https://a\n",
       "https://a?x", "https://-a", "ws://a", "https://a.-", "https://[::1]"]  # fmt: skip


@pytest.mark.parametrize("origin", BAD)
def test_what_is_no_plain_https_origin_is_refused(origin: str) -> None:
    with pytest.raises(EgressError, match="hint:"):
        parse_origin(origin)


def test_certificates_are_verified_with_their_name() -> None:
    context = tls_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_environment_cannot_have_secrets_written_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert tls_context(None).keylog_filename is None
    with pytest.raises(EgressError, match="hint:"):
        refuse_key_log()


def test_proxy_variables_are_named_as_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert "HTTPS_PROXY" in set(ignored_proxy_variables())


def test_a_file_without_certificates_is_refused_at_start(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("nothing")
    with pytest.raises(EgressError, match="hint:"):
        tls_context(bad)
