"""docs/hosts/python.md runs as it stands there, with stand-ins for the three frameworks.

A stand-in has just the names that the page imports, so that each endpoint's own lines run and are judged.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.hosts.pages import ORIGIN, ROOT, USER, Host, blocks, write_blocks

PAGE = "hosts/python.md"
ENDPOINTS = ("assistant_fastapi.py", "assistant_django.py", "assistant_flask.py")
ACCOUNT = SimpleNamespace(id=USER, pk=USER, is_authenticated=True, get_id=lambda: USER)
NOBODY = SimpleNamespace(is_authenticated=False)


class Refusal(Exception):
    def __init__(self, status: int, *_: object) -> None:
        super().__init__(status)
        self.status = status


def undecorated(*_: object, **__: object) -> Callable[[Any], Any]:
    return lambda function: function


def module(monkeypatch: pytest.MonkeyPatch, name: str, **names: object) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, made)
    return made


@pytest.fixture
def pasted(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a block of the page by its file's name; what it shares is freshly made from this host's key."""
    write_blocks(PAGE, tmp_path)
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, made)
        spec.loader.exec_module(made)
        return made

    load("assistant_signer")
    return load


def test_the_shared_signer_mints_what_the_proxy_verifies(
    host: Host, pasted: Callable[[str], ModuleType]
) -> None:
    session = host.check(pasted("assistant_signer").token_for(USER))
    assert session.permissions == {"action:*", "prompt"}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_has_thirty_lines_at_most_and_parses(name: str) -> None:
    block = blocks(PAGE)[name]
    assert len(block.splitlines()) <= 30
    ast.parse(block)


def test_a_host_needs_three_packages_for_sealgate_session() -> None:
    program = (
        "import sys, importlib.metadata as m; from sealgate.session import SessionSigner, SigningKey;"
        "SessionSigner('app_' + 20 * 'a', 'inst_' + 20 * 'a', SigningKey.generate()).token('user');"
        "names = m.packages_distributions();"
        "print(*sorted({d for n in sys.modules for d in names.get(n.partition('.')[0], ())}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    direct = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    ours = {re.split(r"[\[>=]", each)[0] for each in direct}
    assert ours & set(done.stdout.split()) == {"cryptography", "joserfc", "msgspec"}


def test_fastapi_answers_pages_of_its_own_origin_alone(
    host: Host, pasted: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    router = SimpleNamespace(post=undecorated)
    names = dict.fromkeys(("Depends", "Header"), lambda *_: None)
    made = {"APIRouter": lambda: router, "HTTPException": Refusal, "Response": object}
    module(monkeypatch, "fastapi", **made, **names)
    module(monkeypatch, "accounts", User=object, signed_in_user=lambda: ACCOUNT)
    endpoint = pasted("assistant_fastapi").assistant_session
    response = SimpleNamespace(headers={})
    host.check(endpoint(response, ACCOUNT, ORIGIN)["token"])
    assert response.headers == {"Cache-Control": "no-store"}
    for foreign in ("https://evil.example", None):
        with pytest.raises(Exception, match="403"):
            endpoint(response, ACCOUNT, foreign)


def test_django_answers_signed_in_people_behind_its_csrf_check(
    host: Host, pasted: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def marks(name: str) -> Callable[[Any], Any]:
        def mark(view: object) -> object:
            seen.append(name)
            return view

        return mark

    def answer(body: object, status: int = 200, headers: object = None) -> SimpleNamespace:
        return SimpleNamespace(body=body, status=status, headers=headers)

    for parent in ("django", "django.views", "django.views.decorators"):
        module(monkeypatch, parent)
    module(monkeypatch, "django.http", HttpRequest=object, JsonResponse=answer)
    module(monkeypatch, "django.views.decorators.csrf", csrf_protect=marks("csrf_protect"))
    module(monkeypatch, "django.views.decorators.http", require_POST=marks("require_POST"))
    view = pasted("assistant_django").assistant_session
    assert seen == ["csrf_protect", "require_POST"]
    assert view(SimpleNamespace(user=NOBODY)).status == 401
    good = view(SimpleNamespace(user=ACCOUNT))
    assert good.headers == {"Cache-Control": "no-store"}
    host.check(good.body["token"])


def test_flask_answers_signed_in_people_on_its_own_origin_alone(
    host: Host, pasted: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = SimpleNamespace(headers={"Origin": ORIGIN})

    def abort(status: int) -> None:
        raise Refusal(status)

    def jsonify(**body: str) -> SimpleNamespace:
        return SimpleNamespace(body=body, headers={})

    blueprint = SimpleNamespace(post=undecorated)
    made = {"Blueprint": lambda *_: blueprint, "abort": abort, "jsonify": jsonify, "request": request}
    module(monkeypatch, "flask", **made)
    module(monkeypatch, "flask.typing", ResponseReturnValue=object)
    module(monkeypatch, "flask_login", current_user=ACCOUNT)
    pasted_module: Any = pasted("assistant_flask")
    good = pasted_module.assistant_session()
    assert good.headers == {"Cache-Control": "no-store"}
    host.check(good.body["token"])
    monkeypatch.setattr(pasted_module, "current_user", NOBODY)
    with pytest.raises(Refusal, match="401"):
        pasted_module.assistant_session()
    request.headers = {"Origin": "https://evil.example"}
    with pytest.raises(Refusal, match="403"):
        pasted_module.assistant_session()
