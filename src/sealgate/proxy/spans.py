"""A span of an exchange, made of its usage record after its end; and what is taken of `traceparent`. Pure.

Counterparts: `accounting.py` makes the record, `telemetry.py` keeps spans, `otlp.py` writes them. Names are
those of OpenTelemetry's conventions for generative AI. Must never have a field for content, or for who asked:
not even the pseudonym, which stays with the usage row that `sealgate.request` leads to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sealgate.messages.feed import Outcome, UsageRecord

Value = str | int | bool
Attributes = Mapping[str, Value]

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,64})?")
_SAMPLED: Final = 0x01
_WELL: Final = frozenset({Outcome.COMPLETED, Outcome.CANCELLED})

OPERATIONS: Final[Mapping[str, str]] = {
    "chat.completions": "chat",
    "responses": "chat",
    "assistant.actions": "chat",
    "assistant.prompt": "chat",
    "embeddings": "embeddings",
    "moderations": "moderation",
    "images.generations": "generate_content",
    "images.edits": "generate_content",
    "audio.speech": "generate_content",
    "audio.transcriptions": "generate_content",
    "audio.translations": "generate_content",
}
"""`gen_ai.operation.name` by endpoint; `moderation` is ours, since there is none."""

PROVIDER_NAMES: Final[Mapping[str, str]] = {"google": "gcp.gemini", "mistral": "mistral_ai"}
"""`gen_ai.provider.name` where it is not our own name."""


def operation(record: UsageRecord) -> str:
    """`gen_ai.operation.name`."""
    return OPERATIONS[record.endpoint]


def provider(record: UsageRecord) -> str:
    """`gen_ai.provider.name`; empty where nobody was asked."""
    return PROVIDER_NAMES.get(record.provider, record.provider)


ATTRIBUTES: Final[Mapping[str, Callable[[UsageRecord], Value | None]]] = {
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": lambda of: of.model,
    "gen_ai.usage.input_tokens": lambda of: of.input_tokens,
    "gen_ai.usage.output_tokens": lambda of: of.output_tokens,
    "gen_ai.usage.cache_read.input_tokens": lambda of: of.cached_tokens,
    "server.address": lambda of: urlsplit(of.origin).hostname,
    "server.port": lambda of: urlsplit(of.origin).port or (443 if of.origin else None),
    "http.response.status_code": lambda of: of.status or None,
    "error.type": lambda of: None if of.outcome in _WELL else of.outcome.value,
    "sealgate.request": lambda of: of.request,
    "sealgate.organization": lambda of: of.organization,
    "sealgate.application": lambda of: of.application,
    "sealgate.credential": lambda of: of.credential,
    "sealgate.endpoint": lambda of: of.endpoint,
    "sealgate.action": lambda of: of.action,
    "sealgate.outcome": lambda of: of.outcome.value,
    "sealgate.tries": lambda of: of.tries,
    "sealgate.estimated": lambda of: of.estimated,
    "sealgate.first_byte_ms": lambda of: of.first_byte_ms or None,
}
"""Everything that a span says; what is empty is left out."""


class Parent(msgspec.Struct, frozen=True):
    """The caller's span, from `traceparent`."""

    trace: bytes
    span: bytes
    sampled: bool


class Span(msgspec.Struct, frozen=True):
    """One exchange."""

    trace: bytes
    span: bytes
    parent: bytes
    name: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Attributes


def parse_traceparent(value: bytes | None) -> Parent | None:
    """The caller's span (W3C Trace Context §3.2); None for what is not well-formed, which is ignored."""
    match = _TRACEPARENT.fullmatch(value) if value is not None and len(value) <= 128 else None
    if match is None or match[1] == b"ff" or (match[1] == b"00" and match[5] is not None):
        return None
    trace, span = bytes.fromhex(match[2].decode()), bytes.fromhex(match[3].decode())
    if not any(trace) or not any(span):
        return None
    return Parent(trace, span, bool(int(match[4], 16) & _SAMPLED))


def span_of(record: UsageRecord, parent: Parent | None, ids: bytes) -> Span:
    """The span of an exchange; `ids` are 24 random bytes, of which a caller's trace replaces the first 16."""
    start_ns = int(record.started_at * 1e9)
    said = {name: value(record) for name, value in ATTRIBUTES.items()}
    return Span(
        trace=parent.trace if parent else ids[:16],
        span=ids[16:24],
        parent=parent.span if parent else b"",
        name=f"{operation(record)} {record.model}",
        start_ns=start_ns,
        end_ns=start_ns + record.duration_ms * 1_000_000,
        failed=record.outcome not in _WELL,
        attributes={name: value for name, value in said.items() if value is not None and value != ""},
    )
