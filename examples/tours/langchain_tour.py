"""LangChain's OpenAI client, unmodified, through Sealgate: a base URL and a session token instead of a key.

Counterpart: `vercel_tour.mjs`, the same for Vercel's AI SDK. README.md says how to run it.
"""

from __future__ import annotations

import json
import os
import sys

import openai
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

MODEL = os.environ.get("MODEL", "gpt-sim")
EMBEDDER = os.environ.get("EMBEDDER", "text-embedding-3-small")
BASE_URL, TOKEN = os.environ["BASE_URL"], SecretStr(os.environ["TOKEN"])
ASKED = [SystemMessage("You are kind."), HumanMessage("Say something about gardens in two sentences.")]


LETTER = {
    "type": "json_schema",
    "json_schema": {
        "name": "letter",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"subject": {"type": "string"}, "body": {"type": "string"}},
            "required": ["subject", "body"],
            "additionalProperties": False,
        },
    },
}


def weather(town: str) -> str:
    """The weather in a town."""
    return f"Mild in {town}."


def client(**more: object) -> ChatOpenAI:
    """A chat model behind the proxy."""
    return ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=TOKEN, max_retries=0, **more)


def chat() -> dict[str, object]:
    """Chat completions: whole, streamed with its usage, with a tool and with a schema on offer."""
    whole = client().invoke(ASKED)
    pieces = list(client(stream_usage=True).stream(ASKED))
    with_tool = client().bind_tools([weather]).invoke(ASKED)
    with_schema = client().bind(response_format=LETTER).invoke(ASKED)
    return {
        "whole": whole.text,
        "streamed": "".join(piece.text for piece in pieces),
        "pieces": len(pieces),
        "usage": [piece.usage_metadata for piece in pieces if piece.usage_metadata][-1],
        "with_tool": bool(with_tool.text or with_tool.tool_calls),
        "with_schema": bool(with_schema.text),
    }


def responses() -> dict[str, object]:
    """The Responses API: whole and streamed."""
    model = client(use_responses_api=True)
    return {
        "whole": model.invoke(ASKED).text,
        "streamed": "".join(piece.text for piece in model.stream(ASKED)),
    }


def embeddings() -> dict[str, object]:
    """Embeddings. Token counting is left to the provider: LangChain would download a table for it."""
    model = OpenAIEmbeddings(
        model=EMBEDDER, base_url=BASE_URL, api_key=TOKEN, check_embedding_ctx_length=False, max_retries=0
    )
    return {"vectors": [len(vector) for vector in model.embed_documents(["a lark", "a heron"])]}


def refusal() -> dict[str, object]:
    """A model that the application does not offer: the client's own exception, with the reason."""
    try:
        ChatOpenAI(model="gpt-unknown", base_url=BASE_URL, api_key=TOKEN, max_retries=0).invoke(ASKED)
    except openai.PermissionDeniedError as error:
        return {"status": error.status_code, "code": error.code}
    raise SystemExit("a model that is not offered was answered")


if __name__ == "__main__":
    told = {each.__name__: each() for each in (chat, responses, embeddings, refusal)}
    sys.stdout.write(f"{json.dumps(told)}\n")
