"""Write the text vectors from literal tables: `python -m tests.vectors.generate`.

Its counterpart is reading.py; a test generates them again and compares, so a vector cannot change unnoticed.
Nothing here is random and no key in here is real.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tests.vectors import reference
from tests.vectors.reading import VECTORS


def _fixed(what: str, size: int = 32) -> bytes:
    return hashlib.sha256(b"sealgate vector " + what.encode()).digest()[:size]


PRIVATE: Final = _fixed("sealing key")
OTHER_PRIVATE: Final = _fixed("another sealing key")
EPHEMERAL: Final = _fixed("ephemeral key")
KEY: Final = b"sk-vector-" + _fixed("provider key").hex().encode()


@dataclass(frozen=True, slots=True)
class Bound:
    """The context of a vector."""

    instance: str = "inst_k7q2m4x6z3b5n8r2t4w6"
    organization: str = "org_a2b3c4d5e6f7g2h3j4k5"
    application: str = "app_m2n3p4q5r6s7t2u3v4w5"
    credential: str = "cred_x2y3z4a5b6c7d2e3f4g5"
    version: int = 3
    provider: str = "openai"
    origin: str = "https://api.openai.com"
    key_id: bytes = field(default_factory=lambda: _fixed("key id", 16))

    def info(self, suite: reference.Suite) -> bytes:
        """The bytes that HPKE binds."""
        return reference.info_of(
            suite.number,
            self.instance,
            self.organization,
            self.application,
            self.credential,
            self.version,
            self.provider,
            self.origin,
            self.key_id,
        )


HERE: Final = Bound()


@dataclass(frozen=True, slots=True)
class Sealer:
    """Writes envelopes of one suite."""

    suite: reference.Suite
    prefix: str
    """What the names of its vectors begin with."""

    @property
    def public(self) -> bytes:
        """The vault's public key."""
        return self.suite.curve.public_of(PRIVATE)

    def steps(self, info: bytes) -> reference.Steps:
        """The HPKE steps: always the same keys."""
        return reference.steps(self.suite, EPHEMERAL, self.public, info)

    def sealed(self, plaintext: bytes, bound: Bound = HERE) -> bytes:
        """An envelope around any plaintext, also one that no honest sealer would write."""
        return reference.seal(self.steps(bound.info(self.suite)), bound.key_id, plaintext)

    @property
    def good(self) -> bytes:
        """The envelope that most vectors alter."""
        return self.sealed(reference.pad(KEY))

    def flip(self, at: int, bit: int = 0) -> bytes:
        """The good envelope with one bit flipped."""
        good = self.good
        return good[:at] + bytes((good[at] ^ 1 << bit,)) + good[at + 1 :]

    def with_enc(self, enc: bytes) -> bytes:
        """The good envelope with another encapsulated key."""
        return self.good[:18] + enc + self.good[18 + self.suite.enc_bytes :]


ONE: Final = Sealer(reference.SUITE_1, "")
ONE_P: Final = Sealer(reference.SUITE_1P, "1p-")

# name → what it shows, the key, the context
OPENS: Final[dict[str, tuple[str, bytes, Bound]]] = {
    "opens": ("A key of the usual kind.", KEY, HERE),
    "opens-shortest-key": ("The shortest key: 20 bytes.", b"sk-" + b"s" * 17, HERE),
    "opens-longest-key": ("The longest key: 510 bytes, which leave no zeros.", b"sk-" + b"l" * 507, HERE),
    "opens-every-character": ("Every character that a key may have.", bytes(range(0x21, 0x7F)), HERE),
    "opens-highest-version": ("The highest version: 2^53 - 1.", KEY, replace(HERE, version=2**53 - 1)),
    "opens-beyond-ascii": ("Context fields are UTF-8.", KEY, replace(HERE, organization="org_Zürich-封蝋-𝔖")),
}


