"""Microseconds per operation of the wire and the meter: `python bench/wire.py`.

Figures compare two states of the code on one machine in one run; an absolute one means nothing elsewhere.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable

from sealgate.proxy.metering import ChatMeter, chat_delta
from sealgate.proxy.wire.events import WireLimits
from sealgate.proxy.wire.requests import RequestReader
from sealgate.proxy.wire.responses import ResponseReader
from sealgate.proxy.wire.sse import EventSplitter
from sealgate.proxy.wire.write import SecretRequest, chunk, response_head

BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"' + b"word " * 190 + b'"}]}'
# As the official Python client sends it.
REQUEST = b"\r\n".join(
    [
        b"POST /v1/chat/completions HTTP/1.1",
        b"Host: proxy.localhost:8702",
        b"Accept-Encoding: gzip, deflate",
        b"Connection: keep-alive",
        b"Accept: application/json",
        b"Content-Type: application/json",
        b"User-Agent: OpenAI/Python 3.54.0",
        b"X-Stainless-Lang: python",
        b"X-Stainless-Package-Version: 3.54.0",
        b"X-Stainless-OS: Linux",
        b"X-Stainless-Arch: x64",
        b"X-Stainless-Runtime: CPython",
        b"X-Stainless-Runtime-Version: 3.11.7",
        b"Authorization: Bearer " + b"e" * 400,
        b"x-stainless-retry-count: 0",
        b"Content-Length: %d" % len(BODY),
        b"",
        BODY,
    ]
)
HEAD, _, _ = REQUEST.partition(BODY)
EVENT = (
    b'data: {"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk",'
    b'"created":1741570283,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",'
    b'"system_fingerprint":"fp_06737a9306","choices":[{"index":0,"delta":{"content":" word"},'
    b'"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"Zr3Xq"}\n\n'
)
RESPONSE_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"x-request-id", b"req_abcdefghij0123456789"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after, x-request-id, x-sealgate-remaining-requests"),
    (b"cache-control", b"no-store"),
]


def request_whole() -> Callable[[], object]:
    reader = RequestReader(WireLimits(), frozenset({b"proxy.localhost"}))

    def operation() -> None:
        reader.feed(REQUEST)
        reader.next()

    return operation


def request_in_two() -> Callable[[], object]:
    reader = RequestReader(WireLimits(), frozenset({b"proxy.localhost"}))

    def operation() -> None:
        reader.feed(HEAD)
        reader.feed(BODY)
        reader.next()

    return operation


def response_whole() -> Callable[[], object]:
    reader = ResponseReader()
    message = response_head(200, RESPONSE_HEADERS, length_bytes=len(BODY)) + BODY

    def operation() -> None:
        reader.feed(message)
        reader.next()

    return operation


def response_chunk() -> Callable[[], object]:
    reader = ResponseReader()
    reader.feed(response_head(200, RESPONSE_HEADERS, chunked=True))
    message = chunk(EVENT)
    return lambda: reader.feed(message)


def events(count: int) -> Callable[[], object]:
    splitter = EventSplitter()
    stream = EVENT * count
    return lambda: splitter.feed(stream)


def events_with_carriage_returns() -> Callable[[], object]:
    splitter = EventSplitter()
    stream = EVENT.replace(b"\n", b"\r\n")
    return lambda: splitter.feed(stream)


def metered() -> Callable[[], object]:
    meter = ChatMeter(input_bytes=1_000, usage_asked=False)
    return lambda: meter.event(EVENT[6:-2])


def streamed_event() -> Callable[[], object]:
    """What one event costs on its way: chunk in, event, meter, chunk out."""
    reader, splitter = ResponseReader(), EventSplitter()
    meter = ChatMeter(input_bytes=1_000, usage_asked=False)
    reader.feed(response_head(200, RESPONSE_HEADERS, chunked=True))
    message = chunk(EVENT)

    def operation() -> None:
        for part in reader.feed(message):
            for event in splitter.feed(part.data):  # type: ignore[union-attr]
                meter.event(event.data)
                chunk(event.raw)

    return operation


def secret_request() -> Callable[[], object]:
    request, key = SecretRequest(), memoryview(b"k" * 164)
    headers = [
        (b"accept", b"text/event-stream"),
        (b"content-type", b"application/json"),
        (b"user-agent", b"Sealgate"),
    ]

    def operation() -> None:
        request.fill(b"POST", b"/v1/chat/completions", b"api.openai.com", headers, key=key, length_bytes=900)
        request.wipe()

    return operation


OPERATIONS: dict[str, Callable[[], object]] = {
    "request: head and 1 KB body in one read": request_whole(),
    "request: head and body in two reads": request_in_two(),
    "response: head and 1 KB body in one read": response_whole(),
    "response: one chunk": response_chunk(),
    "events: one in a read": events(1),
    "events: eight in a read": events(8),
    "events: one with CR LF": events_with_carriage_returns(),
    "meter: one event": metered(),
    "assistant: text of one event": lambda: chat_delta(EVENT[6:-2]),
    "write: upstream request head with key, wiped": secret_request(),
    "write: response head": lambda: response_head(200, RESPONSE_HEADERS, chunked=True),
    "write: one chunk": lambda: chunk(EVENT),
    "one streamed event, all of its way": streamed_event(),
}


def main() -> None:
    """Each operation's best of seven rounds."""
    for name, operation in OPERATIONS.items():
        rounds = timeit.repeat(operation, number=5_000, repeat=7, timer=time.process_time)
        sys.stdout.write(f"{name:<46}{min(rounds) / 5_000 * 1e6:8.2f} µs\n")


if __name__ == "__main__":
    main()
