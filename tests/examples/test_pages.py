"""Larkspur's own pages: sign-in, drafts, names and headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples.newsletter.config import NewsletterConfig
from examples.newsletter.drafts import MOST_BLOCKS, MOST_DRAFTS
from examples.newsletter.people import COOKIE
from msgspec.structs import replace
from starlette.testclient import TestClient

from .conftest import OURS, PUBLIC_URL, csrf_of, signed_in


def save(browser: TestClient, **fields: str | list[str]) -> str:
    answer = browser.post("/drafts/greenhouse", data={"csrf": csrf_of(browser), **fields}, headers=OURS)
    assert answer.status_code == 200
    return answer.text


def test_one_click_signs_a_person_in(browser: TestClient) -> None:
    page = signed_in(browser, "member-4017").get("/")
    assert "The Potting Shed" in page.text
    assert "Mara Lindqvist" in page.text


def test_the_cookie_can_be_used_by_this_host_alone_and_by_no_script(browser: TestClient) -> None:
    answer = browser.post("/sign-in", data={"person": "member-4017"}, headers=OURS, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-larkspur=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= set(cookie.split("; "))
    assert "domain" not in cookie


@pytest.mark.parametrize("value", ["", ".", "7b7d.00", "nonsense", "7b7d." + "0" * 64])
def test_a_forged_cookie_is_nobody(browser: TestClient, value: str) -> None:
    browser.cookies.set(COOKIE, value)
    assert str(browser.get("/").url) == f"{PUBLIC_URL}/sign-in"


def test_another_site_cannot_sign_somebody_in(browser: TestClient) -> None:
    answer = browser.post(
        "/sign-in", data={"person": "member-4017"}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403


def test_a_stranger_cannot_sign_in(browser: TestClient) -> None:
    assert browser.post("/sign-in", data={"person": "member-1"}, headers=OURS).status_code == 400


def test_signing_out_ends_it(mara: TestClient) -> None:
    mara.post("/sign-out", data={"csrf": csrf_of(mara)}, headers=OURS)
    assert str(mara.get("/").url) == f"{PUBLIC_URL}/sign-in"


def test_every_field_has_its_assistant(mara: TestClient) -> None:
    page = mara.get("/drafts/greenhouse").text
    for field in ("subject", "preheader", "block-1", "block-2", "block-3"):
        assert f'<sealgate-assistant for="{field}" proxy="https://proxy.example">' in page
        assert f'id="{field}"' in page
    assert 'src="https://proxy.example/assistant/v1/sealgate-assistant.js"' in page


def test_what_was_written_is_kept_and_shown_as_text(mara: TestClient) -> None:
    page = save(mara, subject="<b>Spring</b>", preheader="soon", block=["<script>x</script>", "two"])
    assert "&lt;b&gt;Spring&lt;/b&gt;" in page
    assert "<script>x" not in page


def test_the_closing_note_is_kept_in_paragraphs_and_shown_as_text(mara: TestClient) -> None:
    page = save(mara, block=["one"], closing="Until <b>then</b>!\r\n\r\nMara")
    assert page.count("<p>Until &lt;b&gt;then&lt;/b&gt;!</p><p>Mara</p>") == 2
    assert '<sealgate-assistant for="closing" proxy="https://proxy.example" class="on-paper">' in page


def test_a_paragraph_that_begins_with_an_empty_line_keeps_it(mara: TestClient) -> None:
    assert ">\n\nlate start</textarea>" in save(mara, block=["\nlate start"])


def test_the_page_s_script_saves_without_leaving(mara: TestClient) -> None:
    fields = {"csrf": csrf_of(mara), "subject": "Now", "block": ["a"]}
    answer = mara.post("/drafts/greenhouse", data=fields, headers=OURS | {"accept": "application/json"})
    assert answer.json().keys() == {"saved_clock"}


def test_buttons_add_and_remove_paragraphs_without_a_script(mara: TestClient) -> None:
    assert "block-4" in save(mara, block=["one", "two", "three"], do="add")
    page = save(mara, block=["one", "two", "three"], do="remove-1")
    assert ">\ntwo</textarea>" not in page
    assert ">\nthree</textarea>" in page


def test_the_shelf_and_the_letter_have_bounds(mara: TestClient) -> None:
    csrf = csrf_of(mara)
    answers = [
        mara.post("/drafts", data={"csrf": csrf}, headers=OURS).status_code for _ in range(MOST_DRAFTS)
    ]
    assert answers[-1] == 409
    page = save(mara, block=["x"] * (MOST_BLOCKS + 5))
    assert page.count("<textarea") == MOST_BLOCKS


@pytest.mark.parametrize("body", [b"a=" + b"x" * 2_000_000, b"&".join([b"a=1"] * 200), b"a=\xff\xfe"])
def test_a_form_that_no_page_sends_is_refused(mara: TestClient, body: bytes) -> None:
    headers = OURS | {"content-type": "application/x-www-form-urlencoded"}
    answer = mara.post("/drafts/greenhouse", content=body, headers=headers)
    assert answer.status_code in (400, 403, 413)


def test_saving_needs_the_csrf_token(mara: TestClient) -> None:
    assert mara.post("/drafts/greenhouse", data={"subject": "x"}, headers=OURS).status_code == 403


def test_nobody_reaches_another_person_s_draft(browser: TestClient) -> None:
    tobias = signed_in(browser, "member-5203")
    assert tobias.get("/drafts/season").status_code == 200
    assert tobias.get("/drafts/greenhouse").status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "letters.example.evil.example", "", "[", "console.localhost"]
)
def test_other_host_names_are_not_answered(browser: TestClient, host: str) -> None:
    answer = browser.get("/sign-in", headers={"host": host})
    assert answer.status_code == 421
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost:8704", "127.0.0.1:8704"])
def test_loopback_names_lead_to_the_public_one(browser: TestClient, host: str) -> None:
    answer = browser.get("/sign-in", headers={"host": host}, follow_redirects=False)
    assert answer.headers["location"] == f"{PUBLIC_URL}/sign-in"
    assert browser.post("/sign-in", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("path", ["/sign-in", "/static/larkspur.css", "/nowhere", "/healthz"])
def test_every_answer_carries_the_strict_policy(browser: TestClient, path: str) -> None:
    headers = browser.get(path).headers
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self' https://proxy.example" in policy
    assert "connect-src 'self' https://proxy.example" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_url", "http://letters.example"),
        ("public_url", "https://letters.example/"),
        ("proxy_url", "https://proxy.example/v1"),
        ("proxy_url", "proxy.example"),
        ("proxy_url", "https://proxy.example; script-src *"),
    ],
)
def test_addresses_that_are_no_safe_origins_are_refused(
    config: NewsletterConfig, name: str, value: str
) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*hint"):
        replace(config, **{name: value})


def test_a_signing_key_that_others_can_read_is_refused(config: NewsletterConfig) -> None:
    config.signing_key_path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        config.signing_key()


def test_a_configuration_file_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "larkspur.json"
    path.write_text(
        '{"instance":"i","application":"a","signing_key_id":"k","signing_key_path":"p","colour":"blue"}'
    )
    with pytest.raises(ValueError, match="colour"):
        NewsletterConfig.load(path)
