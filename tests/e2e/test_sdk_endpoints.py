"""The official SDKs, unmodified, on the endpoints beside chat completions."""

from __future__ import annotations

import json
import os
import subprocess

import openai
import pytest

from tests.e2e.running_demo import RunningDemo, wait_for
from tests.e2e.test_sdks import QUESTION, ROOT, python_client

EMBEDDER = "text-embedding-3-small"


def test_python_gets_a_whole_response(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        answer = client.responses.create(model="gpt-sim", input=QUESTION)
    assert answer.output_text
    assert (answer.status, answer.error) == ("completed", None)
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0


def test_python_streams_a_response_to_its_end(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        events = list(client.responses.create(model="gpt-sim", input=QUESTION, stream=True))
    streamed = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == streamed
    assert sum(event.type == "response.output_text.delta" for event in events) > 3


def test_python_reads_why_a_stored_response_is_out_of_reach(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="gpt-sim", input="Go on.", previous_response_id="resp_1")
        with pytest.raises(openai.PermissionDeniedError, match="not offered"):
            client.responses.retrieve("resp_1")
    assert caught.value.param == "previous_response_id"


def test_python_gets_embeddings_as_it_asks_for_them(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        packed = client.embeddings.create(model=EMBEDDER, input=["a lark", "a heron"])
        plain = client.embeddings.create(model=EMBEDDER, input="a lark", encoding_format="float")
    assert [each.index for each in packed.data] == [0, 1]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert packed.usage.prompt_tokens > 0


def test_python_gets_a_moderation_without_naming_a_model(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        answer = client.moderations.create(input="A letter about gardens.")
    assert answer.results[0].flagged is False


def test_python_lists_the_applications_models_and_no_others(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        listed = [model.id for model in client.models.list()]
        assert client.models.retrieve("gpt-sim").id == "gpt-sim"
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("gpt-secret")
    assert "gpt-sim" in listed
    assert caught.value.code == "model_not_found"


def test_a_session_needs_the_right_to_each_endpoint(demo: RunningDemo) -> None:
    token = demo.token(permissions=("api:chat.completions",))
    with python_client(demo, token) as client:
        with pytest.raises(openai.PermissionDeniedError, match="api:responses"):
            client.responses.create(model="gpt-sim", input="x")
        with pytest.raises(openai.PermissionDeniedError, match="api:embeddings"):
            client.embeddings.create(model=EMBEDDER, input="x")
        with pytest.raises(openai.PermissionDeniedError, match="api:moderations"):
            client.moderations.create(input="x")
        with pytest.raises(openai.PermissionDeniedError, match="api:models"):
            client.models.list()


def test_each_endpoint_is_counted_under_its_name(demo: RunningDemo) -> None:
    with python_client(demo, demo.token("endpoint-user")) as client:
        response = client.responses.with_raw_response.create(model="gpt-sim", input="zebra")
        embedding = client.embeddings.with_raw_response.create(model=EMBEDDER, input="zebra")
        moderation = client.moderations.with_raw_response.create(input="zebra")
    ids = {
        response.headers["x-request-id"]: "responses",
        embedding.headers["x-request-id"]: "embeddings",
        moderation.headers["x-request-id"]: "moderations",
    }
    wait_for(lambda: set(ids) <= {row["request"] for row in demo.usage()})
    rows = {row["request"]: row for row in demo.usage() if row["request"] in ids}
    for request, endpoint in ids.items():
        row = rows[request]
        assert (row["endpoint"], row["outcome"]) == (endpoint, "completed")
        assert row["input_tokens"] > 0
        assert bool(row["estimated"]) is (endpoint == "moderations"), "nobody says what a moderation takes"
        assert "zebra" not in str(dict(row))


@pytest.mark.node
def test_node_speaks_every_endpoint(demo: RunningDemo) -> None:
    script = """
      import OpenAI from "openai";
      const client = new OpenAI({ apiKey: process.env.TOKEN, baseURL: process.env.BASE_URL, maxRetries: 0 });
      const ask = { model: "gpt-sim", input: process.env.QUESTION };
      const whole = await client.responses.create(ask);
      let streamed = "", last = "";
      for await (const event of await client.responses.create({ ...ask, stream: true })) {
        if (event.type === "response.output_text.delta") streamed += event.delta;
        last = event.type;
      }
      const embeddings = await client.embeddings.create({ model: process.env.EMBEDDER, input: ["a", "b"] });
      const moderation = await client.moderations.create({ input: "gardens" });
      const models = []; for await (const model of client.models.list()) models.push(model.id);
      let refused = "";
      try { await client.responses.create({ ...ask, previous_response_id: "resp_1" }); }
      catch (error) { refused = `${error.status} ${error.param}`; }
      console.log(JSON.stringify({ whole: whole.output_text, streamed, last, refused,
        embeddings: embeddings.data.length, flagged: moderation.results[0].flagged, models }));
    """
    done = subprocess.run(
        [ROOT / ".venv" / "node" / "bin" / "node", "--input-type=module", "-e", script],
        cwd=ROOT / "web",
        env={
            "PATH": os.environ["PATH"],
            "TOKEN": demo.token("node-user"),
            "BASE_URL": f"{demo.proxy_url}/v1",
            "QUESTION": QUESTION,
            "EMBEDDER": EMBEDDER,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["whole"]
    assert told["whole"] == told["streamed"]
    assert (told["last"], told["refused"]) == ("response.completed", "400 previous_response_id")
    assert (told["embeddings"], told["flagged"]) == (2, False)
    assert "gpt-sim" in told["models"]
