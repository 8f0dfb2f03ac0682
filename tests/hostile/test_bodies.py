"""Bodies that parsers disagree about, bodies built to cost, and references that must not go upstream."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.bodies import JSON, encode_json_object, parse_json_object
from sealgate.policy.document import Limits, Policy
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped, shape_chat

STRICT = Policy(models=("gpt-sim",), limits=Limits(output_tokens=100))
LENIENT = Policy(models=("gpt-sim",), limits=Limits(output_tokens=100), allow_unknown_fields=True)
MESSAGES: list[JSON] = [{"role": "user", "content": "Hello"}]

# name → (body, what the refusal must say)
NOT_STRICT: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "only space": (b"  ", "not valid JSON"),
    "a list": (b"[]", "not an object"),
    "a text": (b'"model"', "not an object"),
    "a number": (b"1", "not an object"),
    "null": (b"null", "not an object"),
    "two objects": (b"{}{}", "trailing"),
    "an object and NUL": (b"{}\0", "trailing"),
    "an unfinished object": (b'{"a":1', "not valid JSON"),
    "a trailing comma": (b'{"a":1,}', "trailing comma"),
    "a comment": (b'{"a":1/**/}', "not valid JSON"),
    "single quotes": (b"{'a':1}", "not valid JSON"),
    "a bare name": (b"{a:1}", "not valid JSON"),
    "NaN": (b'{"a":NaN}', "not valid JSON"),
    "Infinity": (b'{"a":Infinity}', "not valid JSON"),
    "minus Infinity": (b'{"a":-Infinity}', "not valid JSON"),
    "a leading zero": (b'{"a":01}', "not valid JSON"),
    "a plus sign": (b'{"a":+1}', "not valid JSON"),
    "a hexadecimal number": (b'{"a":0x1}', "not valid JSON"),
    "a number without its fraction": (b'{"a":1.}', "not valid JSON"),
    "a number out of range": (b'{"a":1e999}', "out of range"),
    "a number of 5,000 digits": (b'{"a":' + b"9" * 5_000 + b"}", "out of range"),
    "a raw newline in text": (b'{"a":"\n"}', "not valid JSON"),
    "a raw NUL in text": (b'{"a":"\0"}', "not valid JSON"),
    "an unknown escape": (b'{"a":"\\x41"}', "not valid JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "not valid JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not valid JSON"),
    "a stray byte": (b'{"a":"\xff"}', "UTF-8"),
    "an overlong form": (b'{"a":"\xc0\xaf"}', "UTF-8"),
    "a surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
    "beyond Unicode": (b'{"a":"\xf5\x80\x80\x80"}', "UTF-8"),
    "half a sequence": (b'{"a":"\xe2\x82"}', "UTF-8"),
    "a high surrogate alone": (b'{"a":"\\ud800"}', "surrogate"),
    "a low surrogate alone": (b'{"a":"\\udc00"}', "surrogate"),
    "surrogates the wrong way round": (b'{"a":"\\udc00\\ud800"}', "surrogate"),
    "a surrogate in a key": (b'{"\\ud83d":1}', "surrogate"),
    "a duplicate key": (b'{"model":"a","model":"b"}', "'model' stands twice"),
    "a duplicate key with spaces": (b'{"model" : "a", "model"\t\r\n:"b"}', "stands twice"),
    "a duplicate key by escape": (b'{"model":"a","mod\\u0065l":"b"}', "stands twice"),
    "a duplicate key deep inside": (b'{"m":[{"x":[{"y":1,"y":1}]}]}', "stands twice"),
    "a duplicate key hidden by colons": (b'{"a":1,"a":2,"t":"::::\\":\\":"}', "stands twice"),
    "a duplicate key balanced by imitations": (b'{"a" :1,"a" :2,"t":"x"}', "stands twice"),
    "a duplicate key with a value that imitates one": (b'{"a":":","a":2}', "stands twice"),
    "a duplicate empty key": (b'{"":1,"":2}', "stands twice"),
    "a duplicate key that is long": (b'{"' + b"k" * 99 + b'":1,"' + b"k" * 99 + b'":2}', "'…' stands twice"),
    "65 levels of objects": (b'{"a":' * 65 + b"1" + b"}" * 65, "nested"),
    "65 levels of lists": (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "nested"),
    "100,000 levels": (b'{"a":' + b"[" * 100_000, "nested"),
    "a million brackets": (b"[" * 1_000_000, "nested"),
}


@pytest.mark.parametrize(("raw", "said"), NOT_STRICT.values(), ids=NOT_STRICT)
def test_a_body_that_is_not_strict_is_refused_with_the_reason(raw: bytes, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        parse_json_object(raw)
    assert (caught.value.code, caught.value.status) == ("invalid_json", 400)
    assert caught.value.hint


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"' + b"x" * 1_000_000 + b'"}',
        b'{"a":"' + b'\\"a\\":' * 150_000 + b'"}',
        b'{"a":[' + b"{}," * 300_000 + b"{}]}",
        b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}",
        b'{"a":"' + b"\\u00e9" * 170_000 + b'"}',
    ],
    ids=["long text", "text that imitates keys", "many objects", "many keys", "many escapes"],
)
def test_a_costly_body_is_read_in_bounded_time(raw: bytes) -> None:
    started_s = time.perf_counter()
    assert parse_json_object(raw)
    assert time.perf_counter() - started_s < 5  # for hangs: it takes some tens of milliseconds


_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)
_OBJECTS = st.dictionaries(_TEXT, _VALUES, max_size=5)
_COLONS = st.text(alphabet='":\\{}[], ab', max_size=12)


@given(_OBJECTS, st.booleans(), st.sampled_from([None, 0, 2]))
def test_every_json_object_is_read_as_the_standard_library_reads_it(
    body: dict[str, JSON], ascii_only: bool, indent: int | None
) -> None:
    raw = json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_json_object(raw) == json.loads(raw)


@given(_OBJECTS)
def test_what_goes_out_means_what_came_in(body: dict[str, JSON]) -> None:
    assert json.loads(encode_json_object(parse_json_object(json.dumps(body).encode()))) == body


@given(st.integers(min_value=-(10**400), max_value=10**400))
def test_integers_stay_exact(number: int) -> None:
    raw = b'{"seed":%d}' % number
    assert encode_json_object(parse_json_object(raw)) == raw


@given(st.lists(st.tuples(_COLONS, _COLONS), min_size=1, max_size=6))
def test_no_text_hides_a_duplicate_key_or_makes_one_up(pairs: list[tuple[str, str]]) -> None:
    raw = ("{" + ",".join(f"{json.dumps(key)} :{json.dumps(value)}" for key, value in pairs) + "}").encode()
    if len({key for key, _ in pairs}) == len(pairs):
        assert parse_json_object(raw) == dict(pairs)
    else:
        with pytest.raises(Refusal, match="twice"):
            parse_json_object(raw)


@given(st.binary(max_size=64))
def test_any_bytes_are_an_object_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert isinstance(parse_json_object(raw), dict)


def shape(policy: Policy = STRICT, **fields: JSON) -> Shaped:
    return shape_chat({"model": "gpt-sim", "messages": MESSAGES, **fields}, policy, None)


def user_part(part: JSON) -> dict[str, JSON]:
    return {"messages": [{"role": "user", "content": [part]}]}


# name → (fields of the body, path of the refused field)
REACHING_OUT: dict[str, tuple[dict[str, JSON], str]] = {
    "a stored file": (
        user_part({"type": "file", "file": {"file_id": "file-1"}}),
        "messages[0].content[0].file.file_id",
    ),
    "a stored file beside data": (
        user_part({"type": "file", "file": {"file_data": "data:,", "file_id": "file-1"}}),
        "messages[0].content[0].file.file_id",
    ),
    "a stored image": (
        user_part(
            {"type": "image_url", "image_url": {"url": "https://a.example/i.png", "file_id": "file-1"}}
        ),
        "messages[0].content[0].image_url.file_id",
    ),
    "an image part of another endpoint": (
        user_part({"type": "input_image", "file_id": "file-1"}),
        "messages[0].content[0].type",
    ),
    "an image over http": (
        user_part({"type": "image_url", "image_url": {"url": "http://a.example/i.png"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an image from a file": (
        user_part({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an image with a user name": (
        user_part({"type": "image_url", "image_url": {"url": "https://a@b.example/i.png"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an image with a backslash": (
        user_part({"type": "image_url", "image_url": {"url": "https://a.example\\@b.example/"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an image with a newline": (
        user_part({"type": "image_url", "image_url": {"url": "https://a.example/\ni.png"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an SVG image": (
        user_part({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AAAA"}}),
        "messages[0].content[0].image_url.url",
    ),
    "a page as an image": (
        user_part({"type": "image_url", "image_url": {"url": "data:text/html;base64,AAAA"}}),
        "messages[0].content[0].image_url.url",
    ),
    "an earlier audio answer": (
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        "messages[0].audio",
    ),
    "a stored voice": ({"audio": {"format": "mp3", "voice": {"id": "voice_1"}}}, "audio.voice"),
    "an image in a system message": (
        {
            "messages": [
                {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
            ]
        },
        "messages[0].content[0].type",
    ),
    "a tool of an unknown type": ({"tools": [{"type": "new_hosted_tool"}]}, "tools[0].type"),
    "a hosted tool by choice": ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
    "a hosted tool by allowed tools": (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp"}]},
            }
        },
        "tool_choice.allowed_tools.tools[0].type",
    ),
    "web search": ({"web_search_options": {}}, "web_search_options"),
    "a day of prompt cache": ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
    "half a day of prompt cache": (
        user_part(
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
        ),
        "messages[0].content[0].prompt_cache_breakpoint.ttl",
    ),
    "a prediction": ({"prediction": {"type": "content", "content": "a"}}, "prediction"),
    "a dear tier": ({"service_tier": "priority"}, "service_tier"),
    "two answers": ({"n": 2}, "n"),
    "another model as moderator": ({"moderation": {"model": "gpt-5"}}, "moderation.model"),
}
REACHING_OUT |= {
    f"the hosted tool {kind}": ({"tools": [{"type": kind}]}, "tools[0]")
    for kind in (
        "file_search",
        "code_interpreter",
        "mcp",
        "web_search",
        "image_generation",
        "shell",
        "local_shell",
    )
}
REFERENCE_FIELDS = (
    "previous_response_id",
    "conversation",
    "container",
    "vector_store_ids",
    "file_ids",
    "prompt",
    "include",
    "background",
    "thread_id",
    "assistant_id",
    "connector_id",
    "server_url",
)


@pytest.mark.parametrize("policy", [STRICT, LENIENT], ids=["listed fields only", "unlisted fields pass"])
@pytest.mark.parametrize(("fields", "param"), REACHING_OUT.values(), ids=REACHING_OUT)
def test_what_reaches_beyond_the_request_is_refused(
    fields: dict[str, JSON], param: str, policy: Policy
) -> None:
    with pytest.raises(Refusal) as caught:
        shape(policy, **fields)
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize("policy", [STRICT, LENIENT], ids=["listed fields only", "unlisted fields pass"])
@pytest.mark.parametrize("name", REFERENCE_FIELDS)
def test_a_reference_by_name_is_refused_with_its_reason(name: str, policy: Policy) -> None:
    with pytest.raises(Refusal, match="does not pass") as caught:
        shape(policy, **{name: "x_1"})
    assert (caught.value.code, caught.value.param) == ("field_not_allowed", name)


@pytest.mark.parametrize("name", REFERENCE_FIELDS)
def test_a_reference_inside_an_unlisted_field_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        shape(LENIENT, new_feature=[{"deep": [{name: "x_1"}]}])
    assert caught.value.param is not None
    assert caught.value.param.endswith(name)


def test_a_schema_may_name_its_own_property_after_a_reference() -> None:
    parameters: JSON = {"type": "object", "properties": {"file_id": {"type": "string"}}}
    tool: JSON = {"type": "function", "function": {"name": "open_file", "parameters": parameters}}
    assert shape(tools=[tool]).body["tools"] == [tool]


SECRET = "my private diary, page one of many"
WRITTEN_IN_THE_WRONG_PLACE: tuple[dict[str, JSON], ...] = (
    {"messages": [{"role": "user", "content": {"text": SECRET}}]},
    {"messages": [{"role": SECRET, "content": "a"}]},
    {"messages": [{"role": "user", "content": "a", SECRET: 1}]},
    {"temperature": SECRET},
    {"stop": [SECRET * 40]},
    {"model": SECRET},
    {SECRET: 1},
    {"response_format": {"type": SECRET}},
    {"tools": [{"type": "function", "function": {"name": SECRET}}]},
)


@pytest.mark.parametrize("fields", WRITTEN_IN_THE_WRONG_PLACE)
def test_a_refusal_never_quotes_what_somebody_wrote(fields: dict[str, JSON]) -> None:
    with pytest.raises(Refusal) as caught:
        shape_chat({"model": "gpt-sim", "messages": MESSAGES, **fields}, STRICT, None)
    assert "diary" not in f"{caught.value} {caught.value.hint} {caught.value.param}"


def test_a_shaped_request_does_not_show_its_text() -> None:
    assert "Hello" not in repr(shape())