def altered(sealer: Sealer) -> dict[str, tuple[str, bytes]]:
    """What it shows and the envelope, by name: what every suite refuses."""
    suite, good = sealer.suite, sealer.good
    body = 18 + suite.enc_bytes
    here = HERE.info(suite)
    other_suite = reference.SUITE_1P if suite is reference.SUITE_1 else reference.SUITE_1
    return {
        "altered-format-version": ("The format version is not 1.", sealer.flip(0)),
        "altered-suite": ("The suite is one that nobody knows.", sealer.flip(1)),
        "altered-key-id": ("One bit of the vault key id is flipped.", sealer.flip(2)),
        "altered-enc": ("One bit of enc is flipped.", sealer.flip(18)),
        "altered-length": ("One bit of the sealed length is flipped.", sealer.flip(body + 1)),
        "altered-key": ("One bit of the sealed key is flipped.", sealer.flip(body + 10)),
        "altered-padding": ("One bit of the sealed zeros is flipped.", sealer.flip(len(good) - 17)),
        "altered-tag": ("One bit of the tag is flipped.", sealer.flip(len(good) - 1)),
        "short-by-one": ("The last byte is missing.", good[:-1]),
        "long-by-one": ("One byte follows the tag.", good + b"\x00"),
        "header-alone": ("The envelope ends after the vault key id.", good[:18]),
        "with-aad": (
            "It was sealed with associated data, which no suite has.",
            reference.seal(sealer.steps(here), HERE.key_id, reference.pad(KEY), aad=b"aad"),
        ),
        "second-message": (
            "It was sealed as the second message of its HPKE context.",
            reference.seal(sealer.steps(here), HERE.key_id, reference.pad(KEY), sequence=1),
        ),
        "info-of-other-suite": (
            "It was sealed under the info of the other suite.",
            reference.seal(sealer.steps(HERE.info(other_suite)), HERE.key_id, reference.pad(KEY)),
        ),
        "named-as-other-suite": (
            "Its suite byte is that of the other suite, whose length is another.",
            good[:1] + bytes((other_suite.number,)) + good[2:],
        ),
    }


_X: Final = ONE_P.good[19:51]
_Y: Final = ONE_P.good[51:83]

# name → what it shows, the envelope: what only one suite can get wrong
ALTERED_1: Final[dict[str, tuple[str, bytes]]] = {
    "altered-enc-top-bit": ("The bit of enc that X25519 itself ignores is flipped.", ONE.flip(49, 7)),
    "low-order-enc": ("enc is a point of low order: all zeros.", ONE.with_enc(bytes(32))),
    "empty": ("There is no envelope.", b""),
}
ALTERED_1P: Final[dict[str, tuple[str, bytes]]] = {
    "off-curve-enc": ("enc is no point of P-256.", ONE_P.with_enc(b"\x04" + _X + _X)),
    "compressed-enc": (
        "enc is compressed, with zeros to its length.",
        ONE_P.with_enc(bytes((2 + _Y[31] % 2,)) + _X + bytes(32)),
    ),
    "hybrid-enc": (
        "enc is in the hybrid form that X9.62 once had.",
        ONE_P.with_enc(bytes((6 + _Y[31] % 2,)) + _X + _Y),
    ),
    "infinity-enc": ("enc is the point at infinity, with zeros to its length.", ONE_P.with_enc(bytes(65))),
    "beyond-field-enc": (
        "A coordinate of enc is not below the field's prime.",
        ONE_P.with_enc(b"\x04" + b"\xff" * 64),
    ),
}

# name → what it shows, the context that it is opened under
ELSEWHERE: Final[dict[str, tuple[str, Bound]]] = {
    "other-instance": ("Sealed for another instance.", replace(HERE, instance="inst_other")),
    "other-organization": ("Sealed for another organization.", replace(HERE, organization="org_other")),
    "other-application": ("Sealed for another application.", replace(HERE, application="app_other")),
    "other-credential": ("Sealed for another credential.", replace(HERE, credential="cred_other")),
    "other-version": ("Sealed as another version.", replace(HERE, version=4)),
    "other-provider": ("Sealed for another provider.", replace(HERE, provider="openrouter")),
    "other-origin": ("Sealed for another origin.", replace(HERE, origin="https://eu.api.openai.com")),
    "other-key-id": ("Sealed to another vault key id.", replace(HERE, key_id=_fixed("other key id", 16))),
    "origin-with-slash": ("Origins are bytes, not addresses.", replace(HERE, origin=HERE.origin + "/")),
    "moved-border": (
        "The fields hold the same letters, but one ends a letter earlier.",
        replace(HERE, provider="openaih", origin="ttps://api.openai.com"),
    ),
}

