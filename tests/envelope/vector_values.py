"""Turn a vector's fields into the values that src/sealgate/envelope takes."""

from dataclasses import fields
from typing import Any

from sealgate.envelope import Context, SealingPrivateKey
from tests.vectors.reading import Vector

KEY = b"sk-test-0123456789abcdefghijklmnopqrstuvwxyz"


def context_of(vector: Vector) -> Context:
    """The context that the vector is opened under."""
    return Context(
        instance=vector["instance"],
        organization=vector["organization"],
        application=vector["application"],
        credential=vector["credential"],
        version=int(vector["version"]),
        provider=vector["provider"],
        origin=vector["origin"],
        key_id=vector.hex("key_id"),
    )


def private_of(vector: Vector) -> SealingPrivateKey:
    """The private key that the vector is opened with."""
    return SealingPrivateKey.dangerously_from_bytes(vector.hex("private_key"), int(vector["suite"]))


def changed(context: Context, field: str, value: object) -> Context:
    """The context with one field changed, whichever it is."""
    values: dict[str, Any] = {known.name: getattr(context, known.name) for known in fields(context)}
    return Context(**(values | {field: value}))


def example_context() -> Context:
    """A context like those that the vault makes."""
    return Context(
        instance="inst_k7q2m4x6z3b5n8r2t4w6",
        organization="org_a2b3c4d5e6f7g2h3j4k5",
        application="app_m2n3p4q5r6s7t2u3v4w5",
        credential="cred_x2y3z4a5b6c7d2e3f4g5",
        version=7,
        provider="openai",
        origin="https://api.openai.com",
        key_id=bytes(range(16)),
    )
