"""Draw docs/reference/errors.md from the tables of errors and endpoints, so that the page cannot say else.

Counterparts: `errors.py`, `wire/errors.py`, `endpoints.py`. `python -m sealgate.proxy.reference` writes the
page to standard output; a test fails when the committed page differs.
"""

import sys
from collections.abc import Iterable
from typing import Final

from sealgate.policy.refusals import REFUSAL_CODES
from sealgate.proxy.endpoints import NOT_OFFERED, PATHS, PREFIXES, Endpoint
from sealgate.proxy.errors import ERRORS, ErrorRow
from sealgate.proxy.wire.errors import REQUEST_FAULTS

_HEAD: Final = """\
# Errors of the proxy

This page is drawn from the tables in `src/sealgate/proxy/`; `make docs` draws it again.

Every error has OpenAI's shape, and says who can fix it:

    {"error": {"message", "type", "param", "code", "who": "user|time|administrator", "hint"}}

Every answer carries `x-request-id`; `retry-after` where waiting helps; `x-should-retry: false` where trying
the same again is useless (OpenAI's SDKs retry 408, 409, 429 and 5xx by themselves). Within a stream that has
begun, the error is the last event. A provider's own words are never relayed: they hold parts of keys.
"""


def error_reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join((_HEAD, _endpoints(), _errors(), _requests(), _wire()))


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def _endpoints() -> str:
    served = [_endpoint(path, route.endpoint) for path, route in PATHS.items()]
    served += [_endpoint(path + b"\xe2\x80\xa6", prefix.endpoint) for path, prefix in PREFIXES.items()]
    refused = [(f"`{path.decode()}`", reason) for path, reason in NOT_OFFERED.items()]
    return "\n".join(
        (
            _table("What is served", ("endpoint", "a session needs"), served),
            _table("What is refused, and why", ("below", "because"), refused),
        )
    )


def _endpoint(path: bytes, endpoint: Endpoint) -> tuple[str, str]:
    family = "…" if endpoint.permission.endswith(":") else ""
    needs = f"`{endpoint.permission}{family}`" if endpoint.permission else "–"
    return f"`{endpoint.method.decode()} {path.decode()}`", needs


def _errors() -> str:
    rows = (_error(code, row) for code, row in ERRORS.items())
    head = ("code", "status", "type", "who", "message", "hint", "retry", "outcome")
    return _table("Errors", head, rows)


def _error(code: str, row: ErrorRow) -> tuple[str, ...]:
    retry = "yes" if row.retry else "no"
    return (
        f"`{code}`",
        str(row.status),
        f"`{row.type}`",
        row.who.value,
        row.message,
        row.hint,
        retry,
        f"`{row.outcome.value}`",
    )


def _requests() -> str:
    rows = ((f"`{code}`", str(status), meaning) for code, (status, meaning) in REFUSAL_CODES.items())
    return _table("Requests that the policy refuses", ("code", "status", "meaning"), rows)


def _wire() -> str:
    rows = (
        (f"`{code}`", str(status), message, hint) for code, (status, message, hint) in REQUEST_FAULTS.items()
    )
    return _table(
        "Requests that break HTTP (the connection is closed)", ("code", "status", "message", "hint"), rows
    )


if __name__ == "__main__":
    sys.stdout.write(error_reference())