# name → what it shows, the problem, the plaintext
NO_KEY: Final[dict[str, tuple[str, str, bytes]]] = {
    "sealed-line-break": ("The sealed key ends with a line break.", "line_break", reference.pad(KEY + b"\n")),
    "sealed-space": ("The sealed key has a space in it.", "space", reference.pad(KEY + b" " + KEY)),
    "sealed-control": (
        "The sealed key has a zero byte in it.",
        "control",
        reference.pad(KEY + b"\x00" + KEY),
    ),
    "sealed-non-ascii": ("The sealed key is not ASCII.", "non_ascii", reference.pad(KEY + "ü".encode())),
    "sealed-too-short": ("The sealed key has 19 bytes.", "too_short", reference.pad(b"s" * 19)),
    "sealed-nothing": ("The sealed length is zero.", "empty", reference.pad(b"")),
    "sealed-length-511": ("The sealed length leaves the slot.", "layout", reference.pad(b"s" * 510, 511)),
    "sealed-length-65535": ("The sealed length is the largest.", "layout", reference.pad(KEY, 65535)),
    "sealed-length-too-low": (
        "Key bytes stand behind the length.",
        "layout",
        reference.pad(KEY, len(KEY) - 1),
    ),
    "sealed-bytes-behind": (
        "The last byte of the slot is not zero.",
        "layout",
        reference.pad(KEY)[:-1] + b"\x01",
    ),
}

# name → what it shows, the public keys by their suite's number
FINGERPRINTS: Final[dict[str, tuple[str, dict[int, bytes]]]] = {
    "both-suites": ("A vault that offers both suites.", {1: ONE.public, 2: ONE_P.public}),
    "suite-1-alone": ("A key of suite 1, and no other.", {1: ONE.public}),
    "suite-1p-alone": ("A key of suite 1p, and no other.", {2: ONE_P.public}),
}

TICKET: Final = base64.urlsafe_b64encode(_fixed("ticket")).decode().rstrip("=")

# name → what it shows, the context, the ticket, the envelope
CHALLENGES: Final[dict[str, tuple[str, Bound, str, bytes]]] = {
    "usual": ("A deposit of the usual kind.", HERE, TICKET, ONE.good),
    "sealed-with-1p": ("An envelope of the other suite.", HERE, TICKET, ONE_P.good),
    "other-instance": ("In another instance.", replace(HERE, instance="inst_other"), TICKET, ONE.good),
    "other-organization": ("Of another organization.", replace(HERE, organization="org_o"), TICKET, ONE.good),
    "other-application": ("Of another application.", replace(HERE, application="app_o"), TICKET, ONE.good),
    "other-credential": ("Of another credential.", replace(HERE, credential="cred_o"), TICKET, ONE.good),
    "other-version": ("As another version.", replace(HERE, version=4), TICKET, ONE.good),
    "other-provider": ("For another provider.", replace(HERE, provider="openrouter"), TICKET, ONE.good),
    "other-origin": (
        "To another destination.",
        replace(HERE, origin="https://eu.api.openai.com"),
        TICKET,
        ONE.good,
    ),
    "other-ticket": ("Under another ticket.", HERE, TICKET[::-1], ONE.good),
    "other-envelope": ("With one bit of the envelope flipped.", HERE, TICKET, ONE.flip(100)),
    "moved-border": (
        "The fields hold the same letters, but one ends a letter earlier.",
        replace(HERE, provider="openaih", origin="ttps://api.openai.com"),
        TICKET,
        ONE.good,
    ),
    "highest-version": ("The highest version: 2^53 - 1.", replace(HERE, version=2**53 - 1), TICKET, ONE.good),
    "beyond-ascii": (
        "Fields are UTF-8, and their lengths are bytes.",
        replace(HERE, organization="org_Zürich-封蝋-𝔖"),
        TICKET,
        ONE.good,
    ),
}

