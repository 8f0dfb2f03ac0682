"""Every forged, bent and oversized session token is refused; until its signature verifies, in silence."""

import base64
import hashlib
import hmac
import json
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from sealgate.session import (
    InvalidSession,
    MalformedClaims,
    SessionExpired,
    SessionKeyError,
    SessionNotYetValid,
    SessionPublicKey,
    SessionRefused,
    SigningKey,
    WrongAudience,
    peek,
    verify,
)
from tests.session.tokens import (
    CLAIMS,
    HEADER,
    INSTANCE,
    KEY,
    KEYS,
    KID,
    NOW_S,
    OTHER_APPLICATION,
    P256_HEADER,
    P256_KEY,
    P256_KID,
    P256_ORDER,
    b64url,
    raw_private,
    signature,
    signed,
    token,
)

OTHER_KEY = SigningKey.generate("key_" + "e" * 20)
IMPOSTOR = SigningKey.generate(KID)
GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
P256_IMPOSTOR = SigningKey.generate(P256_KID, "ES256")
P256_HEAD = b64url(json.dumps(P256_HEADER).encode())
P256_RAW = signature(f"{P256_HEAD}.{BODY}", P256_KEY)
HEADER_BYTES = json.dumps(HEADER).encode()
CLAIMS_BYTES = json.dumps(CLAIMS).encode()


def hmac_with_the_public_key(algorithm: str) -> str:
    head = b64url(json.dumps({**HEADER, "alg": algorithm}).encode())
    mac = hmac.new(KEY.public.public_key, f"{head}.{BODY}".encode(), hashlib.sha256).digest()
    return f"{head}.{BODY}.{b64url(mac)}"


def hmac_of_signature_length(algorithm: str) -> str:
    head = b64url(json.dumps({**HEADER, "alg": algorithm}).encode())
    mac = hmac.new(KEY.public.public_key, f"{head}.{BODY}".encode(), hashlib.sha512).digest()
    return f"{head}.{BODY}.{b64url(mac)}"


def signed_with_ed448() -> str:
    head = b64url(json.dumps({**HEADER, "alg": "EdDSA"}).encode())
    return f"{head}.{BODY}.{b64url(Ed448PrivateKey.generate().sign(f'{head}.{BODY}'.encode()))}"


