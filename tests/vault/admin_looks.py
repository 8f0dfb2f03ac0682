"""Looking at the vault's port for operators, for the tests of it."""

from __future__ import annotations

import asyncio
import http.client
from html.parser import HTMLParser

from tests.vault.deployment import Deployment, Page

_steps = iter(range(0, 10**9, 1000))


def later() -> float:
    return float(next(_steps))


def look_anew(deployment: Deployment) -> None:
    """Every look asks anew, so that a test need not wait until an answer is old."""
    observer = deployment.vault._admin._observer
    observer._monotonic = observer._counts._monotonic = later


def ask_port(port: int, method: str, path: str, headers: dict[str, str], at: str = "127.0.0.1") -> Page:
    connection = http.client.HTTPConnection(at, port, timeout=10)
    try:
        connection.request(method, path, None, headers)
        answer = connection.getresponse()
        return Page(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


async def look(vault: Deployment, path: str, method: str = "GET", host: str = "localhost") -> Page:
    return await asyncio.to_thread(ask_port, vault.vault.admin_port, method, path, {"host": host})


async def metric(vault: Deployment, name: str) -> float:
    text = (await look(vault, "/metrics")).body.decode()
    (line,) = (line for line in text.splitlines() if line.startswith(f"sealgate_vault_{name} "))
    return float(line.rpartition(" ")[2])


class Words(HTMLParser):
    """The text of a page, and every address and handler in it."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


async def words(vault: Deployment, path: str = "/") -> str:
    return " ".join(Words(await look(vault, path)).text.split())