# name → what it shows, the problem or "", the key
PROVIDER_KEYS: Final[dict[str, tuple[str, str, bytes]]] = {
    "usual": ("A key of the usual kind.", "", KEY),
    "shortest": ("20 bytes.", "", b"s" * 20),
    "longest": ("510 bytes.", "", b"s" * 510),
    "every-character": ("Every character from 0x21 to 0x7e.", "", bytes(range(0x21, 0x7F))),
    "nothing": ("No bytes at all.", "empty", b""),
    "one-too-short": ("19 bytes.", "too_short", b"s" * 19),
    "one-too-long": ("511 bytes.", "too_long", b"s" * 511),
    "line-feed-after": ("A line feed at the end, as a terminal copies it.", "line_break", KEY + b"\n"),
    "carriage-return-after": ("A carriage return and line feed at the end.", "line_break", KEY + b"\r\n"),
    "line-feed-before": ("A line feed at the start.", "line_break", b"\n" + KEY),
    "line-feed-inside": ("A key that was wrapped over two lines.", "line_break", KEY[:30] + b"\n" + KEY[30:]),
    "header-injection": ("A second header behind the key.", "line_break", KEY + b"\r\nX-Other: 1"),
    "space-after": ("A space at the end.", "space", KEY + b" "),
    "space-before": ("A space at the start.", "space", b" " + KEY),
    "space-inside": ("A space inside.", "space", KEY[:30] + b" " + KEY[30:]),
    "only-spaces": ("Nothing but spaces.", "space", b" " * 30),
    "tab": ("A tab at the end.", "control", KEY + b"\t"),
    "zero-byte": ("A zero byte at the end.", "control", KEY + b"\x00"),
    "escape": ("A terminal's escape sequence.", "control", b"\x1b[31m" + KEY),
    "delete": ("0x7f, just above the highest character.", "control", KEY + b"\x7f"),
    "no-break-space": ("A no-break space, as word processors paste it.", "non_ascii", KEY + b"\xc2\xa0"),
    "zero-width-space": ("A zero-width space.", "non_ascii", KEY + "\u200b".encode()),
    "next-line": ("U+0085, which some call a line break.", "non_ascii", KEY + "\u0085".encode()),
    "umlaut": ("A letter beyond ASCII.", "non_ascii", KEY + "ü".encode()),
    "full-width": ("A full-width letter that looks like ASCII.", "non_ascii", "\uff53\uff4b".encode() + KEY),
    "not-utf-8": ("A byte that is not UTF-8.", "non_ascii", KEY + b"\xff"),
    "line-break-before-space": ("The first foreign character is the one named.", "line_break", KEY + b"\n "),
}