def other_spelling_of(segment: str) -> str:
    """The same bytes with spare bits set in the last character (64 bytes leave four of them)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


def with_bit_changed(position: int) -> str:
    raw = bytearray(base64.urlsafe_b64decode(SIGNATURE + "=="))
    raw[position] ^= 1
    return f"{HEAD}.{BODY}.{b64url(bytes(raw))}"


def with_order_added() -> str:
    """S plus the group's order: the same equation holds, and RFC 8032 §5.1.7 refuses it."""
    raw = base64.urlsafe_b64decode(SIGNATURE + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(raw[32:], "little") + order
    return f"{HEAD}.{BODY}.{b64url(raw[:32] + scalar.to_bytes(32, 'little'))}"


def p256_token(signature: bytes) -> str:
    """The good token of the P-256 key with another signature."""
    return f"{P256_HEAD}.{BODY}.{b64url(signature)}"


def hmac_with_the_point() -> str:
    head = b64url(json.dumps({**P256_HEADER, "alg": "HS512"}).encode())
    mac = hmac.new(P256_KEY.public.public_key, f"{head}.{BODY}".encode(), hashlib.sha512).digest()
    return f"{head}.{BODY}.{b64url(mac)}"


def der_signature() -> bytes:
    private = raw_private(P256_KEY)
    assert isinstance(private, EllipticCurvePrivateKey)
    return private.sign(f"{P256_HEAD}.{BODY}".encode(), ECDSA(SHA256()))


def signed_over_sha384() -> str:
    private = raw_private(P256_KEY)
    assert isinstance(private, EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(f"{P256_HEAD}.{BODY}".encode(), ECDSA(SHA384())))
    return p256_token(r.to_bytes(32) + s.to_bytes(32))


def duplicated(raw: bytes, member: bytes) -> bytes:
    return b"{" + member + b"," + raw[1:]


SILENT: dict[str, str | bytes] = {
    # algorithms
    "none with no signature": f"{b64url(json.dumps({**HEADER, 'alg': 'none'}).encode())}.{BODY}.",
    "none with a good signature": token({"alg": "none"}),
    "None": token({"alg": "None"}),
    "NONE": token({"alg": "NONE"}),
    "HS256 keyed with the public key": hmac_with_the_public_key("HS256"),
    "HS512 keyed with the public key": hmac_of_signature_length("HS512"),
    "HMAC under the name Ed25519": hmac_of_signature_length("Ed25519"),
    "ES256 with a key of Ed25519": token({"alg": "ES256"}),
    "ES256 signed by P-256 under a kid of Ed25519": token({"alg": "ES256"}, key=P256_KEY),
    "Ed25519 with a key of P-256": token({"kid": P256_KID}, key=P256_KEY),
    "EdDSA with a key of P-256": token({"kid": P256_KID, "alg": "EdDSA"}, key=P256_KEY),
    "Ed25519 signed by Ed25519 under a kid of P-256": token({"kid": P256_KID}),
    "ES256 signed by Ed25519 under a kid of P-256": token(P256_HEADER),
    "ES384 by name": token({**P256_HEADER, "alg": "ES384"}, key=P256_KEY),
    "ES256K by name": token({**P256_HEADER, "alg": "ES256K"}, key=P256_KEY),
    "ESP256 by name": token({**P256_HEADER, "alg": "ESP256"}, key=P256_KEY),
    "es256 in lower case": token({**P256_HEADER, "alg": "es256"}, key=P256_KEY),
    "none under a kid of P-256": token({**P256_HEADER, "alg": "none"}, key=P256_KEY),
    "HS256 keyed with the point": hmac_with_the_point(),
    "ES256 over a hash of SHA-384": signed_over_sha384(),
    "RS256 by name": token({"alg": "RS256"}),
    "PS256 by name": token({"alg": "PS256"}),
    "Ed448 by name": token({"alg": "Ed448"}),
    "Ed448 under the name EdDSA": signed_with_ed448(),
    "ed25519 in lower case": token({"alg": "ed25519"}),
    "algorithm as a list": token({"alg": ["Ed25519"]}),
    "algorithm null": token({"alg": None}),
    "no algorithm": token(without="alg"),
    # header
    "typ JWT": token({"typ": "JWT"}),
    "typ of another token": token({"typ": "at+jwt"}),
    "typ in capitals": token({"typ": "SEALGATE-SESSION+JWT"}),
    "typ with its media type": token({"typ": "application/sealgate-session+jwt"}),
    "no typ": token(without="typ"),
    "jku": token({"jku": "https://attacker.example/keys"}),
    "jwk": token({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64url(OTHER_KEY.public.public_key)}}),
    "jwk signed by its key": token(
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64url(IMPOSTOR.public.public_key)}}, key=IMPOSTOR
    ),
    "x5u": token({"x5u": "https://attacker.example/cert"}),
    "x5c": token({"x5c": ["MIIB"]}),
    "x5t": token({"x5t": "AAAA"}),
    "crit": token({"crit": ["exp"], "exp": NOW_S}),
    "empty crit": token({"crit": []}),
    "b64 false": token({"b64": False, "crit": ["b64"]}),
    "b64 true": token({"b64": True}),
    "cty of a nested token": token({"cty": "JWT"}),
    "zip": token({"zip": "DEF"}),
    "duplicate alg": signed(duplicated(HEADER_BYTES, b'"alg":"none"'), CLAIMS_BYTES),
    "duplicate kid": signed(duplicated(HEADER_BYTES, b'"kid":"key_x"'), CLAIMS_BYTES),
    "header is a list": signed(b'["alg"]', CLAIMS_BYTES),
    "header is null": signed(b"null", CLAIMS_BYTES),
    "header is not JSON": signed(b"{alg}", CLAIMS_BYTES),
    "header is not UTF-8": signed(HEADER_BYTES.replace(b"Ed25519", b"\xff\xfe"), CLAIMS_BYTES),
    "header with a byte order mark": signed(b"\xef\xbb\xbf" + HEADER_BYTES, CLAIMS_BYTES),
    "header nested 900 deep": signed(b'{"alg":' + b"[" * 900 + b"]" * 900 + b"}", CLAIMS_BYTES),
    # keys
    "unknown kid": token({"kid": "key_" + "z" * 20}),
    "no kid": token(without="kid"),
    "kid null": token({"kid": None}),
    "kid a number": token({"kid": 7}),
    "kid empty": token({"kid": ""}),
    "kid with a path": token({"kid": "../../../../dev/null"}),
    "kid with an encoded path": token({"kid": "..%2f..%2fetc%2fpasswd"}),
    "kid with a query": token({"kid": "key' OR '1'='1"}),
    "kid with NUL": token({"kid": KID + "\0"}),
    "kid with a newline": token({"kid": KID + "\n"}),
    "kid of 65 characters": token({"kid": "k" * 65}),
    "another key under this kid": token(key=IMPOSTOR),
    "another application's key": token({"kid": OTHER_KEY.kid}, key=OTHER_KEY),
    # signature
    "no signature": f"{HEAD}.{BODY}.",
    "empty signature bytes": f"{HEAD}.{BODY}.{b64url(bytes(64))}",
    "first bit of R": with_bit_changed(0),
    "last bit of S": with_bit_changed(63),
    "S beyond the order": with_order_added(),
    "signature of other claims": f"{HEAD}.{b64url(CLAIMS_BYTES + b' ')}.{SIGNATURE}",
    "signature of 63 bytes": f"{HEAD}.{BODY}.{SIGNATURE[:-2]}",
    "signature of 65 bytes": f"{HEAD}.{BODY}.{SIGNATURE}AA",
    "application changed after signing": (
        f"{HEAD}.{b64url(json.dumps({**CLAIMS, 'app': OTHER_APPLICATION}).encode())}.{SIGNATURE}"
    ),
    "another P-256 key under this kid": token(P256_HEADER, key=P256_IMPOSTOR),
    "R and S of zero": p256_token(bytes(64)),
    "R of zero": p256_token(bytes(32) + P256_RAW[32:]),
    "S of zero": p256_token(P256_RAW[:32] + bytes(32)),
    "R and S of the order": p256_token(P256_ORDER.to_bytes(32) * 2),
    "R beyond the order": p256_token(b"\xff" * 32 + P256_RAW[32:]),
    "S beyond the order of P-256": p256_token(P256_RAW[:32] + b"\xff" * 32),
    "R and S of one": p256_token((bytes(31) + b"\x01") * 2),
    "R and S the wrong way round": p256_token(P256_RAW[32:] + P256_RAW[:32]),
    "first bit of R of P-256": p256_token(bytes([P256_RAW[0] ^ 1]) + P256_RAW[1:]),
    "last bit of S of P-256": p256_token(P256_RAW[:63] + bytes([P256_RAW[63] ^ 1])),
    "a signature in DER": f"{P256_HEAD}.{BODY}.{b64url(der_signature())}",
    "a signature of P-256 without its last byte": p256_token(P256_RAW[:63]),
    # outer form
    "empty": "",
    "one dot": "a.b",
    "two empty segments": "..",
    "four segments": GOOD + ".AA",
    "five segments (JWE)": f"{HEAD}.{BODY}.AA.AA.AA",
    "JSON serialization": json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "detached payload": f"{HEAD}..{SIGNATURE}",
    "padding": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "padded signature": f"{GOOD}==",
    "standard alphabet": f"{HEAD}.{BODY}.{'+/' + SIGNATURE[2:]}",
    "another spelling of the signature": f"{HEAD}.{BODY}.{other_spelling_of(SIGNATURE)}",
    "space before": " " + GOOD,
    "space after": GOOD + " ",
    "newline after": GOOD + "\n",
    "newline inside": f"{HEAD}.\n{BODY}.{SIGNATURE}",
    "NUL after": GOOD + "\0",
    "Bearer twice": "Bearer " + GOOD,
    "quotes around": f'"{GOOD}"',
    "not ASCII": GOOD + "é",
    "bytes that are not ASCII": b"\xff" * 40,
    "oversized": token(claims={"pad": "x" * 4_096}),
    "far oversized": "a" * 1_000_000,
    # claims that cannot be read
    "duplicate app": signed(
        HEADER_BYTES, duplicated(CLAIMS_BYTES, b'"app":"' + OTHER_APPLICATION.encode() + b'"')
    ),
    "duplicate exp": signed(HEADER_BYTES, duplicated(CLAIMS_BYTES, b'"exp":9999999999')),
    "duplicate inside a claim": signed(HEADER_BYTES, duplicated(CLAIMS_BYTES, b'"x":{"a":1,"a":2}')),
    "claims are a list": signed(HEADER_BYTES, b"[]"),
    "claims are text": signed(HEADER_BYTES, b'"claims"'),
    "claims are not JSON": signed(HEADER_BYTES, b"exp=1"),
    "claims with NaN": signed(HEADER_BYTES, duplicated(CLAIMS_BYTES, b'"x":NaN')),
    "claims are not UTF-8": signed(HEADER_BYTES, CLAIMS_BYTES.replace(b"user-17", b"\xff\xfe")),
    "claims with more after them": signed(HEADER_BYTES, CLAIMS_BYTES + b"{}"),
    "half a surrogate pair": signed(HEADER_BYTES, CLAIMS_BYTES.replace(b"user-17", b"\\ud800")),
    "no app": token(without="app"),
    "app null": token(claims={"app": None}),
    "app with a path": token(claims={"app": "app_../../etc/passwd"}),
    "app of another form": token(claims={"app": "app_" + "A" * 20}),
}

