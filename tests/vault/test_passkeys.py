"""Every rule of WebAuthn that the vault checks, each broken once by a software authenticator."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from sealgate.vault import base64url, passkeys
from sealgate.vault.passkeys import Assertion, PasskeyRefusedError, Registered
from sealgate.vault.relying_party import RelyingParty, relying_party
from tests.vault.authenticator import (
    ALGORITHMS,
    AT,
    BE,
    BS,
    ED,
    EDDSA,
    ES256,
    RS256,
    UP,
    UV,
    Lies,
    Passkey,
    cbor,
    cose,
)
from tests.vault.deployment import HOST

PARTY = relying_party(f"http://{HOST}")
CHALLENGE = secrets.token_bytes(32)


def registered(passkey: Passkey, lies: Lies | None = None, **changes: bytes) -> Registered:
    body = passkey.enrolment(CHALLENGE, lies)
    given = {name: base64url.decode(body[name]) for name in ("id", "client_data", "attestation_object")}
    given |= changes
    return passkeys.register(PARTY, CHALLENGE, given["id"], given["client_data"], given["attestation_object"])


def assertion(passkey: Passkey, lies: Lies | None = None, **changes: bytes) -> Assertion:
    body = passkey.assertion(CHALLENGE, lies)
    given: dict[str, Any] = {name: base64url.decode(text) for name, text in body.items()}
    given["passkey"] = given.pop("id")
    return Assertion(**(given | changes))


def verified(passkey: Passkey, lies: Lies | None = None, counter: int = 0, **changes: bytes) -> int:
    known = registered(passkey)
    return passkeys.verify(PARTY, CHALLENGE, assertion(passkey, lies, **changes), known.public_key, counter)


def refusal(act: Any) -> str:
    with pytest.raises(PasskeyRefusedError) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_a_passkey_of_each_algorithm_enrols_and_approves(algorithm: int) -> None:
    passkey = Passkey(algorithm)
    known = registered(passkey)
    assert (known.passkey, known.counter) == (passkey.id, 0)
    for expected in (1, 2):
        given = assertion(passkey)
        assert passkeys.verify(PARTY, CHALLENGE, given, known.public_key, expected - 1) == expected


def test_a_passkey_that_does_not_count_approves_again_and_again() -> None:
    passkey = Passkey(counts=False)
    assert [verified(passkey) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("backed_up", [BE, BE | BS], ids=["may be backed up", "is backed up"])
def test_a_synchronized_passkey_counts(backed_up: int) -> None:
    assert verified(Passkey(), Lies(flags=UP | UV | backed_up)) == 1


def test_extensions_of_an_authenticator_do_no_harm() -> None:
    assert verified(Passkey(), Lies(flags=UP | UV | ED, tail=cbor({"credProtect": 2}))) == 1


def test_fields_that_browsers_add_to_client_data_do_no_harm() -> None:
    more = {"other_keys_can_be_added_here": "do not compare clientDataJSON against a template"}
    assert verified(Passkey(), Lies(more=more)) == 1


LIES = {
    "another type": (Lies(kind="payment.get"), "type_wrong"),
    "another challenge": (Lies(challenge=bytes(32)), "challenge_wrong"),
    "an empty challenge": (Lies(more={"challenge": ""}), "challenge_wrong"),
    "a challenge in another text": (Lies(more={"challenge": "\u00e4"}), "challenge_wrong"),
    "another origin": (Lies(origin="http://evil.example"), "origin_wrong"),
    "another scheme": (Lies(origin=f"https://{HOST}"), "origin_wrong"),
    "another port": (Lies(origin=f"http://{HOST}:1"), "origin_wrong"),
    "a name below ours": (Lies(origin=f"http://a.{HOST}"), "origin_wrong"),
    "in a frame elsewhere": (Lies(more={"crossOrigin": True}), "origin_wrong"),
    "below another page": (Lies(more={"topOrigin": "http://evil.example"}), "origin_wrong"),
    "origin is no text": (Lies(more={"origin": 1}), "client_data_malformed"),
    "no type": (Lies(more={"type": None}), "client_data_malformed"),
    "another party": (Lies(rp_id="evil.example"), "party_wrong"),
    "a party above ours": (Lies(rp_id="localhost"), "party_wrong"),
    "nobody there": (Lies(flags=UV), "user_absent"),
    "nobody verified": (Lies(flags=UP), "user_not_verified"),
    "backed up and not eligible": (Lies(flags=UP | UV | BS), "backup_flags_wrong"),
    "something behind it": (Lies(tail=b"\x00"), "malformed"),
}


@pytest.mark.parametrize(("lies", "code"), LIES.values(), ids=LIES)
def test_an_assertion_that_breaks_a_rule_is_refused_with_its_own_code(lies: Lies, code: str) -> None:
    assert refusal(lambda: verified(Passkey(), lies)).endswith(code)


@pytest.mark.parametrize(("lies", "code"), LIES.values(), ids=LIES)
def test_an_enrolment_that_breaks_a_rule_is_refused_with_its_own_code(lies: Lies, code: str) -> None:
    if lies.flags is not None:
        lies = Lies(flags=lies.flags | AT)
    assert refusal(lambda: registered(Passkey(), lies)).endswith(code)


def test_an_enrolment_is_no_assertion_and_the_other_way_round() -> None:
    assert refusal(lambda: verified(Passkey(), Lies(kind="webauthn.create"))) == "type_wrong"
    assert refusal(lambda: registered(Passkey(), Lies(kind="webauthn.get"))) == "type_wrong"


BROKEN = [b"", b"\x00", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 4000, b'{"type": "webauthn.get"}']


@pytest.mark.parametrize("raw", BROKEN, ids=range(len(BROKEN)))
def test_client_data_that_is_none_is_refused(raw: bytes) -> None:
    assert refusal(lambda: verified(Passkey(), client_data=raw)) == "client_data_malformed"
    assert refusal(lambda: registered(Passkey(), client_data=raw)) == "client_data_malformed"


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 36, b"\xff" * 37, bytes(32) + b"\xc5" + bytes(4)], ids=range(4)
)
def test_authenticator_data_that_is_none_is_refused(raw: bytes) -> None:
    assert refusal(lambda: verified(Passkey(), authenticator_data=raw)).startswith("authenticator_data_malf")


HOSTILE_CBOR = {
    "empty": b"",
    "no map": cbor(1),
    "deep": b"\x81" * 4000,
    "long": b"\x9b" + b"\xff" * 8,
    "a tag": b"\xc0\x00",
    "no authData": cbor({"fmt": "none", "attStmt": {}}),
    "authData is text": cbor({"fmt": "none", "attStmt": {}, "authData": "x"}),
    "a map in a key": b"\xa1\xa0\x00",
    "more behind it": cbor({"fmt": "none", "attStmt": {}, "authData": b""}) + b"\x00",
}


@pytest.mark.parametrize("raw", HOSTILE_CBOR.values(), ids=HOSTILE_CBOR)
def test_an_attestation_that_is_none_is_refused(raw: bytes) -> None:
    assert refusal(lambda: registered(Passkey(), attestation_object=raw)) == "attestation_malformed"


def test_an_attestation_without_a_key_is_refused() -> None:
    data = Passkey()._data(Lies(), UP | UV)
    raw = cbor({"fmt": "none", "attStmt": {}, "authData": data})
    assert refusal(lambda: registered(Passkey(), attestation_object=raw)) == "id_differs"


def test_another_id_beside_the_key_is_refused() -> None:
    assert refusal(lambda: registered(Passkey(), Lies(passkey=b"other"))) == "id_differs"


@pytest.mark.parametrize("length", [0, 1024])
def test_an_id_of_an_impossible_length_is_refused(length: int) -> None:
    passkey = Passkey()
    passkey.id = bytes(length)
    assert refusal(lambda: registered(passkey)) == "id_differs"


def weak() -> dict[int, Any]:
    return cose(rsa.generate_private_key(65537, 1024))


KEYS = {
    "an unknown algorithm": (cose(ed25519.Ed25519PrivateKey.generate()) | {3: -36}, "algorithm_unknown"),
    "an algorithm that nobody has": ({1: 1, 3: -99}, "algorithm_unknown"),
    "no algorithm": ({1: 1}, "attestation_malformed"),
    "another curve": (cose(ed25519.Ed25519PrivateKey.generate()) | {-1: 7}, "key_malformed"),
    "a short key": ({1: 1, 3: EDDSA, -1: 6, -2: b"x"}, "key_malformed"),
    "a point off the curve": ({1: 2, 3: ES256, -1: 1, -2: b"\x01" * 32, -3: b"\x01" * 32}, "key_malformed"),
    "a coordinate that is a number": ({1: 2, 3: ES256, -1: 1, -2: 1, -3: 2}, "key_malformed"),
    "no coordinates": ({1: 2, 3: ES256, -1: 1}, "key_malformed"),
    "a weak key": (weak(), "key_weak"),
    "no modulus": ({1: 3, 3: RS256}, "key_malformed"),
    "no exponent": ({1: 3, 3: RS256, -1: b"\xff" * 256, -2: b""}, "key_malformed"),
}


@pytest.mark.parametrize(("key", "code"), KEYS.values(), ids=KEYS)
def test_a_key_that_could_verify_nothing_is_not_enrolled(key: dict[int, Any], code: str) -> None:
    assert refusal(lambda: registered(Passkey(), Lies(key=key))) == code


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
@pytest.mark.parametrize("signature", [b"", b"\x00", b"\xff" * 64, b"0" * 256], ids=range(4))
def test_a_signature_that_is_none_is_refused(algorithm: int, signature: bytes) -> None:
    assert refusal(lambda: verified(Passkey(algorithm), signature=signature)) == "signature_wrong"


def test_another_keys_signature_is_refused() -> None:
    mine, other = registered(Passkey()), Passkey()
    given = assertion(other)
    refused = refusal(lambda: passkeys.verify(PARTY, CHALLENGE, given, mine.public_key, 0))
    assert refused == "signature_wrong"


def test_every_byte_that_is_signed_counts() -> None:
    passkey = Passkey(EDDSA)
    known, given = registered(passkey), assertion(passkey)
    for at in range(33, len(given.authenticator_data)):
        raw = bytearray(given.authenticator_data)
        raw[at] ^= 1
        altered = Assertion(given.passkey, given.client_data, bytes(raw), given.signature)
        assert refusal(
            lambda altered=altered: passkeys.verify(PARTY, CHALLENGE, altered, known.public_key, 0)
        )


def test_a_stored_key_that_is_none_verifies_nothing() -> None:
    given = assertion(Passkey())
    for stored in (b"", b"\xa0", b"\x00", cbor({3: -99})):
        assert refusal(lambda stored=stored: passkeys.verify(PARTY, CHALLENGE, given, stored, 0))


@pytest.mark.parametrize(
    ("said", "known"), [(5, 5), (4, 5), (0, 5)], ids=["the same", "an older one", "none any more"]
)
def test_a_counter_that_does_not_grow_is_refused(said: int, known: int) -> None:
    assert refusal(lambda: verified(Passkey(), Lies(counter=said), known)) == "counter_behind"


@pytest.mark.parametrize(
    ("url", "party", "is_name"),
    [
        ("https://vault.example", RelyingParty("vault.example", "https://vault.example"), True),
        ("https://Vault.example:443/", RelyingParty("vault.example", "https://vault.example"), True),
        ("http://vault.localhost:8701", RelyingParty("vault.localhost", "http://vault.localhost:8701"), True),
        ("http://127.0.0.1:80", RelyingParty("127.0.0.1", "http://127.0.0.1"), False),
        ("http://[::1]:8701", RelyingParty("::1", "http://[::1]:8701"), False),
    ],
)
def test_the_relying_party_is_the_vaults_own_address(url: str, party: RelyingParty, is_name: bool) -> None:
    assert relying_party(url) == party
    assert party.is_name is is_name


@pytest.mark.parametrize("text", ["=", "AA==", "A", "A A", "AB", "A\n", "ä", "AA+", "AA/"])
def test_text_that_is_not_the_one_base64url_of_its_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)


def test_bytes_come_back_from_their_text() -> None:
    for length in range(5):
        raw = secrets.token_bytes(length)
        assert base64url.decode(base64url.encode(raw)) == raw
