"""The meter: what the provider says, what is estimated where it does not, and what may be relayed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.assistant_relay import Delta, chat_delta
from sealgate.proxy.metering import ChatMeter, Usage, Verdict
from sealgate.proxy.wire.errors import UpstreamWireError

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
REPORTED = Usage(11, 7, 5, 3, estimated=False, finish_reason="stop", saw_end=True)


def chunk(text: str | None = None, finish_reason: str | None = None, **more: object) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps({"id": "c", "choices": [choice], **more}).encode()


def closing(usage: object) -> bytes:
    return json.dumps({"id": "c", "choices": [], "usage": usage}).encode()


def meter(*events: bytes | None, input_bytes: int = 40, usage_asked: bool = False) -> ChatMeter:
    made = ChatMeter(input_bytes=input_bytes, usage_asked=usage_asked)
    for event in events:
        made.event(event)
    return made


def test_a_streams_usage_is_what_the_provider_says_at_its_end() -> None:
    made = meter(
        chunk("", usage=None), chunk("Hi", usage=None), chunk(None, "stop"), closing(USAGE), b"[DONE]"
    )
    assert made.usage() == REPORTED


def test_a_json_bodys_usage_is_what_the_provider_says() -> None:
    made = ChatMeter(input_bytes=40, usage_asked=False)
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": USAGE}
    assert made.body(json.dumps(body).encode()) is Verdict.RELAY
    assert made.usage() == REPORTED


@pytest.mark.parametrize(("usage_asked", "verdict"), [(False, Verdict.WITHHOLD), (True, Verdict.RELAY)])
def test_the_closing_usage_chunk_is_withheld_unless_it_was_asked_for(
    usage_asked: bool, verdict: Verdict
) -> None:
    assert ChatMeter(input_bytes=0, usage_asked=usage_asked).event(closing(USAGE)) is verdict


@pytest.mark.parametrize(
    "data",
    [
        b"[DONE]",
        chunk("Hi", usage=None),
        chunk("Hi", usage=USAGE),
        chunk('","usage":{"prompt_tokens":1}'),
        json.dumps({"choices": [], "prompt_filter_results": []}).encode(),
        json.dumps({"type": "something.new", "payload": {"a": [1]}}).encode(),
        b'{"choices":[{"delta":{"content":["parts"]}}]}',
        b'{"choices":[{"delta":{"content":"\\ud800"}}]}',
    ],
)
def test_everything_else_is_relayed(data: bytes) -> None:
    assert ChatMeter(input_bytes=0, usage_asked=False).event(data) is Verdict.RELAY


@pytest.mark.parametrize("data", [None, b""], ids=["comment", "empty"])
def test_what_has_no_content_is_withheld(data: bytes | None) -> None:
    assert ChatMeter(input_bytes=0, usage_asked=False).event(data) is Verdict.WITHHOLD


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"message":"Incorrect API key provided: sk-a"}}',
        b'{"error":"sk-a"}',
        b'{"id":"c","choices":[],"error":{"message":"sk-a"}}',
        b'{"error":{"message":"sk-a"',
        b'{"err\\u006fr":{"message":"sk-a"}}',
        b'{"choices":5,"err\\u006fr":{"message":"sk-a"}}',
        b'{"error":{"message":"sk-a"},"error":null}',
        b'{"errors":[{"message":"sk-a"}]}',
        b'{"type":"error","message":"sk-a"}',
        b'{"type":"invalid_request_error"}',
        b'{"message":"sk-a"}',
        b'["sk-a","error"]',
    ],
)
def test_an_error_inside_a_stream_is_never_relayed(data: bytes) -> None:
    assert ChatMeter(input_bytes=0, usage_asked=True).event(data) is Verdict.ERROR
    assert ChatMeter(input_bytes=0, usage_asked=True).body(data) is Verdict.ERROR


def test_a_null_error_is_no_error() -> None:
    assert ChatMeter(input_bytes=0, usage_asked=True).event(chunk("Hi", error=None)) is Verdict.RELAY


def test_an_aborted_stream_is_estimated_from_its_deltas() -> None:
    made = meter(chunk(""), chunk("Hi"), chunk(" you"), chunk("!"))
    assert made.usage() == Usage(10, 3, 0, 0, estimated=True, finish_reason=None, saw_end=False)


def test_deltas_of_many_tokens_are_estimated_from_their_bytes() -> None:
    assert meter(chunk("a" * 99)).usage().output_tokens == 25
    assert meter(chunk("é" * 50)).usage().output_tokens == 25


def test_tool_arguments_and_refusals_count_as_output() -> None:
    call = {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "x" * 40}}]}}]}
    refusal = {"choices": [{"delta": {"refusal": "x" * 40}}]}
    made = meter(json.dumps(call).encode(), json.dumps(refusal).encode())
    assert made.usage().output_tokens == 20


def test_a_whole_stream_without_usage_is_estimated_and_has_its_end() -> None:
    usage = meter(chunk("Hi"), chunk(None, "length"), b"[DONE]").usage()
    assert (usage.estimated, usage.saw_end, usage.finish_reason) == (True, True, "length")


def test_a_stream_that_stops_after_its_usage_is_counted_but_has_no_end() -> None:
    usage = meter(chunk("Hi", "stop"), closing(USAGE)).usage()
    assert (usage.estimated, usage.saw_end) == (False, False)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 2**63},
        {"prompt_tokens": "1", "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": 5},
        [],
        "a lot",
    ],
)
def test_a_usage_that_makes_no_sense_leaves_the_estimate_and_the_stream(usage: object) -> None:
    made = meter(chunk("Hi"))
    assert made.event(closing(usage)) is Verdict.WITHHOLD
    assert made.usage() == Usage(10, 1, 0, 0, estimated=True, finish_reason=None, saw_end=False)


def test_usage_without_details_has_none_cached_and_none_reasoned() -> None:
    usage = meter(
        closing({"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None})
    ).usage()
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == (
        1,
        2,
        0,
        0,
    )


def test_a_finish_reason_of_the_providers_own_words_is_not_kept() -> None:
    assert meter(chunk("Hi", "Dear Ms Miller")).usage().finish_reason == "other"
    assert chat_delta(chunk("Hi", "Dear Ms Miller")).finish_reason == "other"


def test_a_meter_shows_and_keeps_nothing_of_the_content() -> None:
    made = meter(chunk("sekrit"))
    kept = [getattr(made, name) for name in ChatMeter.__slots__]
    assert "sekrit" not in f"{made!r} {kept!r} {made.usage()!r}"


@pytest.mark.parametrize(
    ("data", "delta"),
    [
        (chunk("Hé"), Delta("Hé", None)),
        (chunk(None, "stop"), Delta("", "stop")),
        (chunk("", None), Delta("", None)),
        (closing(USAGE), Delta("", None)),
        (b"[DONE]", Delta("", None)),
        (b'{"choices":[{"delta":{"content":null,"refusal":"No."}}]}', Delta("No.", None)),
        (b'{"choices":[{"delta":{"role":"assistant","content":"a"}}],"new":1}', Delta("a", None)),
    ],
)
def test_the_assistant_gets_text_and_finish_reason(data: bytes, delta: Delta) -> None:
    assert chat_delta(data) == delta


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"choices":[{"delta":{"content":5}}]}', b"[" * 100_000])
def test_an_event_that_is_no_chunk_is_malformed_for_the_assistant(data: bytes) -> None:
    with pytest.raises(UpstreamWireError) as caught:
        chat_delta(data)
    assert caught.value.code == "event_malformed"


@given(st.binary(max_size=200))
def test_arbitrary_data_never_breaks_the_meter(data: bytes) -> None:
    made = meter(data, b'{"choices":[{"delta":{"content":"' + data + b'"}}]}')
    made.body(data)
    assert made.usage().estimated
