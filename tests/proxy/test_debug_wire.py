"""`--debug-wire` tells what comes and goes, and not one byte of what somebody sent."""

from __future__ import annotations

import re

import msgspec
import pytest

from sealgate.proxy.debug_wire import EVENTS, HEADERS
from tests.proxy.world import KEY, World, prompt, until

LINE = re.compile(r"wire (client|provider)-\d+ (>>|<<) .+")


async def test_both_hops_are_shown_in_events_and_commands(
    stopped: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await stopped.start_proxy(debug_wire=True)
    await stopped.connected()
    assert (await stopped.chat()).status == 200
    lines = capfd.readouterr().err.splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    told = "\n".join(lines)
    for expected in (
        r"client-1 >> connected",
        r"client-1 >> request chat.completions, body \d+ bytes, headers authorization .*others",
        r"client-1 >> request over",
        r"provider-1 >> connected",
        r"provider-1 << request, \d+ \+ \d+ bytes",
        r"provider-1 >> response 200, headers .*content-type",
        r"provider-1 >> response over, whole",
        r"client-1 << response 200, \d+ bytes",
    ):
        assert re.search(expected, told), expected
    assert "wire_shown" in stopped.log.getvalue()


async def test_nothing_that_anybody_sent_is_shown(stopped: World, capfd: pytest.CaptureFixture[str]) -> None:
    await stopped.start_proxy(debug_wire=True)
    await stopped.connected()
    token = stopped.token(user="canary-user")
    for model in ("gpt-test", "echo-401", "html-500", "truncated", "garbage", "error-event", "smuggle"):
        for stream in (False, True):
            await stopped.chat(
                prompt(model, stream=stream), token=token, x_canary="canary", x_request_id="canary-id"
            )
    await stopped.get("/canary?canary=1", token=token)
    await stopped.action({"text": "canary", "parameters": {}}, token=token)
    browser = await stopped.browser()
    browser.send(b"GET /canary HTTP/1.1\r\nhost: proxy.localhost\r\ncanary canary: canary\r\n\r\n")
    await browser.closed()
    browser = await stopped.stream(token=token)
    browser.close()
    await until(lambda: not stopped.running.parts.running)
    told = capfd.readouterr().err
    parts = (KEY, *token.split("."), "canary", "Short", "acme-corp", "newsletter", "gpt-test", "127.0.0.1")
    for canary in parts:
        assert canary not in told, canary
    assert len(told.splitlines()) > 50  # the hunt had something to look through


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "proxy.example"])
async def test_beyond_loopback_it_is_refused(stopped: World, host: str) -> None:
    with pytest.raises(ValueError, match=r"debug-wire.*hint: listen on 127\.0\.0\.1"):
        msgspec.structs.replace(stopped.config, host=host, debug_wire=True).__post_init__()


def test_what_may_be_shown_is_lower_case_names() -> None:
    assert all(re.fullmatch(r"[a-z][a-z._-]*", name) for name in (*HEADERS, *EVENTS))
