"""A way to an HTTP keeper of KEKs that can go wrong: passes requests on, or stalls, refuses, garbles, drips.

Used in front of moto's KMS and of the stand-in of the transit engine alike.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_DRIP_S = 0.05


@dataclass(frozen=True)
class Fault:
    """One answer instead of the keeper's; a status of 0 gives none."""

    status: int
    body: bytes = b""
    dripping: bool = False
    cut: bool = False


SILENT = Fault(0)
CUT = Fault(0, cut=True)
"""The connection is closed without a word."""


@dataclass
class Way:
    """How it behaves; `fault_for` says for each request whether, and how, it goes wrong."""

    port: int = 0
    asked: int = 0
    bodies: list[bytes] = field(default_factory=list)
    """What was asked, byte for byte, passed on or not."""
    fault_for: Callable[[int], Fault | None] = lambda _number: None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def breaks(self, fault: Fault) -> None:
        """From now on every answer is this."""
        self.fault_for = lambda _number: fault

    def breaks_for(self, fault: Fault, first: int, last: int) -> None:
        """The answers to the first to last requests from now are this."""
        begin = self.asked
        self.fault_for = lambda number: fault if first <= number - begin <= last else None

    def mends(self) -> None:
        """From now on it passes everything on."""
        self.fault_for = lambda _number: None


@contextmanager
def faulty_way(to: str) -> Iterator[Way]:  # noqa: C901 - one handler with its few methods
    """A running way to `http://host:port`."""
    way = Way()
    target = to.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            way.asked += 1
            way.bodies.append(raw)
            fault = way.fault_for(way.asked)
            if fault is None:
                self._pass_on(raw)
            elif fault.status:
                self._answer(fault.status, fault.body, dripping=fault.dripping)
            elif not fault.cut:
                way.over.wait()
            self.close_connection = True

        def _pass_on(self, raw: bytes) -> None:
            there = http.client.HTTPConnection(target, timeout=10)
            try:
                there.request(self.command, self.path, raw, dict(self.headers.items()))
                answer = there.getresponse()
                self._answer(answer.status, answer.read())
            finally:
                there.close()

        def _answer(self, status: int, body: bytes, *, dripping: bool = False) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                for at in range(len(body)) if dripping else ():
                    self.wfile.write(body[at : at + 1])
                    self.wfile.flush()
                    if way.over.wait(_DRIP_S) or way.fault_for(way.asked) is None:
                        return
                if not dripping:
                    self.wfile.write(body)
            except OSError:
                return  # who asked has lost patience

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    way.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
