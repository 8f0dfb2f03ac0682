"""What Node.js signs with `@sealgate/server`, `sealgate.session` verifies; and docs/hosts/node.md runs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sealgate.session import Algorithm, SigningKey
from tests.hosts.pages import ORIGIN, ROOT, USER, Host, write_blocks

pytestmark = pytest.mark.node

PACKAGE = ROOT / "packages" / "server-node"
NODE = ROOT / ".venv" / "node" / "bin" / "node"

MINT = """
import { readFileSync } from "node:fs";
import { SessionSigner, SigningKey } from "@sealgate/server";
const { form, text, options, application, instance, kid } = JSON.parse(readFileSync(0, "utf8"));
const signingKey = form === "pem" ? SigningKey.fromPem(text, kid) : SigningKey.fromJwk(text);
try {
  const token = new SessionSigner({ application, instance, signingKey }).token(options);
  console.log(JSON.stringify({ token }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, claim: error.claim, hint: error.hint }));
}
"""

# Requests to the handler of the page, one after another: method, origin, whether somebody is signed in.
SERVE = """
import { createServer } from "node:http";
import { assistantSession } from "./assistant-session.js";
const handler = assistantSession((request) => (request.headers.cookie ? { id: "account-17" } : null));
const server = createServer(handler).listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  const answers = [];
  for (const [method, headers] of JSON.parse(process.env.REQUESTS)) {
    const response = await fetch(url, { method, headers });
    const kept = response.headers.get("cache-control");
    answers.push([response.status, kept, await response.json()]);
  }
  console.log(JSON.stringify(answers));
  server.close();
});
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A host's folder with the package installed, as npm links a folder."""
    scope = tmp_path / "node_modules" / "@sealgate"
    scope.mkdir(parents=True)
    (scope / "server").symlink_to(PACKAGE)
    return tmp_path


def run(folder: Path, program: str, stdin: str = "", **environment: str) -> Any:
    path = folder / "program.mjs"
    path.write_text(program)
    done = subprocess.run(
        [NODE, path],
        cwd=folder,
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mint(folder: Path, host: Host, form: str = "pem", **options: object) -> dict[str, str]:
    key: SigningKey = host.signing_key
    text = key.to_pem() if form == "pem" else key.to_jwk()
    ids = {"application": host.application, "instance": host.instance, "kid": key.kid}
    asked = {"form": form, "text": text, "options": {"user": USER, "origin": ORIGIN} | options, **ids}
    return dict(run(folder, MINT, json.dumps(asked)))


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_token_that_node_signs_verifies_and_has_the_same_sid(
    folder: Path, form: str, algorithm: Algorithm
) -> None:
    host = Host.make(folder, algorithm)
    options = {"permissions": ["action:*", "api:chat.completions"], "locale": "de-CH", "plan": "team"}
    session = host.check(mint(folder, host, form, **options)["token"])
    assert (session.locale, session.plan) == ("de-CH", "team")
    assert session.permissions == {"action:*", "api:chat.completions"}


@pytest.mark.parametrize("user", ["Zoë", "👩‍🌾" * 64], ids=["accent", "many code units"])
def test_a_user_of_any_script_has_the_same_sid(folder: Path, user: str) -> None:
    host = Host.make(folder)
    host.check(mint(folder, host, user=user)["token"], user)


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_lifetime_of_more_than_an_hour_is_refused(folder: Path, algorithm: Algorithm) -> None:
    host = Host.make(folder, algorithm)
    refused = mint(folder, host, lifetimeS=3_601)
    assert (refused["code"], refused["claim"]) == ("session_claims_invalid", "exp")
    assert refused["hint"]
    assert "token" in mint(folder, host, lifetimeS=3_600)


def test_the_packages_own_tests_pass() -> None:
    tests = sorted(PACKAGE.glob("*.test.js"))
    assert tests
    done = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout


USE = """
import { MalformedClaims, SessionSigner, SigningKey } from "@sealgate/server";
const signingKey = SigningKey.fromPem("pem", "key_1");
const signer = new SessionSigner({ application: "app_1", instance: "inst_1", signingKey });
export const token: string = signer.token({ user: "a", permissions: ["prompt", "action:*"], lifetimeS: 60 });
export const claimOf = (error: MalformedClaims): string => error.claim;
// @ts-expect-error: a user is required
signer.token({});
// @ts-expect-error: no such permission
signer.token({ user: "a", permissions: ["admin"] });
"""


def test_the_packages_types_allow_what_the_package_does(folder: Path) -> None:
    (folder / "use.mts").write_text(USE)
    compiler = ROOT / "web" / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", ""]
    done = subprocess.run(
        [NODE, compiler, *options, folder / "use.mts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_package_carries_every_file_that_it_imports() -> None:
    package = json.loads((PACKAGE / "package.json").read_bytes())
    sources = {path.name for path in PACKAGE.glob("*.js")} - {path.name for path in PACKAGE.glob("*.test.js")}
    assert sources <= set(package["files"])
    assert "dependencies" not in package


def test_the_pages_handler_answers_signed_in_people_on_its_own_origin_alone(folder: Path) -> None:
    host = Host.make(folder)
    write_blocks("hosts/node.md", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    mine = {"origin": ORIGIN, "cookie": "session=1"}
    asked = [
        ["GET", mine],
        ["POST", mine | {"origin": "https://evil.example"}],
        ["POST", {"cookie": "session=1"}],
        ["POST", {"origin": ORIGIN}],
        ["POST", mine],
    ]
    answers = run(folder, SERVE, REQUESTS=json.dumps(asked), **host.environment)
    assert [status for status, _, _ in answers] == [405, 403, 403, 401, 200]
    assert {kept for _, kept, _ in answers} == {"no-store"}
    host.check(answers[-1][2]["token"])
