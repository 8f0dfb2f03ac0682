"""The official SDKs, unmodified, with pictures and sound."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import wave

import openai
import pytest

from tests.e2e.running_demo import RunningDemo, wait_for
from tests.e2e.test_sdks import ROOT, python_client

PAINTER, SPEAKER, LISTENER = "gpt-image-sim", "tts-sim", "transcribe-sim"
PNG = b"\x89PNG\r\n\x1a\n"


def test_python_makes_pictures_and_edits_one(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        made = client.images.generate(model=PAINTER, prompt="a lark", n=2, size="1024x1024")
        assert made.data is not None
        pictures = [base64.b64decode(each.b64_json or "") for each in made.data]
        edited = client.images.edit(
            model=PAINTER,
            prompt="at night",
            image=[("my lark.png", pictures[0], "image/png"), ("b.png", pictures[1], "image/png")],
        )
    assert all(each.startswith(PNG) for each in pictures)
    assert edited.data is not None
    assert base64.b64decode(edited.data[0].b64_json or "").startswith(PNG)
    assert made.usage is not None
    assert made.usage.output_tokens == 2048


def test_python_watches_a_picture_become_clearer(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        events = list(client.images.generate(model=PAINTER, prompt="a heron", stream=True, partial_images=2))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_python_hears_speech_whole_streamed_and_as_events(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        whole = client.audio.speech.create(model=SPEAKER, voice="alloy", input="three short words")
        with client.audio.speech.with_streaming_response.create(
            model=SPEAKER, voice="alloy", input="three short words"
        ) as streamed:
            pieces = b"".join(streamed.iter_bytes())
    assert whole.content == pieces
    with wave.open(io.BytesIO(pieces)) as sound:
        assert sound.getnframes() == 3 * 800


def test_python_gets_transcripts_in_each_form(demo: RunningDemo) -> None:
    with python_client(demo) as client:
        sound = client.audio.speech.create(model=SPEAKER, voice="alloy", input="a few words").content
        told = client.audio.transcriptions.create(
            model=LISTENER,
            file=("diary.wav", sound, "audio/wav"),
            timestamp_granularities=["word", "segment"],
        )
        plain = client.audio.transcriptions.create(
            model=LISTENER, file=("diary.wav", sound), response_format="srt"
        )
        with pytest.warns(DeprecationWarning, match="deprecated"):
            translated = client.audio.translations.create(model=LISTENER, file=("diary.wav", sound))
        events = list(
            client.audio.transcriptions.create(model=LISTENER, file=("diary.wav", sound), stream=True)
        )
    assert "simulated transcript" in told.text
    assert "-->" in str(plain)
    assert translated.text == told.text
    assert events[-1].type == "transcript.text.done"


def test_python_reads_why_a_larger_picture_is_refused(demo: RunningDemo) -> None:
    with python_client(demo) as client, pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=PAINTER, prompt="a lark", size="3840x2160")
    assert caught.value.param == "size"


def test_each_is_counted_under_its_name(demo: RunningDemo) -> None:
    with python_client(demo, demo.token("media-user")) as client:
        made = client.images.with_raw_response.generate(model=PAINTER, prompt="zebra", n=2)
        spoken = client.audio.speech.with_raw_response.create(model=SPEAKER, voice="alloy", input="zebra")
        heard = client.audio.transcriptions.with_raw_response.create(
            model=LISTENER, file=("zebra.wav", b"x" * 32_000), response_format="verbose_json"
        )
    ids = {
        made.headers["x-request-id"]: ("images.generations", 2, 0),
        spoken.headers["x-request-id"]: ("audio.speech", 0, 0),
        heard.headers["x-request-id"]: ("audio.transcriptions", 0, 2_000),
    }
    wait_for(lambda: set(ids) <= {row["request"] for row in demo.usage()})
    for row in demo.usage():
        if row["request"] in ids:
            assert (row["endpoint"], row["pictures"], row["sound_ms"]) == ids[row["request"]]
            assert "zebra" not in str(dict(row))


@pytest.mark.node
def test_node_makes_a_picture_speaks_and_listens(demo: RunningDemo) -> None:
    script = """
      import OpenAI, { toFile } from "openai";
      const client = new OpenAI({ apiKey: process.env.TOKEN, baseURL: process.env.BASE_URL, maxRetries: 0 });
      const made = await client.images.generate({ model: "gpt-image-sim", prompt: "a lark" });
      const png = Buffer.from(made.data[0].b64_json, "base64");
      const image = await toFile(png, "lark.png", { type: "image/png" });
      const edited = await client.images.edit({ model: "gpt-image-sim", prompt: "at night", image });
      const say = { model: "tts-sim", voice: "alloy", input: "two words" };
      const speech = await client.audio.speech.create(say);
      const sound = Buffer.from(await speech.arrayBuffer());
      const file = await toFile(sound, "a.wav", { type: "audio/wav" });
      const listen = { model: "transcribe-sim", file };
      const heard = await client.audio.transcriptions.create(listen);
      const translated = await client.audio.translations.create(listen);
      let last = "";
      const streamed = await client.audio.transcriptions.create({ ...listen, stream: true });
      for await (const event of streamed) last = event.type;
      console.log(JSON.stringify({ png: png.toString("latin1").slice(1, 4), edited: edited.data.length,
        sound: sound.toString("latin1").slice(0, 4), text: heard.text, last,
        translated: translated.text === heard.text }));
    """
    done = subprocess.run(
        [ROOT / ".venv" / "node" / "bin" / "node", "--input-type=module", "-e", script],
        cwd=ROOT / "web",
        env={
            "PATH": os.environ["PATH"],
            "TOKEN": demo.token("node-media"),
            "BASE_URL": f"{demo.proxy_url}/v1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["png"], told["edited"], told["sound"]) == ("PNG", 1, "RIFF")
    assert "simulated transcript" in told["text"]
    assert (told["translated"], told["last"]) == (True, "transcript.text.done")
