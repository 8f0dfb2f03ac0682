"""Who may sign in, and how Larkspur remembers them: a signed cookie and a CSRF token derived from it.

A real product has its own sign-in; this is the smallest one that is still done properly. The cookie holds
no secret and no name, only an id, and dies with the process that signed it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

COOKIE: Final = "__Host-larkspur"
_LIFETIME_S: Final = 12 * 3600


class Person(Struct, frozen=True):
    """Somebody who writes newsletters; `id` is what Sealgate gets to see, and says nothing by itself."""

    id: str
    name: str
    role: str
    publication: str
    readers: int

    @property
    def initials(self) -> str:
        """Two letters for the round badge."""
        return "".join(word[0] for word in self.name.split())[:2]


PEOPLE: Final = (
    Person("member-4017", "Mara Lindqvist", "Editor", "The Potting Shed", 2418),
    Person("member-5203", "Tobias Adeyemi", "Programme", "Harbour Lights", 1163),
)


class SignIn(Struct, frozen=True):
    """What the cookie holds."""

    person: str
    sid: str
    expires_at: int


class NotAllowed(Exception):  # noqa: N818 - an answer, not a fault
    """A request that is not served; becomes a page or a JSON body with this status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Door:
    """Signs people in and out, and checks that a request was meant by the person whose cookie it carries."""

    def __init__(self, public_url: str, clock: Callable[[], float] = time.time) -> None:
        self._public_url = public_url
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def sign_in(self, person: Person, response: Response) -> None:
        """Set the cookie for this person."""
        sign_in = SignIn(person.id, secrets.token_urlsafe(18), int(self._clock()) + _LIFETIME_S)
        payload = msgspec.json.encode(sign_in).hex()
        response.set_cookie(
            COOKIE,
            f"{payload}.{self._mac('cookie', payload)}",
            max_age=_LIFETIME_S,
            path="/",
            secure=True,
            httponly=True,
            samesite="lax",
        )

    def sign_out(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")

    def current(self, request: Request) -> SignIn | None:
        """Tell who is signed in; a cookie that is forged, old or foreign is nobody."""
        payload, _, mac = request.cookies.get(COOKIE, "").partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("cookie", payload).encode()):
            return None
        sign_in = msgspec.json.decode(bytes.fromhex(payload), type=SignIn)
        return sign_in if sign_in.expires_at > self._clock() else None

    def required(self, request: Request) -> SignIn:
        """Tell who is signed in; raises `NotAllowed`."""
        sign_in = self.current(request)
        if sign_in is None:
            raise NotAllowed(401, "signed_out", "You are signed out. Sign in and try again.")
        return sign_in

    def csrf_token(self, sign_in: SignIn) -> str:
        """The token that this person's own pages carry."""
        return self._mac("csrf", sign_in.sid)

    def check_csrf(self, request: Request, sign_in: SignIn, sent: str | None) -> None:
        """Refuse a request that another site's page could have made; raises `NotAllowed`."""
        self.check_origin(request)
        if not hmac.compare_digest((sent or "").encode(), self.csrf_token(sign_in).encode()):
            raise NotAllowed(403, "csrf", "This page is out of date. Reload it and try again.")

    def check_origin(self, request: Request) -> None:
        """Refuse a foreign `Origin`: browsers send it with every POST, and no script can set it."""
        if request.headers.get("origin") != self._public_url:
            raise NotAllowed(403, "origin", "This request came from another site.")

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}\0{text}".encode(), "sha256").hexdigest()


def person_of(sign_in: SignIn) -> Person:
    """Look a person up; raises `NotAllowed` for somebody who has left."""
    for person in PEOPLE:
        if person.id == sign_in.person:
            return person
    raise NotAllowed(401, "signed_out", "You are signed out. Sign in and try again.")
