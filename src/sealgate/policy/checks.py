"""The words that the request table is written in: small, immutable checks that can say what they accept.

Counterparts: `requests.py` holds the table, `reference.py` draws the documentation from it. A check never
changes a value, and its refusal never quotes text that somebody wrote.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, Protocol

from msgspec import Struct, field

from sealgate.policy.bodies import JSON
from sealgate.policy.refusals import Refusal

# What to do with a field that no table lists: refuse it, or look into it and let it pass.
Unlisted = Callable[[str, JSON], None]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


class Check(Protocol):
    """Looks at one value; `says` completes the sentence "it must be …"."""

    @property
    def says(self) -> str:
        """What the check accepts, in words."""

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        """Return, or raise Refusal with the path inside this value."""


def plain(text: str) -> str:
    """A name or setting as a message may quote it: itself if it is short and plain, else an ellipsis."""
    return text if _PLAIN.fullmatch(text) else "…"


def _refuse(check: Check) -> NoReturn:
    raise Refusal("invalid_value", f"This must be {check.says}.", hint="Correct the value, or leave it out.")


class Flag(Struct, frozen=True):
    """True or false."""

    says: str = "true or false"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if value is not True and value is not False:
            _refuse(self)


class OnlyFalse(Struct, frozen=True):
    """False, which is as absent; true does not pass, for the `reason`."""

    reason: str

    @property
    def says(self) -> str:
        return f"false: {self.reason}"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if value is not False:
            raise Refusal("field_not_allowed", f"This does not pass: {self.reason}.", hint="Leave it out.")


class Number(Struct, frozen=True):
    """A number between two bounds, both allowed."""

    least: float
    most: float

    @property
    def says(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self.least <= value <= self.most
        ):
            _refuse(self)


class Whole(Struct, frozen=True):
    """A whole number between two bounds, both allowed."""

    least: int
    most: int

    @property
    def says(self) -> str:
        return (
            str(self.least) if self.least == self.most else f"a whole number from {self.least} to {self.most}"
        )

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            _refuse(self)


class Text(Struct, frozen=True):
    """A string, bounded in characters where `most` is given."""

    most: int | None = None

    @property
    def says(self) -> str:
        return "text" if self.most is None else f"text of at most {self.most} characters"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if not isinstance(value, str) or (self.most is not None and len(value) > self.most):
            _refuse(self)


class Matching(Struct, frozen=True):
    """A string that begins as the pattern says; `says` is the pattern in words."""

    pattern: re.Pattern[str]
    says: str

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if not isinstance(value, str) or self.pattern.match(value) is None:
            _refuse(self)


class OneOf(Struct, frozen=True):
    """One of a few words; `refused` gives the reasons of words that are known and do not pass."""

    words: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return _listed(self.words)

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if value not in self.words:
            if isinstance(value, str) and value in self.refused:
                reason = f"This does not pass: {self.refused[value]}."
                raise Refusal("field_not_allowed", reason, hint=f"Use {self.says}.")
            _refuse(self)


class AnyObject(Struct, frozen=True):
    """An object whose members are the client's own, such as a JSON schema."""

    says: str = "an object"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if not isinstance(value, dict):
            _refuse(self)


class AnyList(Struct, frozen=True):
    """A list whose items are the provider's own, sent back as they came."""

    says: str = "a list"

    def __call__(self, value: JSON, _unlisted: Unlisted, /) -> None:
        if not isinstance(value, list):
            _refuse(self)


class Refused(Struct, frozen=True):
    """Whatever the value, this field or type does not pass; `reason` says why, `hint` what to do instead."""

    reason: str
    hint: str = "Leave it out."

    @property
    def says(self) -> str:
        return f"absent: {self.reason}"

    def __call__(self, _value: JSON, _unlisted: Unlisted, /) -> None:
        raise Refusal("field_not_allowed", f"This does not pass: {self.reason}.", hint=self.hint)


class ListOf(Struct, frozen=True):
    """A list of `least` to `most` items, each checked."""

    item: Check
    least: int
    most: int

    @property
    def says(self) -> str:
        return f"a list of {self.least} to {self.most} items, each {self.item.says}"

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            _refuse(self)
        check = self.item
        for index, item in enumerate(value):
            try:
                check(item, unlisted)
            except Refusal as refusal:
                refusal.within(f"[{index}]")
                raise


class MapOf(Struct, frozen=True):
    """An object with at most `most` members; names match `name`, values are checked."""

    name: re.Pattern[str]
    member: Check
    most: int
    says: str

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        if not isinstance(value, dict) or len(value) > self.most:
            _refuse(self)
        for name, member in value.items():
            if self.name.fullmatch(name) is None:
                _refuse(self)
            self.member(member, unlisted)


class ObjectOf(Struct, frozen=True):
    """An object of listed fields; null means absent, since the SDKs send answers back as they came."""

    fields: Mapping[str, Check]
    required: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        return f"an object of {', '.join(self.fields)}"

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        if not isinstance(value, dict):
            _refuse(self)
        fields = self.fields
        for name, member in value.items():
            check = fields.get(name)
            if check is None:
                unlisted(name, member)
            elif member is not None:
                try:
                    check(member, unlisted)
                except Refusal as refusal:
                    refusal.within(name)
                    raise
        for name in self.required:
            if value.get(name) is None:
                raise Refusal("missing_field", f"The field '{name}' is missing.", name, "Add it.")


class Tagged(Struct, frozen=True):
    """An object whose `tag` field says which of `kinds` it is; without the field it is of kind `absent`."""

    tag: str
    kinds: Mapping[str, Check]
    absent: str | None = None

    @property
    def says(self) -> str:
        return f"an object whose {self.tag!r} is {_listed(self._passing())}"

    def _passing(self) -> tuple[str, ...]:
        return tuple(kind for kind, check in self.kinds.items() if not isinstance(check, Refused))

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        if not isinstance(value, dict):
            _refuse(self)
        kind = value.get(self.tag)
        check = self.kinds.get(kind) if isinstance(kind, str) else None
        if check is None and kind is None and self.absent is not None:
            check = self.kinds[self.absent]
        if check is None:
            shown = f" '{plain(kind)}'" if isinstance(kind, str) else ""
            raise Refusal(
                "field_not_allowed" if isinstance(kind, str) else "missing_field",
                f"The {self.tag}{shown} is not among those that pass here.",
                self.tag,
                f"Use {_listed(self._passing())}.",
            )
        check(value, unlisted)


class Either(Struct, frozen=True):
    """A string that passes one check, or another value that passes the other."""

    text: Check
    other: Check

    @property
    def says(self) -> str:
        return f"{self.text.says}, or {self.other.says}"

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        (self.text if isinstance(value, str) else self.other)(value, unlisted)


class TextsOrTokens(Struct, frozen=True):
    """One text, a list of texts, one list of token numbers, or a list of such lists."""

    most: int
    says: str = "text, a list of texts, a list of tokens, or a list of lists of tokens"

    def __call__(self, value: JSON, unlisted: Unlisted, /) -> None:
        if isinstance(value, str) and value:
            return
        if not isinstance(value, list) or not value:
            _refuse(self)
        first = value[0]
        check: Check = _SOME_TEXT if isinstance(first, str) else _TOKEN
        if isinstance(first, list):
            check = ListOf(_TOKEN, 1, self.most)
        ListOf(check, 1, self.most)(value, unlisted)


_TOKEN: Final = Whole(0, 10_000_000)
_SOME_TEXT: Final = Matching(re.compile(r"(?s)."), "text that is not empty")


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
