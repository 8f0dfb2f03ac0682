"""The table of errors: complete, documented, and honest about who can fix what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.refusals import REFUSAL_CODES, Refusal
from sealgate.proxy.errors import ERRORS, ProxyError, Who, from_policy, from_wire
from sealgate.proxy.reference import error_reference
from sealgate.proxy.wire.errors import REQUEST_FAULTS, WireError

ROOT = Path(__file__).parents[2]
PROXY = ROOT / "src" / "sealgate" / "proxy"
FAULTS_OF_A_CLIENT = {Outcome.REFUSED_REQUEST, Outcome.REFUSED_SESSION, Outcome.REFUSED_POLICY}


def test_the_committed_page_is_the_one_that_the_tables_draw() -> None:
    page = ROOT / "docs" / "reference" / "errors.md"
    assert page.read_text() == error_reference(), "`make docs` draws it again"


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_says_what_to_do(code: str) -> None:
    row = ERRORS[code]
    assert row.message.endswith(".")
    assert row.hint.endswith((".", "`"))
    assert 400 <= row.status < 600


FREED_AT_MIDNIGHT = {"budget_used_up", "budget_cut"}


@pytest.mark.parametrize("code", ERRORS)
def test_only_what_time_fixes_may_be_retried(code: str) -> None:
    assert ERRORS[code].retry is (ERRORS[code].who is Who.TIME and code not in FREED_AT_MIDNIGHT)


def test_every_code_that_the_proxy_raises_is_in_the_table_and_every_row_is_used() -> None:
    source = "".join(
        path.read_text() for path in PROXY.rglob("*.py") if path.name not in {"errors.py", "reference.py"}
    )
    raised = set(re.findall(r"ProxyError\(\s*\"(\w+)\"", source))
    assert raised <= set(ERRORS)
    mentioned = set(re.findall(r"\"(\w+)\"", source)) | set(REQUEST_FAULTS) | set(REFUSAL_CODES)
    mentioned |= {"invalid_session", "session_expired", "session_not_yet_valid", "session_wrong_audience"}
    mentioned |= {"session_claims_invalid", "request_malformed", "invalid_request"}
    assert set(ERRORS) <= mentioned


@pytest.mark.parametrize("code", REQUEST_FAULTS)
def test_a_client_that_breaks_http_is_told_how_in_openais_shape(code: str) -> None:
    error = from_wire(WireError(code))
    told = json.loads(error.to_json())["error"]
    assert (error.status, told["code"]) == (REQUEST_FAULTS[code][0], code)
    assert set(told) == {"message", "type", "param", "code", "who", "hint"}


@pytest.mark.parametrize("code", REFUSAL_CODES)
def test_a_refusal_of_the_policy_keeps_its_words_and_its_field(code: str) -> None:
    error = from_policy(Refusal(code, "Because.", "messages[0]", "Do this."))
    told = json.loads(error.to_json())["error"]
    assert (error.status, told["code"], told["param"]) == (REFUSAL_CODES[code][0], code, "messages[0]")
    assert told["hint"] == "Do this."
    assert error.row.outcome in FAULTS_OF_A_CLIENT


def test_a_useless_retry_is_forbidden_and_a_useful_one_is_timed() -> None:
    assert (b"x-should-retry", b"false") in ProxyError("vault_unavailable").headers()
    headers = dict(ProxyError("rate_limited", retry_after_s=3).headers())
    assert headers[b"retry-after"] == b"3"
    assert b"x-should-retry" not in headers
