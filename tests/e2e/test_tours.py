"""Clients beside OpenAI's own: LangChain and Vercel's AI SDK, unmodified, as `examples/tours` has them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_demo import RunningDemo, wait_for
from tests.e2e.test_sdks import ROOT

pytestmark = pytest.mark.tours

TOURS = ROOT / "examples" / "tours"


def tour(demo: RunningDemo, program: Path, script: str, user: str) -> dict[str, Any]:
    done = subprocess.run(
        [program, TOURS / script],
        env={"PATH": os.environ["PATH"], "TOKEN": demo.token(user), "BASE_URL": f"{demo.proxy_url}/v1"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def check_text(told: dict[str, Any]) -> None:
    assert told["whole"]
    assert told["streamed"] == told["whole"]


def check_common(told: dict[str, Any]) -> None:
    for api in ("chat", "responses"):
        check_text(told[api])
    assert told["chat"]["pieces"] > 3
    assert (told["chat"]["with_tool"], told["chat"]["with_schema"]) == (True, True)
    assert told["embeddings"] == {"vectors": [1536, 1536]}
    assert told["refusal"] == {"status": 403, "code": "model_not_allowed"}


def endpoints_of(demo: RunningDemo, before: int, count: int) -> list[str]:
    """What the console counted since: each call once, all of them completed."""
    wait_for(lambda: len(demo.usage()) >= before + count)
    rows = demo.usage()[before:]
    assert {row["outcome"] for row in rows} == {"completed"}
    return sorted(row["endpoint"] for row in rows)


def test_langchain_walks_through_every_endpoint_that_it_knows(demo: RunningDemo) -> None:
    before = len(demo.usage())
    told = tour(demo, ROOT / ".venv" / "tours" / "bin" / "python", "langchain_tour.py", "langchain-user")
    check_common(told)
    assert told["chat"]["usage"]["output_tokens"] > 0
    assert endpoints_of(demo, before, 7) == ["chat.completions"] * 4 + ["embeddings"] + ["responses"] * 2


@pytest.mark.node
def test_vercels_sdk_walks_through_every_endpoint_that_it_knows(demo: RunningDemo) -> None:
    before = len(demo.usage())
    told = tour(demo, ROOT / ".venv" / "node" / "bin" / "node", "vercel_tour.mjs", "vercel-user")
    check_common(told)
    for api in ("chat", "responses"):
        assert (told[api]["finish"], told[api]["usage"]["outputTokens"] > 0) == ("stop", True)
    assert told["media"]["png"] == "PNG"
    assert "simulated transcript" in told["media"]["heard"]
    media = ["audio.speech", "audio.transcriptions", "images.generations"]
    texts = ["chat.completions"] * 4 + ["responses"] * 4
    assert endpoints_of(demo, before, 12) == sorted([*media, *texts, "embeddings"])
