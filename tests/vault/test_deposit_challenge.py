"""What a passkey signs to approve a deposit agrees with the text vectors, which the page agrees with, too."""

from __future__ import annotations

import pytest

from sealgate.envelope import decode_text
from sealgate.vault.deposit_approvals import deposit_challenge
from sealgate.vault.tickets import TicketRecord
from tests.vectors.reading import Vector, load

VECTORS = load("challenge")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_challenge_is_the_vectors(vector: Vector) -> None:
    ticket = TicketRecord(
        ticket_hash=b"not covered",
        organization=vector["organization"],
        organization_name="not covered",
        application=vector["application"],
        application_name="not covered",
        provider=vector["provider"],
        origin=vector["origin"],
        credential=vector["credential"],
        version=int(vector["version"]),
        stage=0,
        key_id=b"in the envelope",
        expires_at=0.0,
        used_at=None,
    )
    envelope = decode_text(vector["envelope"])
    found = deposit_challenge(vector["instance"], ticket, vector["ticket"], envelope)
    assert found == vector.hex("challenge")


def test_every_field_counts_and_every_border_between_two() -> None:
    assert len({vector["challenge"] for vector in VECTORS}) == len(VECTORS) > 12
