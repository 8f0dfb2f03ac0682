"""A collector of OpenTelemetry's: takes OTLP over HTTP in JSON, keeps what came, and can refuse it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collector:
    """What came, by path; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.tries = 0
        self.endpoint = ""

    def spans(self) -> list[dict[str, Any]]:
        """Every span, its attributes as a dictionary."""
        found = []
        for path, body in list(self.bodies):
            if path.endswith("/v1/traces"):
                for resource in json.loads(body)["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        found += [{**span, "attributes": attributes(span)} for span in scope["spans"]]
        return found

    def metrics(self) -> dict[str, dict[str, Any]]:
        """The newest figures by name."""
        bodies = [body for path, body in list(self.bodies) if path.endswith("/v1/metrics")]
        if not bodies:
            return {}
        (resource,) = json.loads(bodies[-1])["resourceMetrics"]
        (scope,) = resource["scopeMetrics"]
        return {each["name"]: each for each in scope["metrics"]}


def attributes(of: dict[str, Any]) -> dict[str, Any]:
    """OTLP's list of keys and values as a dictionary."""
    found = {}
    for each in of["attributes"]:
        ((kind, value),) = each["value"].items()
        found[each["key"]] = int(value) if kind == "intValue" else value
    return found


@contextmanager
def a_collector() -> Iterator[Collector]:
    """One that runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.tries += 1
            if collector.status == 200:
                collector.bodies.append((self.path, body))
                collector.headers.append(dict(self.headers.items()))
            self.send_response(collector.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
