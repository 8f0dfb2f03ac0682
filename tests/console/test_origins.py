"""Origins: what may be typed and what is stored."""

from __future__ import annotations

import pytest

from sealgate.console.applications.origins import parse_origin
from sealgate.console.forms import InputError


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://APP.Example.com/", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:80", "http://localhost"),
        ("http://newsletter.localhost:8704", "http://newsletter.localhost:8704"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_stored_as_browsers_send_it(typed: str, stored: str) -> None:
    assert parse_origin(typed) == stored
    assert parse_origin(stored) == stored


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "no origin"),
        ("app.example.com", "begins with https://"),
        ("ftp://app.example.com", "begins with https://"),
        ("null", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
        ("http://app.example.com", "localhost only"),
        ("http://localhost.evil.example", "localhost only"),
        ("http://127.0.0.1.evil.example", "localhost only"),
        ("http://10.0.0.1", "localhost only"),
        ("https://*.example.com", "wildcards"),
        ("https://app.example.com/path", "no path"),
        ("https://app.example.com?x", "no path"),
        ("https://app.example.com/?", "no path"),
        ("https://app.example.com#x", "no path"),
        ("https://me@app.example.com", "no user name"),
        ("https://me:secret@app.example.com", "no user name"),
        ("https://app.example.com:0", "port is not valid"),
        ("https://app.example.com:65536", "port is not valid"),
        ("https://app.example.com:x", "port is not valid"),
        ("https://app.example.com:", "port is not valid"),
        ("https://", "host name is not valid"),
        ("https://-a.example", "host name is not valid"),
        ("https://a..example", "host name is not valid"),
        ("https://a b.example", "host name is not valid"),
        ("https://a_b.example", "host name is not valid"),
        ("https://" + "a" * 64 + ".example", "host name is not valid"),
        ("https://[::1", "not an origin"),
        ("https://[zz]", "not an origin"),
    ],
)
def test_what_is_no_origin_is_refused_with_the_reason(typed: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_origin(typed)
    assert words in caught.value.message
    assert caught.value.hint
    assert caught.value.field == "origin"