TOLD: dict[str, tuple[str, type[SessionRefused]]] = {
    "expired 60 seconds ago": (token(claims={"iat": NOW_S - 900, "exp": NOW_S - 60}), SessionExpired),
    "expired long ago": (token(claims={"iat": NOW_S - 90_000, "exp": NOW_S - 89_000}), SessionExpired),
    "issued 61 seconds ahead": (token(claims={"iat": NOW_S + 61, "exp": NOW_S + 900}), SessionNotYetValid),
    "nbf ahead": (token(claims={"nbf": NOW_S + 61}), SessionNotYetValid),
    "lives one second too long": (token(claims={"iat": NOW_S, "exp": NOW_S + 3_601}), MalformedClaims),
    "lives for ever": (token(claims={"exp": 2**62}), MalformedClaims),
    "expires before it is issued": (token(claims={"iat": NOW_S, "exp": NOW_S - 1}), MalformedClaims),
    "expires as it is issued": (token(claims={"iat": NOW_S, "exp": NOW_S}), MalformedClaims),
    "negative iat": (token(claims={"iat": -1, "exp": 900}), MalformedClaims),
    "exp as text": (token(claims={"exp": str(NOW_S + 800)}), MalformedClaims),
    "exp as a fraction": (token(claims={"exp": NOW_S + 0.5}), MalformedClaims),
    "exp as an exponent": (
        signed(HEADER_BYTES, CLAIMS_BYTES.replace(str(CLAIMS["exp"]).encode(), b"1e400")),
        MalformedClaims,
    ),
    "exp true": (token(claims={"exp": True}), MalformedClaims),
    "exp null": (token(claims={"exp": None}), MalformedClaims),
    "exp huge": (token(claims={"exp": 10**30}), MalformedClaims),
    "no exp": (token(without="exp"), MalformedClaims),
    "no iat": (token(without="iat"), MalformedClaims),
    "no sub": (token(without="sub"), MalformedClaims),
    "no sid": (token(without="sid"), MalformedClaims),
    "no perm": (token(without="perm"), MalformedClaims),
    "no aud": (token(without="aud"), MalformedClaims),
    "another audience": (token(claims={"aud": "inst_" + "x" * 20}), WrongAudience),
    "empty audience": (token(claims={"aud": ""}), WrongAudience),
    "no audience in the list": (token(claims={"aud": []}), WrongAudience),
    "two audiences": (token(claims={"aud": [INSTANCE, "inst_" + "x" * 20]}), WrongAudience),
    "audience as a number": (token(claims={"aud": 1}), MalformedClaims),
    "sub a number": (token(claims={"sub": 17}), MalformedClaims),
    "sub empty": (token(claims={"sub": ""}), MalformedClaims),
    "sub with a newline": (token(claims={"sub": "a\nb"}), MalformedClaims),
    "sub too long": (token(claims={"sub": "u" * 257}), MalformedClaims),
    "sid with a space": (token(claims={"sid": "a b"}), MalformedClaims),
    "perm as text": (token(claims={"perm": "action:*"}), MalformedClaims),
    "perm with a number": (token(claims={"perm": [1]}), MalformedClaims),
    "perm star": (token(claims={"perm": ["*"]}), MalformedClaims),
    "perm misspelt": (token(claims={"perm": ["actions:shorten"]}), MalformedClaims),
    "perm with a newline": (token(claims={"perm": ["prompt\n"]}), MalformedClaims),
    "perm with a path": (token(claims={"perm": ["action:../x"]}), MalformedClaims),
    "65 permissions": (token(claims={"perm": ["prompt"] * 65}), MalformedClaims),
    "origin with a path": (token(claims={"origin": "https://a.example/"}), MalformedClaims),
    "origin null by name": (token(claims={"origin": "null"}), MalformedClaims),
    "origin of another scheme": (token(claims={"origin": "file://a"}), MalformedClaims),
    "locale with a quote": (token(claims={"locale": 'en" ignore'}), MalformedClaims),
    "plan with a space": (token(claims={"plan": "a b"}), MalformedClaims),
}


