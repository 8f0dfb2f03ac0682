"""The policy document: it survives its encoding, and one that cannot work is refused with a hint."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.catalogue import ready_prompt, starting_policy
from sealgate.policy.document import (
    USUAL_ENDPOINTS,
    Action,
    Choice,
    Limits,
    Parameter,
    Policy,
    PolicyError,
    Prompt,
    decode_policy,
    encode_policy,
)


def action(**changes: object) -> Action:
    parameter = Parameter(
        "tone", "Tone", (Choice("warm", "Warm", "warmly"), Choice("cool", "Cool", "coolly")), "warm"
    )
    good = Action("greet", "Greet", "Says hello.", "gpt-sim", "Greet the reader [tone].", (parameter,))
    return msgspec.structs.replace(good, **changes)


def policy(*actions: Action) -> Policy:
    return Policy(models=("gpt-sim",), actions=actions)


@pytest.mark.parametrize(
    "document",
    [
        Policy(models=()),
        starting_policy("gpt-sim"),
        policy(action()),
        Policy(models=("gpt-sim",), endpoints=("models", "responses"), prompt=ready_prompt("gpt-sim")),
        Policy(models=(), endpoints=()),
    ],
    ids=["nothing", "a new application", "an action", "a free prompt", "no endpoints"],
)
def test_a_document_survives_its_encoding(document: Policy) -> None:
    assert decode_policy(encode_policy(document)) == document
    assert decode_policy(msgspec.Raw(encode_policy(document))) == document


def test_the_standard_limits_are_those_that_are_documented() -> None:
    named = (20, 3, 1_024, 1_048_576, 5.0, 60.0, 60.0, 600.0, None, None, True)
    assert Limits() == Limits(*named, 26_279_936, 4, 4_194_304)


# As the release before wrote it: what proxies have in snapshots, and consoles in their database.
WRITTEN_BEFORE = (
    b"\x84\xa6models\x92\xa7gpt-sim\xacgpt-sim-mini\xa7actions\x91\x87\xa2id\xa5greet\xa5label\xa5Greet"
    b"\xabdescription\xabSays hello.\xa5model\xa7gpt-sim\xacinstructions\xb8Greet the reader [tone]."
    b"\xaaparameters\x91\x84\xa2id\xa4tone\xa5label\xa4Tone\xa7choices\x91\x83\xa5value\xa4warm"
    b"\xa5label\xa4Warm\xa7wording\xa6warmly\xa7default\xa4warm\xadoutput_tokens\xcd\x01\xf4"
    b"\xa6limits\x88\xb3requests_per_minute\x14\xb2concurrent_streams\x03\xadoutput_tokens\xcc\xc8"
    b"\xaabody_bytes\xce\x00\x10\x00\x00\xa9connect_s\xcb@\x14\x00\x00\x00\x00\x00\x00"
    b"\xacfirst_byte_s\xcb@N\x00\x00\x00\x00\x00\x00\xa6idle_s\xcb@N\x00\x00\x00\x00\x00\x00"
    b"\xa7total_s\xcb@\x82\xc0\x00\x00\x00\x00\x00\xb4allow_unknown_fields\xc3"
)


def test_a_document_of_the_release_before_still_decodes() -> None:
    before = decode_policy(WRITTEN_BEFORE)
    assert before == Policy(
        models=("gpt-sim", "gpt-sim-mini"),
        actions=(
            Action(
                "greet",
                "Greet",
                "Says hello.",
                "gpt-sim",
                "Greet the reader [tone].",
                (Parameter("tone", "Tone", (Choice("warm", "Warm", "warmly"),), "warm"),),
                500,
            ),
        ),
        limits=Limits(output_tokens=200),
        allow_unknown_fields=True,
    )
    assert (before.endpoints, before.prompt) == (USUAL_ENDPOINTS, None)
    assert (before.plans, before.budgets, before.limits.tools) == ((), (), True)
    assert not before.actions[0].own_language


class PolicyBefore(msgspec.Struct):
    """What the release before reads of a document."""

    models: tuple[str, ...]
    actions: tuple[object, ...] = ()
    allow_unknown_fields: bool = False


def test_the_release_before_reads_what_is_written_now() -> None:
    now = Policy(models=("gpt-sim",), endpoints=("models",), prompt=Prompt("gpt-sim", "Help."))
    assert msgspec.msgpack.decode(encode_policy(now), type=PolicyBefore).models == ("gpt-sim",)


TWO = (Choice("warm", "Warm", "warmly"), Choice("warm", "Warmer", "more warmly"))
UNUSABLE: dict[str, tuple[Policy, str]] = {
    "a model that is not listed": (policy(action(model="gpt-other")), "does not allow"),
    "two actions of one id": (policy(action(), action()), "stands twice"),
    "two models of one name": (Policy(models=("a", "a")), "stands twice"),
    "a default that is no choice": (
        policy(action(parameters=(Parameter("tone", "T", TWO[:1], "x"),))),
        "no choice",
    ),
    "two choices of one value": (
        policy(action(parameters=(Parameter("tone", "T", TWO, "warm"),))),
        "stands twice",
    ),
    "a parameter without choices": (policy(action(parameters=(Parameter("tone", "T", (), "x"),))), "form"),
    "a parameter that is never used": (policy(action(instructions="Greet.")), "never use"),
    "an id with a capital": (policy(action(id="Greet")), "form"),
    "an id with a newline": (policy(action(id="greet\n")), "form"),
    "an id with a path": (policy(action(id="../greet")), "form"),
    "an empty label": (policy(action(label="")), "form"),
    "a model with a space": (Policy(models=("gpt sim",)), "form"),
    "an endpoint twice": (Policy(models=(), endpoints=("models", "models")), "stands twice"),
    "an endpoint that there is not": (
        Policy(models=(), endpoints=("files",)),  # type: ignore[arg-type]
        "form",
    ),
    "a prompt on a model that is not listed": (
        Policy(models=("gpt-sim",), prompt=Prompt("gpt-other", "Help.")),
        "free prompt uses model",
    ),
    "a prompt without instructions": (Policy(models=("gpt-sim",), prompt=Prompt("gpt-sim", "")), "form"),
    "a prompt with endless turns": (
        Policy(models=("gpt-sim",), prompt=Prompt("gpt-sim", "Help.", follow_ups=10_000)),
        "form",
    ),
    "no requests at all": (Policy(models=(), limits=Limits(requests_per_minute=0)), "form"),
    "a negative timeout": (Policy(models=(), limits=Limits(idle_s=-1.0)), "form"),
    "a body of 1 GB": (Policy(models=(), limits=Limits(body_bytes=2**30)), "form"),
}


@pytest.mark.parametrize(("document", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_document_that_cannot_work_is_refused_with_a_hint(document: Policy, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        encode_policy(document)
    assert caught.value.hint
    with pytest.raises(PolicyError, match=said):
        decode_policy(msgspec.msgpack.encode(document))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_policy_or_a_policy_error(raw: bytes) -> None:
    with contextlib.suppress(PolicyError):
        assert isinstance(decode_policy(raw), Policy)
