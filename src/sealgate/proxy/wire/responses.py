"""Bytes from the upstream → response events, as strict as on the request side: it is untrusted as well.

Counterpart: write.request_head and upstream.py, which owns the socket and the pool.
Must never give one response's bytes to another request. Answers to HEAD requests are not understood: none is sent.
"""

from sealgate.proxy.wire.events import ResponseEvent, WireLimits


class ResponseReader:
    """Reads the responses of one upstream connection, one per request sent; starts ready for the first.

    After an `UpstreamWireError` the connection must be closed. The body has no size limit here.
    """

    def __init__(self, limits: WireLimits = WireLimits()) -> None: ...

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """Take what a read gave and return what became known. Raises `UpstreamWireError`."""
        raise NotImplementedError

    def eof(self) -> list[ResponseEvent]:
        """The upstream closed: the end of a body that had no length, or nothing when idle.

        Raises `UpstreamWireError("truncated")` inside a response, and before one that is awaited.
        """
        raise NotImplementedError

    def next(self) -> None:
        """Be ready for the answer to another request; until then any byte is `unsolicited`."""
        raise NotImplementedError

    def idle(self) -> bool:
        """True when a whole response was read and none is awaited."""
        raise NotImplementedError
