"""What the vault holds, in words, for `sealgate vault inspect`.

Counterpart: `operating_commands`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from sealgate.envelope import find_suite, fingerprint
from sealgate.messages.operating import EnvelopeInspected, PairInspected, VaultInspected


def lines(found: VaultInspected) -> Iterator[str]:
    """The envelope, if there is one; else everything."""
    if found.envelope is not None:
        yield from _envelope(found.envelope, found.instance)
        return
    yield f"instance  {found.instance}"
    yield f"kek       {found.kek}"
    yield f"rows      {', '.join(f'{count} {table}' for table, count in found.rows.items())}"
    for scope in found.stuck:
        yield f"STUCK     deposits of {scope} need an administrator's passkey, and nobody is enrolled"
    cut_short = found.pairs[-1].organization if found.more_pairs else ""
    for organization, pairs in groupby(found.pairs, lambda each: each.organization):
        yield from _keyring(tuple(pairs), whole=organization != cut_short)
    if found.more_pairs:
        yield f"… and {found.more_pairs} more sealing keys: name one --organization"


def _envelope(envelope: EnvelopeInspected, instance: str) -> Iterator[str]:
    form = f"format {envelope.format_version}, suite {envelope.suite} ({envelope.suite_name})"
    yield f"envelope  {form}, {envelope.bytes} bytes"
    yield f"sealed to vault key {envelope.key_id}"
    if envelope.pair is None:
        yield f"          which {instance} does not have: another vault's, or an epoch that was destroyed"
    else:
        yield from _pair(envelope.pair)
    if envelope.credential:
        yield f"stored    as version {envelope.version} of {envelope.credential}"
        if envelope.application:
            yield f"bound to  {envelope.application}, {envelope.destination}"
    else:
        yield "stored    nowhere in this vault"


def _keyring(pairs: tuple[PairInspected, ...], *, whole: bool) -> Iterator[str]:
    """One organization's pairs, and the words that depositors are to see: those of its newest epoch."""
    for pair in pairs:
        yield from _pair(pair)
    newest = [each for each in pairs if each.epoch == pairs[-1].epoch and find_suite(each.suite) is not None]
    if whole and newest and all(each.verifies for each in pairs):
        yield f"          words {_fingerprint_words(newest)}"


def _fingerprint_words(pairs: Sequence[PairInspected]) -> str:
    return fingerprint((each.suite, bytes.fromhex(each.public_key)) for each in pairs).words


def _pair(pair: PairInspected) -> Iterator[str]:
    doubt = "" if pair.verifies else "  DOES NOT VERIFY: edited outside the vault, not used"
    yield f"key       {pair.key_id}  {pair.organization} epoch {pair.epoch} suite {pair.suite}{doubt}"
    made = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(pair.made_at))
    yield f"          made {made}, {pair.envelopes} keys sealed to it, private half under {pair.kek}"
