"""Pictures, speech and transcripts over the proxy: what goes up, what comes down, what is counted."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from sealgate.messages.feed import CredentialReference, Outcome
from sealgate.policy.document import ENDPOINTS, Limits
from tests.proxy.form_writing import TYPE, form
from tests.proxy.provider_media import PICTURES, SOUND, SUBTITLES, TIMED, TRANSCRIPT
from tests.proxy.world import Answer, World, until

SPOKEN = b"ID3" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PICTURE_ASKED = {"model": "gpt-test", "prompt": "canary of a lighthouse"}
SPEECH_ASKED = {"model": "gpt-test", "input": "canary words", "voice": "alloy"}
TRANSCRIPTION_ASKED: list[tuple[str, Any]] = [
    ("model", "gpt-test"),
    ("file", ("my private talk.mp3", "audio/mpeg", SPOKEN)),
]


@pytest.fixture
def media(world: World) -> World:
    """A world whose application offers pictures and sound."""
    world.publish(rules={"endpoints": ENDPOINTS})
    return world


async def send_form(world: World, target: str, fields: list[tuple[str, Any]], **how: Any) -> Answer:
    browser = await world.browser()
    browser.send(world.request(form(fields), target=target, content_type=TYPE, **how))
    return await browser.answer()


async def test_an_application_that_names_no_endpoints_offers_no_pictures_and_no_sound(world: World) -> None:
    answer = await world.chat(PICTURE_ASKED, target="/v1/images/generations")
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_allowed")
    assert not world.provider.calls


async def test_pictures_come_whole_and_their_tokens_are_counted(media: World) -> None:
    answer = await media.chat(PICTURE_ASKED | {"n": 2, "user": "me"}, target="/v1/images/generations")
    assert answer.status == 200
    assert answer.json()["data"] == PICTURES["data"] * 2
    record = await media.record()
    assert (record.endpoint, record.outcome) == ("images.generations", Outcome.COMPLETED)
    assert not record.estimated
    assert (record.input_tokens, record.output_tokens, record.pictures) == (50, 1056, 2)
    call = media.provider.calls[0]
    assert call.target == "/v1/images/generations"
    assert set(call.body) == {"model", "prompt", "n", "safety_identifier"}


async def test_streamed_pictures_come_event_by_event(media: World) -> None:
    answer = await media.chat(PICTURE_ASKED | {"stream": True}, target="/v1/images/generations")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert b"image_generation.partial_image" in answer.body
    record = await media.record()
    assert (record.outcome, record.output_tokens, record.pictures) == (Outcome.COMPLETED, 1056, 1)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 3}, "n"),
        ({"size": "2048x2048"}, "size"),
        ({"response_format": "url"}, "response_format"),
        ({"svg": {"model": "dear"}}, "svg"),
        ({"output_format": "svg"}, "output_format"),
        ({"size": "1e3x4"}, "size"),
        ({"file_id": "file_1"}, "file_id"),
    ],
)
async def test_what_the_application_does_not_allow_of_pictures_is_refused_by_name(
    world: World, asked: dict[str, Any], param: str
) -> None:
    world.publish(Limits(pictures=2, picture_pixels=2_000_000), rules={"endpoints": ENDPOINTS})
    answer = await world.chat(PICTURE_ASKED | asked, target="/v1/images/generations")
    assert (answer.status, answer.error["param"]) == (400, param)
    assert not world.provider.calls


async def test_an_edit_goes_up_as_a_form_that_does_not_name_the_users_file(media: World) -> None:
    fields: list[tuple[str, Any]] = [
        ("model", "gpt-test"),
        ("prompt", "make it night"),
        ("n", "1"),
        ("image[]", ("holiday with Ann.png", "image/png", PNG)),
        ("image[]", ("b.webp", "image/webp", PNG + b"2")),
        ("mask", ("m.png", "image/png", b"mask")),
        ("user", "ann@example.com"),
    ]
    answer = await send_form(media, "/v1/images/edits", fields)
    assert (answer.status, answer.json()) == (200, PICTURES)
    body = media.provider.calls[0].body
    assert body["image[]"] == [
        {"filename": "image.png", "type": "image/png", "content": PNG},
        {"filename": "image.webp", "type": "image/webp", "content": PNG + b"2"},
    ]
    assert body["mask"]["content"] == b"mask"
    assert (body["prompt"], body["n"], "user" in body) == ("make it night", "1", False)
    assert len(body["safety_identifier"]) > 20
    assert b"Ann" not in media.provider.raw_requests[0]
    record = await media.record()
    assert (record.endpoint, record.pictures) == ("images.edits", 1)


async def test_speech_comes_as_bytes_with_the_providers_type(media: World) -> None:
    answer = await media.chat(SPEECH_ASKED, target="/v1/audio/speech")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "audio/mpeg", SOUND)
    record = await media.record()
    assert (record.endpoint, record.outcome, record.estimated) == ("audio.speech", Outcome.COMPLETED, True)
    assert (record.input_tokens, record.output_tokens) == (3, 2 * 12 + 256)


async def test_speech_as_events_tells_what_it_took(media: World) -> None:
    answer = await media.chat(SPEECH_ASKED | {"stream_format": "sse"}, target="/v1/audio/speech")
    assert b"speech.audio.done" in answer.body
    record = await media.record()
    assert (record.input_tokens, record.output_tokens, record.estimated) == (14, 101, False)


async def test_a_stored_voice_is_refused(media: World) -> None:
    answer = await media.chat(SPEECH_ASKED | {"voice": {"id": "voice_1"}}, target="/v1/audio/speech")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "field_not_allowed", "voice")


async def test_sound_that_breaks_off_is_cut_and_not_ended(media: World) -> None:
    browser = await media.browser()
    browser.send(media.request(SPEECH_ASKED | {"model": "sound-reset"}, target="/v1/audio/speech"))
    status, _headers = await browser.head()
    assert status == 200
    _body, ended = await browser._chunks()
    assert not ended
    assert (await media.record()).outcome is Outcome.TRUNCATED


async def test_sound_that_only_the_connections_end_delimits_is_no_answer(media: World) -> None:
    answer = await media.chat(SPEECH_ASKED | {"model": "sound-unframed"}, target="/v1/audio/speech")
    assert (answer.status, answer.error["code"]) == (502, "provider_failed")


async def test_a_transcript_is_counted_by_its_tokens_and_the_file_arrives_as_it_was(media: World) -> None:
    fields = [
        *TRANSCRIPTION_ASKED,
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    ]
    answer = await send_form(media, "/v1/audio/transcriptions", fields)
    assert (answer.status, answer.json()) == (200, TRANSCRIPT)
    body = media.provider.calls[0].body
    assert body["file"] == {"filename": "file.mp3", "type": "audio/mpeg", "content": SPOKEN}
    assert body["timestamp_granularities[]"] == ["word", "segment"]
    assert b"private" not in media.provider.raw_requests[0]
    record = await media.record()
    assert (record.endpoint, record.input_tokens, record.output_tokens) == ("audio.transcriptions", 30, 7)


@pytest.mark.parametrize("kind", ["text", "srt", "vtt"])
async def test_plain_text_and_subtitles_pass_and_are_estimated(media: World, kind: str) -> None:
    answer = await send_form(
        media, "/v1/audio/transcriptions", [*TRANSCRIPTION_ASKED, ("response_format", kind)]
    )
    assert (answer.status, answer.body.decode()) == (200, SUBTITLES)
    record = await media.record()
    assert (record.outcome, record.estimated) == (Outcome.COMPLETED, True)
    assert record.output_tokens == -(-len(SUBTITLES) // 4)


async def test_what_is_billed_by_the_second_is_counted_in_seconds(media: World) -> None:
    fields = [
        ("file", ("a.mp3", "audio/mpeg", SPOKEN)),
        ("model", "gpt-test"),
        ("response_format", "verbose_json"),
    ]
    answer = await send_form(media, "/v1/audio/translations", fields)
    assert answer.json() == TIMED
    record = await media.record()
    assert (record.endpoint, record.sound_ms, record.estimated) == ("audio.translations", 12_500, False)


async def test_a_transcript_can_be_streamed(media: World) -> None:
    answer = await send_form(media, "/v1/audio/transcriptions", [*TRANSCRIPTION_ASKED, ("stream", "true")])
    assert b"transcript.text.done" in answer.body
    record = await media.record()
    assert (record.outcome, record.output_tokens) == (Outcome.COMPLETED, 7)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ([("model", "gpt-test")], "missing_field", "file"),
        ([*TRANSCRIPTION_ASKED, ("file", ("b.mp3", "audio/mpeg", b"x"))], "invalid_value", "file"),
        (
            [("model", "gpt-test"), ("file", ("a.exe", "application/x-exe", b"x"))],
            "invalid_value",
            "file",
        ),
        ([("model", "gpt-test"), ("file", ("a.mp3", "audio/mpeg", b""))], "invalid_value", "file"),
        ([*TRANSCRIPTION_ASKED, ("temperature", "hot")], "invalid_value", "temperature"),
        ([*TRANSCRIPTION_ASKED, ("include[]", "file_search")], "invalid_value", "include[]"),
        ([*TRANSCRIPTION_ASKED, ("extra[file_id]", "file_1")], "unknown_field", "…"),
        ([*TRANSCRIPTION_ASKED, ("model", "gpt-test")], "invalid_form", "model"),
        ([TRANSCRIPTION_ASKED[1], ("model", "other")], "model_not_allowed", "model"),
        ([*TRANSCRIPTION_ASKED, ("prompt", ("p.txt", "text/plain", b"x"))], "unknown_field", "prompt"),
    ],
)
async def test_a_form_that_the_table_does_not_allow_is_refused_by_name(
    media: World, fields: list[tuple[str, Any]], code: str, param: str
) -> None:
    answer = await send_form(media, "/v1/audio/transcriptions", fields)
    assert (answer.error["code"], answer.error["param"]) == (code, param)
    assert not media.provider.calls


async def test_json_where_a_form_belongs_is_told(media: World) -> None:
    answer = await media.chat({"model": "gpt-test"}, target="/v1/audio/transcriptions")
    assert (answer.status, answer.error["code"]) == (400, "invalid_form")


async def test_a_file_of_25_megabytes_goes_up_and_arrives_whole(media: World) -> None:
    sound = os.urandom(25 * 1_048_576)
    fields = [("model", "gpt-test"), ("file", ("a.wav", "audio/wav", sound))]
    answer = await send_form(media, "/v1/audio/transcriptions", fields)
    assert answer.status == 200
    arrived = media.provider.calls[0].body["file"]["content"]
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(sound).digest()


async def test_a_larger_form_than_the_application_allows_is_refused(world: World) -> None:
    world.publish(Limits(upload_bytes=4096), rules={"endpoints": ENDPOINTS})
    answer = await send_form(world, "/v1/audio/transcriptions", TRANSCRIPTION_ASKED)
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")
    assert not world.provider.calls


async def test_a_provider_that_does_not_take_the_upload_is_left_when_the_client_leaves(media: World) -> None:
    sound = bytes(8 * 1_048_576)
    browser = await media.browser()
    fields: list[tuple[str, Any]] = [("model", "hang"), ("file", ("a.wav", "audio/wav", sound))]
    browser.send(media.request(form(fields), target="/v1/audio/transcriptions", content_type=TYPE))
    await media.provider.started.wait()
    browser.close()
    await until(lambda: media.provider.calls[0].ended_by == "client_left")
    assert (await media.record()).outcome is Outcome.CANCELLED


async def test_a_provider_without_the_endpoint_is_not_asked(media: World) -> None:
    reference = CredentialReference(media.credential, "azure-openai", media.provider.origin)
    media.publish(credential=reference, rules={"endpoints": ENDPOINTS})
    answer = await media.chat(SPEECH_ASKED, target="/v1/audio/speech")
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_at_provider")


@pytest.mark.parametrize(
    ("target", "body"), [("/v1/images/generations", PICTURE_ASKED), ("/v1/audio/speech", SPEECH_ASKED)]
)
@pytest.mark.parametrize("model", ["echo-401", "html-200", "reset-at-once"])
async def test_a_provider_that_fails_is_told_of_in_our_words(
    media: World, target: str, body: dict[str, Any], model: str
) -> None:
    answer = await media.chat(body | {"model": model}, target=target)
    assert answer.status == 502
    assert b"acme-corp" not in answer.body
    assert b"sk-" not in answer.body
