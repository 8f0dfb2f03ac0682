"""From ticket to opened key, over the real sockets and the real listener."""

from __future__ import annotations

import io

from tests.vault.deployment import Addresses, Deployment, canary_key


async def test_a_deposited_key_is_opened_for_what_it_was_deposited_for(
    vault: Deployment, at: Addresses, log: io.StringIO
) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)
    opened, found = await vault.open(at, credential)
    assert found == key
    assert (opened.version, opened.lease_s, len(opened.pseudonym_key)) == (1, 300.0, 32)
