"""The official OpenAI SDKs, Python and Node, unmodified, with a base URL and a session token."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import openai
import pytest

from tests.e2e.running_demo import RunningDemo, wait_for

ROOT = Path(__file__).parent.parent.parent
QUESTION = "Say something kind about gardens in two sentences."


def python_client(demo: RunningDemo, token: str | None = None) -> openai.OpenAI:
    return openai.OpenAI(api_key=token or demo.token(), base_url=f"{demo.proxy_url}/v1", max_retries=0)


def test_python_answers_whole(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        answer = client.chat.completions.create(
            model="gpt-sim", messages=[{"role": "user", "content": QUESTION}]
        )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_python_streams_without_the_usage_chunk_that_it_did_not_ask_for(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        stream = client.chat.completions.create(
            model="gpt-sim", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        chunks = list(stream)
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) > 3
    assert all(chunk.usage is None for chunk in chunks)


def test_python_streams_with_the_usage_chunk_that_it_asked_for(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        stream = client.chat.completions.create(
            model="gpt-sim",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


def test_python_reads_the_reason_of_a_refusal(demo: RunningDemo) -> None:
    with python_client(demo) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="gpt-unknown", messages=[{"role": "user", "content": "x"}])
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["code"] == "model_not_allowed"
    assert body["who"] == "administrator"
    assert "gpt-unknown" in body["message"]


@pytest.mark.node
def test_node_answers_whole_and_streams(demo: RunningDemo) -> None:
    script = """
      import OpenAI from "openai";
      const client = new OpenAI({ apiKey: process.env.TOKEN, baseURL: process.env.BASE_URL, maxRetries: 0 });
      const ask = { model: "gpt-sim", messages: [{ role: "user", content: process.env.QUESTION }] };
      const whole = await client.chat.completions.create(ask);
      let streamed = "", pieces = 0;
      for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
        streamed += chunk.choices[0].delta.content ?? ""; pieces += 1;
      }
      let refused = "";
      try { await client.chat.completions.create({ ...ask, surprise: 1 }); }
      catch (error) { refused = `${error.status} ${error.code} ${error.param}`; }
      console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, pieces, refused }));
    """
    done = subprocess.run(
        [ROOT / ".venv" / "node" / "bin" / "node", "--input-type=module", "-e", script],
        cwd=ROOT / "web",
        env={
            "PATH": os.environ["PATH"],
            "TOKEN": demo.token("node-user"),
            "BASE_URL": f"{demo.proxy_url}/v1",
            "QUESTION": QUESTION,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["whole"] == told["streamed"]
    assert told["pieces"] > 3
    assert told["refused"].startswith("400 ")
    assert told["refused"].endswith(" surprise")


def test_each_use_is_counted_once_with_its_tokens_and_without_its_text(demo: RunningDemo) -> None:
    with python_client(demo, demo.token("counted-user")) as client:
        answer = client.chat.completions.with_raw_response.create(
            model="gpt-sim-mini", messages=[{"role": "user", "content": "Count me: zebra-quartz-umbrella."}]
        )
    request = answer.headers["x-request-id"]
    wait_for(lambda: any(row["request"] == request for row in demo.usage()))
    rows = [row for row in demo.usage() if row["request"] == request]
    usage = answer.parse().usage
    assert usage is not None
    assert len(rows) == 1
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"]) == (
        usage.prompt_tokens,
        usage.completion_tokens,
    )
    assert rows[0]["outcome"] == "completed"
    assert "counted-user" not in str(dict(rows[0]))
    assert "zebra" not in str(dict(rows[0]))
