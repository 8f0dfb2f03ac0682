"""Providers: a shaped request is fitted to what each knows, and one without a row is refused."""

import msgspec
import pytest

from sealgate.policy.bodies import JSON
from sealgate.policy.document import ENDPOINTS, Endpoint, Limits, Policy
from sealgate.policy.provider_row import EndpointRow
from sealgate.policy.providers import PROVIDERS, endpoint_row, fit
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped
from sealgate.policy.shapes import SHAPES

POLICY = Policy(models=("gpt-sim",), limits=Limits(output_tokens=100, answers=2))
MODERATED: dict[str, JSON] = {"moderation": {"model": "omni-moderation-latest"}}
INPUTS: dict[Endpoint, dict[str, JSON]] = {
    "chat.completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "responses": {"input": "Hello"},
    "embeddings": {"input": "Hello"},
    "moderations": {"input": "Hello"},
}


def shaped(endpoint: Endpoint, **fields: JSON) -> Shaped:
    model: dict[str, JSON] = {} if endpoint == "moderations" else {"model": "gpt-sim"}
    return SHAPES[endpoint]({**model, **INPUTS[endpoint], **fields}, POLICY, "pn_1")


def fitted(provider: str, endpoint: Endpoint, **fields: JSON) -> dict[str, JSON]:
    return fit(shaped(endpoint, **fields), endpoint_row(provider, endpoint)).body


# What each offers beside `models`, which is answered from the policy everywhere.
OFFERED: dict[str, set[Endpoint]] = {
    "anthropic": {"chat.completions"},
    "google": {"chat.completions", "embeddings"},
    "mistral": {"chat.completions", "embeddings"},
    "groq": {
        "chat.completions",
        "responses",
        "audio.speech",
        "audio.transcriptions",
        "audio.translations",
    },
    "openrouter": {"chat.completions", "embeddings"},
    "vllm": {
        "chat.completions",
        "responses",
        "embeddings",
        "audio.transcriptions",
        "audio.translations",
    },
    "ollama": {"chat.completions", "responses", "embeddings"},
}
ALL_OF_CHAT: dict[str, JSON] = {
    "stream": True,
    "temperature": 0.5,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "seed": 7,
    "reasoning_effort": "low",
    "verbosity": "low",
    "service_tier": "flex",
    "parallel_tool_calls": True,
    "prompt_cache_retention": "in_memory",
    "stream_options": {"include_obfuscation": False},
}
# What of it goes up, beside model, messages, stream, temperature and the bound.
KEPT: dict[str, dict[str, JSON]] = {
    "anthropic": {"parallel_tool_calls": True, "stream_options": {"include_usage": True}},
    "google": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
        "stream_options": {"include_usage": True},
    },
    "mistral": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "random_seed": 7,
        "parallel_tool_calls": True,
    },
    "groq": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
        "stream_options": {"include_usage": True},
    },
    "openrouter": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "verbosity": "low",
        "parallel_tool_calls": True,
        "provider": {"data_collection": "deny"},
        "stream_options": {"include_usage": True},
    },
    "vllm": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
        "stream_options": {"include_usage": True},
    },
    "ollama": {
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "stream_options": {"include_usage": True},
    },
}
BOUND = {
    "anthropic": "max_completion_tokens",
    "google": "max_completion_tokens",
    "groq": "max_completion_tokens",
}


@pytest.mark.parametrize("name", OFFERED)
def test_a_preset_offers_exactly_what_its_provider_has(name: str) -> None:
    assert set(PROVIDERS[name].endpoints) == {*OFFERED[name], "models"}


@pytest.mark.parametrize("name", KEPT)
def test_a_preset_is_sent_what_it_knows_of_a_chat_and_nothing_else(name: str) -> None:
    assert fitted(name, "chat.completions", **ALL_OF_CHAT) == {
        "model": "gpt-sim",
        "messages": INPUTS["chat.completions"]["messages"],
        "stream": True,
        "temperature": 0.5,
        BOUND.get(name, "max_tokens"): 100,
        **KEPT[name],
    }


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("anthropic", "response_format", {"type": "json_object"}),
        ("anthropic", "logprobs", True),
        ("google", "logit_bias", {"1": 1}),
        ("mistral", "top_logprobs", 2),
        ("groq", "logprobs", True),
        ("vllm", "modalities", ["text", "audio"]),
        ("ollama", "logit_bias", {"1": 1}),
    ],
)
def test_what_decides_the_answer_and_is_unknown_there_is_refused_not_dropped(
    name: str, field: str, value: JSON
) -> None:
    with pytest.raises(Refusal) as caught:
        fitted(name, "chat.completions", **{field: value})
    assert (caught.value.param, caught.value.status) == (field, 400)


