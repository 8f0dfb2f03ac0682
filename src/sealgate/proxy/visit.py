"""A request of a session, up to the point where we know whose it is.

Counterparts: `exchange.py` and `assistant.py` go on from `authenticated`; `server.py` holds the client's end.
Every event method is guarded: whatever it raises becomes this request's one answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sealgate.policy.refusals import Refusal
from sealgate.proxy.admission import check_active, check_origin, session_token
from sealgate.proxy.applications import Known
from sealgate.proxy.cors import NOT_STORED
from sealgate.proxy.endpoints import Route
from sealgate.proxy.errors import ProxyError, from_policy, from_session, from_wire
from sealgate.proxy.parts import ClientSide, Parts
from sealgate.proxy.sessions import Verified
from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import RequestHead
from sealgate.proxy.wire.write import Field
from sealgate.session import SessionRefused

P = ParamSpec("P")
V = TypeVar("V", bound="Visit")


def guarded(event: Callable[Concatenate[V, P], None]) -> Callable[Concatenate[V, P], None]:
    """Make an event method end the request with what it raises."""

    def method(self: V, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            event(self, *args, **kwargs)
        except ProxyError as error:
            self.fail(_bare(error))
        except SessionRefused as error:
            self.fail(from_session(error))
        except Refusal as error:
            self.fail(from_policy(error))
        except WireError as error:
            self.fail(from_wire(error))
        except Exception as error:  # noqa: BLE001 - edge: one request must not take the process down
            kind, place = type(error).__name__, place_of(error)
            self.parts.log("exchange_broken", error=kind, place=place, request=self.request)
            self.fail(ProxyError("internal_error"))

    return method


def _bare(error: ProxyError) -> ProxyError:
    """Without its frames: they hold the error and the request, which would wait for a collector together."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class Visit:
    """One request; `authenticated` runs once its session is verified and its page may use it."""

    def __init__(
        self, parts: Parts, client: ClientSide, route: Route, head: RequestHead, request: str
    ) -> None:
        self.parts, self.client, self.route, self.request = parts, client, route, request
        self.headers = head.headers
        self.ended = False
        self.session: Verified | None = None

    @guarded
    def request_received(self) -> None:
        """The head is here: find the session by its token's bytes, or verify it."""
        token = session_token(self.headers)
        now_s = time.time()
        verified = self.parts.sessions.find(token, now_s)
        if verified is None:
            application = self.parts.sessions.application_of(token)
            known = self.parts.applications.get(application, now_s)
            if known is None:
                task = self.parts.applications.fetch(application)
                task.add_done_callback(lambda done: self._application_fetched(token, done))
                return
            verified = self.parts.sessions.verify(token, known, now_s)
        self._identified(verified)

    def body_received(self, data: bytes) -> None:
        """Part of the body."""

    def body_ended(self) -> None:
        """The request is whole."""

    def client_left(self) -> None:
        """Nobody waits for the answer."""
        self.ended = True

    def client_paused(self) -> None:
        """The client reads more slowly than we write."""

    def client_resumed(self) -> None:
        """The client has caught up."""

    def authenticated(self, verified: Verified) -> None:
        """The session is known, and its page may use it."""
        raise NotImplementedError

    def fail(self, error: ProxyError) -> None:
        """Answer with an error, once."""
        if not self.ended:
            self.ended = True
            self.parts.outcomes[error.row.outcome] += 1
            self.client.answer(
                error.status, [NOT_STORED, *error.headers(), *self.allowance_headers()], error.to_json()
            )

    def allowance_headers(self) -> list[Field]:
        """What the session has left, where that is known."""
        return []

    def _identified(self, verified: Verified) -> None:
        self.session = verified
        check_origin(self.headers, verified.session, verified.application)
        check_active(verified.application)
        self.authenticated(verified)

    @guarded
    def _application_fetched(self, token: bytes, done: asyncio.Task[Known]) -> None:
        error = None if done.cancelled() else done.exception()
        if self.ended:
            return
        if error is not None:
            raise error
        known = done.result()
        self._identified(self.parts.sessions.verify(token, known, time.time()))


def place_of(error: BaseException) -> str:
    """Where it was raised, as file:line of ours; never the exception's text, which may hold anything."""
    trace: Any = error.__traceback__
    place = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "sealgate" in name:
            place = f"{name.rpartition('sealgate/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