def text_form(envelope: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(envelope).decode().rstrip("=")


_TEXT: Final = text_form(ONE.good)
_STANDARD: Final = base64.b64encode(ONE.good).decode().rstrip("=")

# name → what it shows, the text
TEXTS: Final[dict[str, tuple[str, str]]] = {
    "padded": ("One padding sign follows.", _TEXT + "="),
    "standard-alphabet": ("Written with + and /.", _STANDARD),
    "spare-bits": ("The bits behind the last byte are not zero.", _TEXT[:-1] + chr(ord(_TEXT[-1]) + 1)),
    "one-letter-more": ("A length that base64 cannot have.", _TEXT + "AA"),
    "foreign-letter": ("A letter outside of the alphabet.", _TEXT[:100] + "!" + _TEXT[101:]),
    "space-inside": ("A space inside, which lenient decoders skip.", _TEXT[:100] + " " + _TEXT[100:]),
    "non-ascii": ("A letter beyond ASCII.", _TEXT[:100] + "é" + _TEXT[101:]),
}


def envelope_fields(
    sealer: Sealer, envelope: bytes, bound: Bound = HERE, private: bytes = PRIVATE
) -> dict[str, str]:
    """The fields that every envelope vector has."""
    return {
        "suite": str(sealer.suite.number),
        "private_key": private.hex(),
        "public_key": sealer.suite.curve.public_of(private).hex(),
        "instance": bound.instance,
        "organization": bound.organization,
        "application": bound.application,
        "credential": bound.credential,
        "version": str(bound.version),
        "provider": bound.provider,
        "origin": bound.origin,
        "key_id": bound.key_id.hex(),
        "envelope": text_form(envelope),
    }


def _opening(sealer: Sealer, key: bytes, bound: Bound) -> dict[str, str]:
    info = bound.info(sealer.suite)
    at = sealer.steps(info)
    return {
        "expect": "opens",
        **envelope_fields(sealer, sealer.sealed(reference.pad(key), bound), bound),
        "key": key.decode(),
        "ephemeral_private_key": EPHEMERAL.hex(),
        "info": info.hex(),
        "shared_secret": at.shared_secret.hex(),
        "aead_key": at.aead_key.hex(),
        "nonce": at.nonce.hex(),
    }


Written = Iterator[tuple[str, str, dict[str, str]]]
"""Folder and name, sentence, fields."""


def _envelopes(sealer: Sealer, special: dict[str, tuple[str, bytes]]) -> Written:
    folder = f"envelope/{sealer.prefix}"
    refused = {"expect": "envelope_invalid"}
    for name, (about, key, bound) in OPENS.items():
        yield folder + name, about, _opening(sealer, key, bound)
    for name, (about, envelope) in (altered(sealer) | special).items():
        yield folder + name, about, {**refused, **envelope_fields(sealer, envelope)}
    for name, (about, bound) in ELSEWHERE.items():
        yield folder + name, about, {**refused, **envelope_fields(sealer, sealer.good, bound)}
    other = {**refused, **envelope_fields(sealer, sealer.good, private=OTHER_PRIVATE)}
    yield f"{folder}other-private-key", "Opened with another vault's private key.", other
    for name, (about, problem, plaintext) in NO_KEY.items():
        fields = envelope_fields(sealer, sealer.sealed(plaintext))
        yield folder + name, about, {"expect": "key_format", "problem": problem, **fields}


def _fingerprints() -> Written:
    for name, (about, keys) in FINGERPRINTS.items():
        found = reference.fingerprint_of(keys)
        offered = {f"suite_{number}": public.hex() for number, public in keys.items()}
        yield (
            f"fingerprint/{name}",
            about,
            {**offered, "hex": found.hex(), "words": reference.words_of(found)},
        )


def _challenges() -> Written:
    for name, (about, bound, ticket, envelope) in CHALLENGES.items():
        told = {
            "instance": bound.instance,
            "organization": bound.organization,
            "application": bound.application,
            "credential": bound.credential,
            "version": str(bound.version),
            "provider": bound.provider,
            "origin": bound.origin,
            "ticket": ticket,
        }
        challenge = reference.challenge_of(*(text.encode() for text in told.values()), envelope)
        fields = {**told, "envelope": text_form(envelope), "challenge": challenge.hex()}
        yield f"challenge/{name}", about, fields


def generate() -> Written:
    """Give every vector."""
    yield from _envelopes(ONE, ALTERED_1)
    yield from _envelopes(ONE_P, ALTERED_1P)
    yield from _fingerprints()
    yield from _challenges()
    for name, (about, problem, key) in PROVIDER_KEYS.items():
        expect = {"expect": "key_format", "problem": problem} if problem else {"expect": "fits"}
        yield f"provider_key/{name}", about, {**expect, "key_hex": key.hex()}
    for name, (about, text) in TEXTS.items():
        yield f"text/{name}", about, {"expect": "envelope_invalid", "text": text}


def written(about: str, fields: dict[str, str]) -> str:
    """The text of one vector."""
    lines = (f"{name}: {value}".rstrip(" ") for name, value in fields.items())
    return "\n".join((f"# {about}", *lines, ""))


def main() -> None:
    """Write every vector and remove what the tables no longer name."""
    texts = {f"{path}.txt": written(about, fields) for path, about, fields in generate()}
    for stale in (path for path in VECTORS.glob("*/*.txt") if str(path.relative_to(VECTORS)) not in texts):
        stale.unlink()
    for path, text in texts.items():
        (VECTORS / path).parent.mkdir(exist_ok=True)
        (VECTORS / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
