"""The way out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from sealgate.proxy.egress import (
    EgressError,
    ForwardProxy,
    ignored_proxy_variables,
    parse_forward_proxy,
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


PLAIN = {
    "http://127.0.0.1:11434": ("127.0.0.1", b"127.0.0.1:11434"),
    "http://[::1]:11434": ("::1", b"[::1]:11434"),
    "http://ollama.localhost:11434": ("127.0.0.1", b"ollama.localhost:11434"),
}


@pytest.mark.parametrize("origin", PLAIN)
def test_plain_http_goes_to_this_machine_and_only_where_it_is_allowed(origin: str) -> None:
    parsed = parse_origin(origin, plain_http_to_loopback=True)
    assert (parsed.address, parsed.authority, parsed.tls) == (*PLAIN[origin], False)
    assert parsed.local
    with pytest.raises(EgressError, match="hint:"):
        parse_origin(origin)


NOT_PLAIN = ["http://127.0.0.1", "http://localhost:1", "http://example.org:80", "http://127.0.0.1:0", "http://127.0.0.1:65536",
             "http://127.0.0.2:80", "http://a.localhost.example.org:80", "http://user@127.0.0.1:80", "http://127.0.0.1:80/",
             "http://.localhost:80", "http://[::ffff:127.0.0.1]:80", "http://0.0.0.0:80"]  # fmt: skip


@pytest.mark.parametrize("origin", NOT_PLAIN)
def test_plain_http_to_anywhere_else_is_refused_even_then(origin: str) -> None:
    with pytest.raises(EgressError, match="hint:"):
        parse_origin(origin, plain_http_to_loopback=True)


@pytest.mark.parametrize(
    ("address", "proxy"),
    [
        ("http://proxy.example.org:3128", ForwardProxy("proxy.example.org", 3128)),
        ("http://10.0.0.8:8080", ForwardProxy("10.0.0.8", 8080)),
        ("http://[fd00::8]:8080", ForwardProxy("fd00::8", 8080)),
    ],
)
def test_the_address_of_a_forward_proxy_is_taken_apart(address: str, proxy: ForwardProxy) -> None:
    assert parse_forward_proxy(address) == proxy


@pytest.mark.parametrize(
    "address", ["proxy:3128", "https://p:1", "http://p", "http://p:0", "http://p:99999", "socks5://p:1", ""]
)
def test_what_is_no_forward_proxys_address_is_refused(address: str) -> None:
    with pytest.raises(EgressError, match="hint:"):
        parse_forward_proxy(address)


def test_a_password_in_the_address_of_a_proxy_is_not_quoted() -> None:
    with pytest.raises(EgressError) as caught:
        parse_forward_proxy("http://jane:hunter2@proxy:3128")
    assert "hunter2" not in str(caught.value)


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
