"""What the provider for tests says on the endpoints beside chat completions, whole, streamed and broken."""

from __future__ import annotations

import json
from typing import Any

WORDS = ("Short", " and", " clear", ".")

RESPONSES_USAGE = {
    "input_tokens": 13,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 18,
}


def response(status: str = "completed", **more: Any) -> dict[str, Any]:
    """One response, as it stands in events and as a whole answer."""
    part = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": [item],
        "usage": RESPONSES_USAGE,
        **more,
    }


def typed(kind: str, sequence_number: int, **more: Any) -> bytes:
    """One event of the Responses API, with its name and its type."""
    data = {"type": kind, "sequence_number": sequence_number, **more}
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def opening() -> bytes:
    """The events before the first word."""
    return typed("response.created", 0, response=response("in_progress", output=[], usage=None))


def words(*said: str) -> bytes:
    """One event per word."""
    return b"".join(
        typed("response.output_text.delta", index, item_id="msg_1", delta=word)
        for index, word in enumerate(said, 1)
    )


ERROR = {"code": "server_error", "message": "acme-corp broke with sk-canary"}
RESPONSES_STREAM = opening() + words(*WORDS) + typed("response.completed", 5, response=response())
RESPONSES_STREAMS: dict[str, bytes] = {
    "resp-incomplete": opening()
    + words(*WORDS)
    + typed(
        "response.incomplete",
        5,
        response=response("incomplete", incomplete_details={"reason": "max_output_tokens"}),
    ),
    "resp-failed": opening()
    + words("Short")
    + typed("response.failed", 2, response=response("failed", error=ERROR, output=[])),
    "resp-error-event": opening() + words("Short") + typed("error", 2, param=None, **ERROR),
    "resp-silent": opening() + words(*WORDS) + typed("response.completed", 5, response=response(usage=None)),
    "resp-truncated": opening() + words("Short", " and"),
}
RESPONSES_WHOLES: dict[str, dict[str, Any]] = {
    "resp-incomplete": response("incomplete", incomplete_details={"reason": "content_filter"}),
    "resp-failed": response("failed", error=ERROR, output=[]),
    "resp-silent": response(usage=None),
}

EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
    "model": "gpt-test",
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
MODERATIONS = {
    "id": "modr-1",
    "model": "omni-moderation-latest",
    "results": [{"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.01}}],
}
WHOLES: dict[str, dict[str, Any]] = {"/embeddings": EMBEDDINGS, "/moderations": MODERATIONS}
MODELS = tuple(RESPONSES_STREAMS)


def whole_answer(target: str, model: str, otherwise: dict[str, Any]) -> dict[str, Any]:
    """The JSON answer of an endpoint, by the end of its path."""
    if target.endswith("/responses"):
        return RESPONSES_WHOLES.get(model, response())
    return next((answer for end, answer in WHOLES.items() if target.endswith(end)), otherwise)


def stream_of(target: str, model: str, otherwise: bytes) -> bytes:
    """The whole stream of an endpoint."""
    return RESPONSES_STREAMS.get(model, RESPONSES_STREAM) if target.endswith("/responses") else otherwise
