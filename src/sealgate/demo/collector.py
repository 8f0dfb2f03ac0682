"""What an operator's collector would get, and what the pages for operators show: kept here, for the hunt.

Counterparts: `sealgate.proxy.telemetry`, which sends; `hunt.py`, which looks through it. Loopback alone.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sealgate.demo.hunt import Surface

POLL_S = 0.05


class Collector:
    """Where traces and metrics are sent, and what came."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.got: list[Surface] = []


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            collector.got.append((self.path, str(self.headers).encode() + body))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: object) -> None:
            """Whatever came is kept, and nothing said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def page(port: int, path: str, host: str) -> Surface:
    """A page for operators, as it is shown now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"host": host})
        answer = connection.getresponse()
        return f"{host}:{port}{path}", str(answer.headers).encode() + answer.read()
    finally:
        connection.close()