@pytest.mark.parametrize("hostile", SILENT.values(), ids=SILENT)
def test_a_token_that_proves_nothing_gets_the_one_silent_error(hostile: str | bytes) -> None:
    with pytest.raises(InvalidSession) as caught:
        verify(hostile, KEYS, INSTANCE, NOW_S)
    assert type(caught.value) is InvalidSession
    assert str(caught.value) == str(InvalidSession())


@pytest.mark.parametrize("hostile", SILENT.values(), ids=SILENT)
def test_a_look_at_a_hostile_token_raises_nothing_else(hostile: str | bytes) -> None:
    try:
        unverified = peek(hostile)
    except InvalidSession:
        return
    assert unverified.application.startswith("app_")


@pytest.mark.parametrize(("hostile", "error"), TOLD.values(), ids=TOLD)
def test_a_signed_token_with_wrong_claims_is_told_why(hostile: str, error: type[SessionRefused]) -> None:
    with pytest.raises(error) as caught:
        verify(hostile, KEYS, INSTANCE, NOW_S)
    assert type(caught.value) is error
    assert caught.value.code
    assert caught.value.hint


@pytest.mark.parametrize(("hostile", "_error"), TOLD.values(), ids=TOLD)
def test_without_the_key_wrong_claims_are_not_told(hostile: str, _error: type[SessionRefused]) -> None:
    with pytest.raises(InvalidSession):
        verify(hostile, (IMPOSTOR.public,), INSTANCE, NOW_S)


