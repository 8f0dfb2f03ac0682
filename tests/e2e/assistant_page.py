"""A host page of the tests' own with the built assistant in it, and a proxy that answers as the test says.

Its counterpart in the product is any customer's page, under the strictest policy that the assistant supports.
Nothing leaves the browser: every request is answered here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

import sealgate.proxy

HOST, PROXY = "https://letters.test", "https://proxy.test"
SCRIPT = Path(sealgate.proxy.__file__).parent / "assets" / "sealgate-assistant.js"
POLICY = (
    f"default-src 'none'; script-src 'self' {PROXY}; connect-src {PROXY}; style-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
SETTING_UP = f"""
import {{ SealgateAssistant }} from "{PROXY}/assistant/v1/sealgate-assistant.js";
window.told = [];
for (const name of ["applied", "limit", "error"])
  addEventListener(`sealgate-${{name}}`, (event) => told.push([name, event.detail]));
window.inputs = [];
for (const name of ["beforeinput", "input"])
  addEventListener(name, (event) => inputs.push(name + " " + event.inputType));
window.assist = (field) => {{
  const assistant = new SealgateAssistant();
  Object.assign(assistant, {{ target: field, proxy: "{PROXY}", getSession: async () => "token" }});
  document.body.append(assistant);
}};
assist(document.getElementById("field"));
"""
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "nl": "Nederlands",
    "pl": "Polski",
    "ar": "العربية",
}
ACTIONS: list[dict[str, Any]] = [
    {"id": "simplify", "label": "Simplify", "description": "", "parameters": []},
    {
        "id": "translate",
        "label": "Translate",
        "description": "",
        "parameters": [
            {
                "id": "language",
                "label": "Into",
                "choices": [{"value": tag, "label": name} for tag, name in LANGUAGES.items()],
                "default": "en",
            }
        ],
    },
]


class AssistantPage:
    """The page, open in a browser, with the element `#field` as the assistant's field."""

    def __init__(self, page: Page, *, prompt: bool = False, limit: int = 20, remaining: int = 20) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.limit, self.remaining = limit, remaining
        self._rights = {"prompt": prompt, "follow_ups": 2}
        self._answers: list[str] = []
        self._body = ""
        page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route(f"{HOST}/**", self._host)
        page.route(f"{PROXY}/**", self._proxy)

    def show(self, body: str) -> None:
        """Open the page with this in it."""
        self._body = body
        self.page.goto(HOST)
        expect(self.trigger).to_be_visible()

    def answers(self, *texts: str) -> None:
        """What will be written, in order."""
        self._answers += texts

    @property
    def field(self) -> Locator:
        """The field."""
        return self.page.locator("#field")

    @property
    def trigger(self) -> Locator:
        """The button beside the field."""
        return self.page.locator("sealgate-assistant [part=trigger]")

    def part(self, name: str) -> Locator:
        """A part of the assistant."""
        return self.page.locator(f"sealgate-assistant [part~={name}]")

    def button(self, name: str) -> Locator:
        """A button of the assistant."""
        return self.page.locator("sealgate-assistant").get_by_role("button", name=name, exact=True)

    def run(self, action: str = "simplify") -> None:
        """Open the panel and choose an action."""
        self.trigger.click()
        self.page.locator(f"sealgate-assistant [data-action={action}]").click()

    def select(self, text: str) -> None:
        """Select this text in the field, wherever it stands in one text node."""
        self.page.evaluate(
            """(text) => {
              const field = document.getElementById("field");
              const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
              while (walker.nextNode()) {
                const at = walker.currentNode.data.indexOf(text);
                if (at < 0) continue;
                field.focus();
                getSelection().setBaseAndExtent(walker.currentNode, at, walker.currentNode, at + text.length);
                return;
              }
              throw new Error("not found");
            }""",
            text,
        )

    def selected(self) -> str:
        """What is selected on the page."""
        return str(self.page.evaluate("getSelection().toString()"))

    def markup(self) -> str:
        """The field's markup."""
        return str(self.field.evaluate("element => element.innerHTML"))

    def told(self, event: str) -> list[dict[str, Any]]:
        """The details of every event of this name so far, without `sealgate-`."""
        return [detail for name, detail in self.page.evaluate("told") if name == event]

    def _host(self, route: Route) -> None:
        if route.request.url == f"{HOST}/":
            page = f'<!doctype html><html lang="en"><title>Letters</title><body>{self._body}'
            script = '<script type="module" src="/page.js"></script>'
            headers = {"content-type": "text/html", "content-security-policy": POLICY}
            route.fulfill(body=page + script, headers=headers)
        elif route.request.url == f"{HOST}/page.js":
            route.fulfill(body=SETTING_UP, headers={"content-type": "text/javascript"})
        else:
            route.fulfill(status=204)

    def _proxy(self, route: Route) -> None:
        shared = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
        shared["access-control-expose-headers"] = "x-request-id, x-sealgate-remaining-requests"
        path = route.request.url.removeprefix(f"{PROXY}/assistant/v1/")
        if route.request.method == "OPTIONS":
            route.fulfill(status=204, headers=shared)
        elif path == "sealgate-assistant.js":
            route.fulfill(path=SCRIPT, headers={**shared, "content-type": "text/javascript"})
        elif path == "me":
            route.fulfill(json=self._me(), headers=shared)
        else:
            self.asked.append((path, json.loads(route.request.post_data or "{}")))
            self.remaining -= 1
            left = {"x-sealgate-remaining-requests": str(self.remaining), "x-request-id": "req_1"}
            headers = {**shared, **left, "content-type": "text/event-stream"}
            route.fulfill(body=_stream(self._answers.pop(0)), headers=headers)

    def _me(self) -> dict[str, Any]:
        requests = {"limit": self.limit, "remaining": self.remaining, "window_s": 60, "reset_s": 60}
        return {
            "application": {"name": "Letters"},
            "actions": ACTIONS,
            "rights": self._rights,
            "allowance": {"requests": requests},
            "notice": "",
        }


def _stream(text: str) -> str:
    usage = {"input_tokens": 1, "output_tokens": 1, "estimated": False}
    done = {"outcome": "completed", "finish_reason": "stop", "usage": usage}
    events: Sequence[tuple[str, object]] = [("delta", {"text": text}), ("done", done)]
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
