"""The public listener: headers of the sealing page, and every request that it must not accept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from pathlib import Path

import pytest

from sealgate.vault.faults import StartError
from sealgate.vault.page_assets import load_assets
from tests.vault.deployment import HOST, Addresses, Clock, Deployment, canary_key, running, vault_config

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


PAGES = {"/deposit": "sealing", "/enrol": "enrol", "/approve": "approve"}


@pytest.mark.parametrize(("path", "name"), PAGES.items())
async def test_a_page_runs_one_script_by_its_hash_and_nothing_else(
    vault: Deployment, path: str, name: str
) -> None:
    page, script = await vault.request("GET", path), await vault.request("GET", f"/assets/{name}.js")
    pinned = "sha384-" + base64.b64encode(hashlib.sha384(script.body).digest()).decode()
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy == POLICY | {"script-src": f"'{pinned}'"}
    assert f'integrity="{pinned}"'.encode() in page.body
    assert b"<header>Sealgate</header>" in page.body
    assert b"{{" not in page.body


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("/deposit", {"publickey-credentials-get"}),
        ("/enrol", {"publickey-credentials-create"}),
        ("/approve", {"publickey-credentials-get"}),
        ("/healthz", set()),
        ("/assets/sealing.js", set()),
        ("/nothing", set()),
    ],
)
async def test_a_page_may_use_of_the_browser_what_it_needs_and_no_more(
    vault: Deployment, path: str, may: set[str]
) -> None:
    told = (await vault.request("GET", path)).headers["permissions-policy"]
    rules = dict(rule.split("=") for rule in told.split(", "))
    assert {feature for feature, who in rules.items() if who != "()"} == may
    assert {rules[feature] for feature in may} <= {"(self)"}
    assert {"camera", "publickey-credentials-create", "publickey-credentials-get"} <= rules.keys()


@pytest.mark.parametrize("missing", ["enrol.html", "approve.js", "brand.html", "sealing.css"])
def test_a_front_end_that_was_not_built_whole_is_refused(assets: Path, missing: str) -> None:
    (assets / missing).unlink()
    with pytest.raises(StartError) as caught:
        load_assets(assets)
    assert (caught.value.code, caught.value.hint) == ("assets_missing", "run `make web`")


def test_a_page_that_does_not_pin_its_script_is_refused(assets: Path) -> None:
    (assets / "approve.html").write_text("<!doctype html><script src='/assets/approve.js'></script>")
    with pytest.raises(StartError) as caught:
        load_assets(assets)
    assert caught.value.code == "assets_malformed"


@pytest.mark.parametrize(
    "path", [*PAGES, "/assets/sealing.js", "/assets/sealing.css", "/healthz", "/nothing"]
)
async def test_every_answer_keeps_itself_to_itself(vault: Deployment, path: str) -> None:
    headers = (await vault.request("GET", path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers


async def test_over_https_the_browser_is_told_to_stay_there(folder: Path, assets: Path, clock: Clock) -> None:
    config = vault_config(folder, public_url=f"https://{HOST}")
    async with running(config, clock, io.StringIO(), assets) as vault:
        assert "strict-transport-security" in (await vault.request("GET", "/deposit")).headers


async def test_the_ticket_view_has_what_the_page_seals_with(vault: Deployment, at: Addresses) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    assert seen["organization"] == {"id": at.organization, "name": "Larkspur Press"}
    assert seen["application"] == {"id": at.application, "name": "Newsletter"}
    assert seen["provider"] == {"id": "openai", "label": "OpenAI"}
    assert (seen["instance"], seen["epoch"], seen["replaces"]) == (vault.config.instance, 1, False)
    assert issued.deposit_url == f"http://{HOST}/deposit#ticket={issued.ticket}"


@pytest.mark.parametrize(
    "host", ["evil.example", "", "vault.localhost.evil.example", "127.0.0.1", "console.localhost"]
)
async def test_a_request_for_another_host_is_refused(vault: Deployment, host: str) -> None:
    answer = await vault.request("GET", "/deposit", headers={"host": host})
    assert (answer.status, answer.code) == (421, "host_unknown")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{HOST}"},
        {"origin": f"http://{HOST}:1"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_post_from_another_page_is_refused(
    vault: Deployment, at: Addresses, headers: dict[str, str]
) -> None:
    issued = await vault.ticket(at)
    answer = await vault.post("/deposit/ticket", {"ticket": issued.ticket}, headers)
    assert (answer.status, answer.code) == (403, "origin_refused")


async def test_a_post_without_an_origin_is_refused(vault: Deployment) -> None:
    answer = await vault.request("POST", "/deposit", b"{}", {"content-type": "application/json"})
    assert answer.code == "origin_refused"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"]
)
async def test_a_body_of_another_type_is_refused(vault: Deployment, content_type: str) -> None:
    answer = await vault.post("/deposit/ticket", {"ticket": "x"}, {"content-type": content_type})
    assert (answer.status, answer.code) == (415, "not_json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"ticket": 1}',
        b'{"ticket": null}',
        b'{"ticket": "x", "more": 1}',
        b'{"ticket": "\xff"}',
        b'{"other": "x"}',
        b"[" * 4000,
    ],
)
async def test_a_malformed_body_is_refused(vault: Deployment, body: bytes) -> None:
    answer = await vault.post("/deposit/ticket", body)
    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize("path", ["/deposit", "/deposit/ticket"])
async def test_a_body_over_8_kib_is_refused(vault: Deployment, path: str) -> None:
    body = json.dumps({"ticket": "x" * 9000, "envelope": ""}).encode()
    assert (await vault.post(path, body)).code == "too_large"
    assert (await vault.post(path, b"{}", {"content-length": "99999999"})).code == "too_large"


async def test_a_body_that_grows_without_a_length_is_cut_off(vault: Deployment) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", vault.vault.port)
    head = f"POST /deposit HTTP/1.1\r\nhost: {HOST}\r\norigin: http://{HOST}\r\n"
    head += "content-type: application/json\r\n"
    writer.write(
        head.encode()
        + b"transfer-encoding: chunked\r\n\r\n"
        + b"2000\r\n"
        + b" " * 0x2000
        + b"\r\n1\r\n \r\n"
    )
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    writer.close()
    assert b" 413 " in answer


async def test_an_envelope_over_its_size_is_refused(vault: Deployment, at: Addresses) -> None:
    issued = await vault.ticket(at)
    answer = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": "A" * 2049})
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/assets/../kek",
        "/assets/%2e%2e/kek",
        "/assets/sealing.html",
        "/assets/brand.html",
        "/assets/",
        "/docs",
    ],
)
async def test_there_is_nothing_else(vault: Deployment, path: str) -> None:
    answer = await vault.request("GET", path)
    assert answer.status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_other_methods_are_refused(vault: Deployment, method: str) -> None:
    assert (await vault.request(method, "/deposit")).status == 405


async def test_guessing_tickets_is_slowed_down_and_does_not_hold_up_who_has_one(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    issued = await vault.ticket(at)
    answers = [await vault.view("A" * 43) for _ in range(31)]
    assert [answer.status for answer in answers] == [404] * 30 + [429]
    assert (answers[-1].code, answers[-1].headers["retry-after"]) == ("rate_limited", "60")
    assert (await vault.deposit(issued.ticket, canary_key())).status == 200
    clock.now_s += 60
    assert (await vault.view("A" * 43)).status == 404


async def test_no_address_and_no_path_of_a_request_is_logged(vault: Deployment, log: io.StringIO) -> None:
    before = len(log.getvalue())  # its own addresses it does tell, at start
    await vault.request("GET", "/canary-path?canary=1", headers={"user-agent": "canary"})
    assert "canary" not in log.getvalue()
    assert "127.0.0.1" not in log.getvalue()[before:]