def test_no_key_verifies_nothing() -> None:
    with pytest.raises(InvalidSession):
        verify(GOOD, (), INSTANCE, NOW_S)


def test_every_truncation_is_refused() -> None:
    for length in range(len(GOOD)):
        with pytest.raises(InvalidSession):
            verify(GOOD[:length], KEYS, INSTANCE, NOW_S)


def test_a_refusal_never_quotes_the_token_or_its_user() -> None:
    for hostile, _ in TOLD.values():
        with pytest.raises(SessionRefused) as caught:
            verify(hostile, KEYS, INSTANCE, NOW_S)
        said = f"{caught.value} {caught.value.hint} {caught.value!r}"
        assert "user-17" not in said
        assert hostile.split(".")[2] not in said


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "00" * 31 + "80",
        "01" + "00" * 31,
        "01" + "00" * 30 + "80",
        "ec" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ],
)
def test_a_public_key_for_which_anybody_can_sign_is_refused(point: str) -> None:
    with pytest.raises(SessionKeyError, match="forged"):
        SessionPublicKey(KID, "Ed25519", bytes.fromhex(point))


POINT = P256_KEY.public.public_key
NO_POINTS: dict[str, bytes] = {
    "zeros": bytes(65),
    "the origin": b"\x04" + bytes(64),
    "infinity": b"\0" + bytes(64),
    "a point beside the curve": POINT[:64] + bytes([POINT[64] ^ 1]),
    "coordinates beyond the field": b"\x04" + b"\xff" * 64,
    "x of the field's size": b"\x04" + bytes.fromhex("ffffffff00000001" + "00" * 12 + "ff" * 12) + POINT[33:],
    "x without its y": POINT[:33] + bytes(32),
    "the marks of a compressed point": b"\x02" + POINT[1:],
    "the marks of a hybrid point": bytes([6 + POINT[64] % 2]) + POINT[1:],
    "its halves the wrong way round": b"\x04" + POINT[33:] + POINT[1:33],
}


@pytest.mark.parametrize("point", NO_POINTS.values(), ids=NO_POINTS)
def test_what_is_no_point_of_p256_is_refused(point: bytes) -> None:
    with pytest.raises(SessionKeyError, match="no point") as caught:
        SessionPublicKey(KID, "ES256", point)
    assert caught.value.hint


def test_the_key_says_the_algorithm_whatever_the_token_says() -> None:
    confused = (SessionPublicKey(P256_KID, "Ed25519", KEY.public.public_key),)
    with pytest.raises(InvalidSession):
        verify(token(P256_HEADER, key=P256_KEY), confused, INSTANCE, NOW_S)
    with pytest.raises(InvalidSession):
        verify(token(P256_HEADER), confused, INSTANCE, NOW_S)


def test_every_truncation_of_an_es256_token_is_refused() -> None:
    good = token(P256_HEADER, key=P256_KEY)
    for length in range(len(good)):
        with pytest.raises(InvalidSession):
            verify(good[:length], KEYS, INSTANCE, NOW_S)


def test_verifying_never_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert verify(token({"alg": "EdDSA"}), KEYS, INSTANCE, NOW_S).subject == "user-17"
        assert verify(token(P256_HEADER, key=P256_KEY), KEYS, INSTANCE, NOW_S).subject == "user-17"