TOOL: JSON = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("name", "field", "known", "other"),
    [
        *((name, "n", 1, 2) for name in ("anthropic", "groq", "openrouter", "ollama")),
        ("ollama", "tool_choice", "auto", "required"),
    ],
)
def test_what_has_one_value_there_goes_without_saying_and_is_refused_with_another(
    name: str, field: str, known: JSON, other: JSON
) -> None:
    tools: dict[str, JSON] = {"tools": [TOOL]} if field == "tool_choice" else {}
    assert field not in fitted(name, "chat.completions", **tools, **{field: known})
    with pytest.raises(Refusal) as caught:
        fitted(name, "chat.completions", **tools, **{field: other})
    assert (caught.value.param, caught.value.code) == (field, "invalid_value")
    assert fitted("vllm", "chat.completions", **tools, **{field: other})[field] == other


def test_names_of_messages_stay_here_where_they_are_a_fault() -> None:
    named: list[JSON] = [{"role": "user", "content": "Hello", "name": "eva"}]
    given = shaped("chat.completions", messages=named)
    assert fit(given, endpoint_row("groq", "chat.completions")).body["messages"] == [
        {"role": "user", "content": "Hello"}
    ]
    assert given.body["messages"] == named
    assert fitted("mistral", "chat.completions", messages=named)["messages"] == named


def test_a_request_cannot_undo_what_is_set_for_a_provider() -> None:
    policy = msgspec.structs.replace(POLICY, allow_unknown_fields=True)
    body: dict[str, JSON] = {"model": "gpt-sim", **INPUTS["chat.completions"], "provider": {"order": ["x"]}}
    request = SHAPES["chat.completions"](body, policy, "pn_1")
    sent = fit(request, endpoint_row("openrouter", "chat.completions")).body
    assert sent["provider"] == {"data_collection": "deny"}


def test_the_length_of_vectors_goes_to_mistral_by_its_own_name() -> None:
    assert fitted("mistral", "embeddings", dimensions=256)["output_dimension"] == 256


def test_the_providers_are_those_that_are_documented() -> None:
    assert set(PROVIDERS) == {*OFFERED, "openai", "azure-openai", "openai-compatible"}
    assert all(name == provider.name for name, provider in PROVIDERS.items())


def test_only_openai_offers_every_endpoint() -> None:
    media = {each for each in ENDPOINTS if each.startswith(("images.", "audio."))}
    missing = {
        name: set(ENDPOINTS) - set(row.endpoints) for name, row in PROVIDERS.items() if name not in OFFERED
    }
    assert missing == {
        "openai": set(),
        "azure-openai": {"moderations", *media},
        "openai-compatible": {"moderations"},
    }


@pytest.mark.parametrize(
    ("name", "path", "header", "prefix"),
    [
        ("openai", b"/v1/chat/completions", b"authorization", b"Bearer "),
        ("azure-openai", b"/openai/v1/chat/completions", b"api-key", b""),
        ("openai-compatible", b"/v1/chat/completions", b"authorization", b"Bearer "),
        ("anthropic", b"/v1/chat/completions", b"authorization", b"Bearer "),
        ("google", b"/v1beta/openai/chat/completions", b"authorization", b"Bearer "),
        ("mistral", b"/v1/chat/completions", b"authorization", b"Bearer "),
        ("groq", b"/openai/v1/chat/completions", b"authorization", b"Bearer "),
        ("openrouter", b"/api/v1/chat/completions", b"authorization", b"Bearer "),
        ("vllm", b"/v1/chat/completions", b"authorization", b"Bearer "),
        ("ollama", b"/v1/chat/completions", b"authorization", b"Bearer "),
    ],
)
def test_a_provider_has_its_path_and_its_header(name: str, path: bytes, header: bytes, prefix: bytes) -> None:
    row = PROVIDERS[name]
    assert (row.auth_header, row.auth_prefix) == (header, prefix)
    assert endpoint_row(name, "chat.completions").path == path


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_path_ends_in_the_endpoint_s_own(name: str) -> None:
    for endpoint, row in PROVIDERS[name].endpoints.items():
        assert row.path.endswith(b"/" + endpoint.replace(".", "/").encode())
        assert row.path.startswith(b"/")
        assert row.path.isascii()


