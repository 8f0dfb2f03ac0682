"""Bytes from a client → request events: strict, one request at a time, whatever way the bytes are split.

Counterpart: write.py (the answer) and server.py, which owns the socket and the timers.
Must never let through a message that another parser could frame differently.
"""

from sealgate.proxy.wire.events import RequestEvent, WireLimits


class RequestReader:
    """Reads the requests of one connection; after a `WireError` the connection must be closed.

    `hosts` are the names that this process answers to: lower-case, without port (`b"proxy.localhost"`).
    """

    def __init__(self, limits: WireLimits, hosts: frozenset[bytes]) -> None: ...

    def feed(self, data: bytes) -> list[RequestEvent]:
        """Take what a read gave and return what became known.

        A body is only ever given while it is within the limit. Raises `WireError`; events that the same
        call would have given before the fault are dropped with it, so a broken request is never half served.
        """
        raise NotImplementedError

    def limit_body(self, body_bytes: int) -> None:
        """Lower the body's limit for the request being read (an application's policy may be stricter).

        Raises `WireError("body_too_large")` when the announced or received length is beyond it already.
        """
        raise NotImplementedError

    def next(self) -> None:
        """Be ready for another request; called once the answer to a whole one is written."""
        raise NotImplementedError

    def eof(self) -> None:
        """The client will send no more (perhaps half-closed: a whole request is still to be answered).

        Raises `WireError("truncated")` when a request is incomplete.
        """
        raise NotImplementedError

    def idle(self) -> bool:
        """True between requests: no byte of another has come."""
        raise NotImplementedError

    def head_pending(self) -> bool:
        """True while a head has begun and is not complete."""
        raise NotImplementedError

    def body_pending(self) -> bool:
        """True while a head was given and its body is not complete."""
        raise NotImplementedError
