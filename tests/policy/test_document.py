"""The policy document: it survives its encoding, and one that cannot work is refused with a hint."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.catalogue import starting_policy
from sealgate.policy.document import (
    Action,
    Choice,
    Limits,
    Parameter,
    Policy,
    PolicyError,
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


@pytest.mark.parametrize("document", [Policy(models=()), starting_policy("gpt-sim"), policy(action())])
def test_a_document_survives_its_encoding(document: Policy) -> None:
    assert decode_policy(encode_policy(document)) == document
    assert decode_policy(msgspec.Raw(encode_policy(document))) == document


def test_the_standard_limits_are_those_that_are_documented() -> None:
    assert Limits() == Limits(20, 3, 1_024, 1_048_576, 5.0, 60.0, 60.0, 600.0)


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
