"""The demo's own collector keeps what it is sent, whole; a page for operators is kept as it was shown."""

from __future__ import annotations

import http.client

from sealgate.demo.collector import collecting, page
from tests.proxy.collector import a_collector


def test_whatever_is_sent_is_kept_with_its_head() -> None:
    with collecting() as collector:
        connection = http.client.HTTPConnection(collector.endpoint.removeprefix("http://"), timeout=10)
        for body in (b"first", b"second"):
            connection.request("POST", "/v1/traces", body, {"x-canary": "in a head"})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"{}")
        connection.close()
    assert [path for path, _ in collector.got] == ["/v1/traces", "/v1/traces"]
    for (_, kept), body in zip(collector.got, (b"first", b"second"), strict=True):
        assert b"in a head" in kept
        assert kept.endswith(body)


def test_a_page_is_kept_whatever_its_status() -> None:
    with a_collector() as server:  # it answers POST alone
        name, shown = page(int(server.endpoint.rpartition(":")[2]), "/metrics", "localhost")
    assert name.endswith("/metrics")
    assert b"501" in shown