def test_a_provider_without_a_row_is_refused_with_the_reason() -> None:
    with pytest.raises(Refusal, match="does not know") as caught:
        endpoint_row("acme-models", "chat.completions")
    assert (caught.value.code, caught.value.status) == ("provider_unknown", 403)
    assert caught.value.hint


def test_an_endpoint_that_a_provider_does_not_offer_is_refused_with_the_others() -> None:
    with pytest.raises(Refusal, match="Azure OpenAI does not offer") as caught:
        endpoint_row("azure-openai", "moderations")
    assert (caught.value.code, caught.value.status) == ("endpoint_not_at_provider", 403)
    assert "embeddings" in caught.value.hint


@pytest.mark.parametrize("endpoint", INPUTS)
def test_openai_takes_what_was_shaped_as_it_is(endpoint: Endpoint) -> None:
    request = shaped(endpoint)
    assert fit(request, endpoint_row("openai", endpoint)) is request


@pytest.mark.parametrize("endpoint", ["chat.completions", "responses"])
@pytest.mark.parametrize("name", ["openai", "azure-openai"])
def test_openai_s_own_fields_go_where_they_are_known(name: str, endpoint: Endpoint) -> None:
    body = fitted(name, endpoint)
    assert (body["store"], body["safety_identifier"]) == (False, "pn_1")


def test_a_compatible_provider_gets_only_common_fields_of_a_chat() -> None:
    body = fitted(
        "openai-compatible",
        "chat.completions",
        stream=True,
        temperature=0.5,
        service_tier="flex",
        prompt_cache_options={"mode": "implicit"},
        prompt_cache_retention="in_memory",
        stream_options={"include_obfuscation": False},
    )
    assert body == {
        "model": "gpt-sim",
        "messages": INPUTS["chat.completions"]["messages"],
        "stream": True,
        "temperature": 0.5,
        "stream_options": {"include_usage": True},
        "max_tokens": 100,
    }


def test_a_compatible_provider_is_told_not_to_store_an_answer() -> None:
    body = fitted("openai-compatible", "responses", stream=True, stream_options={"include_obfuscation": True})
    assert body == {
        "model": "gpt-sim",
        "input": "Hello",
        "stream": True,
        "store": False,
        "max_output_tokens": 100,
    }


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, 100),
        ({"max_completion_tokens": 40}, 40),
        ({"max_tokens": 40}, 40),
        ({"max_tokens": 40, "max_completion_tokens": 30}, 30),
        ({"max_tokens": 20, "max_completion_tokens": 30}, 20),
        ({"max_completion_tokens": 4_000}, 100),
    ],
    ids=["nothing", "new name", "old name", "both, new smaller", "both, old smaller", "too many"],
)
def test_a_compatible_provider_is_bound_by_the_name_that_all_of_them_know(
    asked: dict[str, JSON], sent: int
) -> None:
    body = fitted("openai-compatible", "chat.completions", **asked)
    assert body["max_tokens"] == sent
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize("endpoint", ["chat.completions", "responses"])
@pytest.mark.parametrize("name", ["azure-openai", "openai-compatible"])
def test_a_safeguard_that_the_provider_does_not_know_is_refused(name: str, endpoint: Endpoint) -> None:
    with pytest.raises(Refusal) as caught:
        fitted(name, endpoint, **MODERATED)
    assert (caught.value.param, caught.value.status) == ("moderation", 400)
    assert fitted("openai", endpoint, **MODERATED)["moderation"] == MODERATED["moderation"]


def test_fitting_leaves_the_shaped_request_as_it_is() -> None:
    request = shaped("chat.completions", stream=True)
    before = dict(request.body)
    fit(request, endpoint_row("openai-compatible", "chat.completions"))
    assert request.body == before
    assert request.body["stream_options"] == {"include_usage": True}


def test_a_row_may_set_a_field() -> None:
    row = EndpointRow(b"/v1/responses", set={"store": None})
    assert fit(shaped("responses"), row).body["store"] is None
    assert not row.unchanged
