"""`sealgate apply` against a real console: plans, changes, conflicts, files that cannot be meant, kills."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from sqlalchemy import delete

from sealgate.console.applications.models import SessionKey
from sealgate.ids import new_id
from sealgate.scripts.apply import apply_file
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.talking import Answer, Connection
from sealgate.session import SessionPublicKey, SigningKey
from tests.console.api.program import mint
from tests.console.api.test_applications import session_key
from tests.scripts.house import House, run
from tests.vault.deployment import unbase64

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = session_key()
WHOLE = f"""\
applications:
  newsletter:
    name: Larkspur newsletter
    active: true
    origins:
      - https://app.larkspur.example
      - https://staging.larkspur.example
    session_keys:
      - kid: {KEY["kid"]}
        name: production
        public_key: {KEY["public_key"]}
    destination:
      provider: openai
      origin: https://api.openai.com
    policy:
      models: [gpt-4o-mini, gpt-4o]
      actions:
        - shorten
        - id: subject-line
          model: gpt-4o
        - id: haiku
          label: Haiku
          description: Says it as a haiku.
          instructions: Write the text as a haiku.
      endpoints: [chat.completions, models]
      limits:
        requests_per_minute: 60
      prompt:
        model: gpt-4o
        instructions: Help with newsletters.
  blog:
    name: Larkspur blog
"""


@pytest_asyncio.fixture(loop_scope="module")
async def here(here: House) -> House:
    """The ids of the files' session keys are nobody's yet: in one console they can be taken once."""
    async with here.database.writing() as tx:
        await tx.execute(delete(SessionKey))
    return here


async def state(here: House) -> dict[str, Any]:
    """Every application whole."""
    console = here.connection()

    def read() -> dict[str, Any]:
        items = console.ask("GET", "/api/v1/applications").plain()["items"]
        paths = [f"/api/v1/applications/{each['id']}" for each in items]
        return {
            each["name"]: console.ask("GET", path).plain() for each, path in zip(items, paths, strict=True)
        }

    return await asyncio.to_thread(read)


async def test_a_plan_a_change_and_no_difference_after_it(here: House) -> None:
    path = str(here.write(WHOLE))
    before = await state(here)
    plan = await here.sealgate("apply", path, "--plan")
    assert plan.code == 2, plan.told
    assert "newsletter: new application “Larkspur newsletter”" in plan.out
    assert "newsletter: origins: + https://app.larkspur.example" in plan.out
    assert "newsletter: policy.actions: + haiku" in plan.out
    assert "2 applications would change" in plan.out
    assert await state(here) == before

    done = await here.sealgate("apply", path)
    assert done.code == 0, done.told
    assert "next: sealgate deposit --application newsletter" in done.out
    found = (await state(here))["Larkspur newsletter"]
    assert [each["id"] for each in found["policy"]["actions"]] == ["shorten", "subject-line", "haiku"]
    assert found["policy"]["limits"]["requests_per_minute"] == 60
    assert [each["kid"] for each in found["session_keys"]] == [KEY["kid"]]

    after = await state(here)
    for words in (("--plan",), ()):
        again = await here.sealgate("apply", path, *words)
        assert again.code == 0
        assert "No difference." in again.out
    assert await state(here) == after

    changed = here.write(WHOLE.replace("requests_per_minute: 60", "requests_per_minute: 90"))
    plan = await here.sealgate("apply", str(changed), "--plan")
    assert plan.code == 2
    assert plan.out.splitlines()[0] == "newsletter: policy.limits.requests_per_minute: 60 → 90"


async def test_applications_that_the_file_does_not_name_are_left_alone(here: House) -> None:
    seeded = (await state(here))["Seeded"]
    await here.sealgate("apply", str(here.write(WHOLE)))
    assert (await state(here))["Seeded"] == seeded


@pytest.mark.parametrize("form", ["PEM", "raw"])
async def test_an_es256_key_is_registered_and_the_same_again_is_no_difference(here: House, form: str) -> None:
    public = SigningKey.generate(algorithm="ES256").public
    text = base64.urlsafe_b64encode(public.public_key).decode() if form == "raw" else public.to_pem()
    key = {"kid": public.kid, "name": "production", "public_key": text}
    wanted = {"applications": {"shop": {"name": "Shop", "session_keys": [key]}}}
    path = str(here.write(yaml.safe_dump(wanted)))
    done = await here.sealgate("apply", path)
    assert done.code == 0, done.told
    assert (await here.sealgate("apply", path, "--plan")).code == 0
    (found,) = (await state(here))["Shop"]["session_keys"]
    assert (found["kid"], found["algorithm"]) == (public.kid, "ES256")
    assert SessionPublicKey(public.kid, "ES256", unbase64(found["public_key"])) == public


def replaced(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


def last_line(text: str, marker: str) -> int:
    """The number of the last line that has the marker in it."""
    return max(at for at, line in enumerate(text.splitlines(), 1) if marker in line)


WRONG = {
    "unknown top field": ("applicatoins:\n  a: 1\n", "a: 1", "Did you mean 'applications'?"),
    "no applications": (f"organization: {new_id('org')}\n", "organization", "no `applications:`"),
    "list of applications": ("applications:\n  - name: x\n", "- name", "no mapping"),
    "another organization": (
        f"organization: {new_id('org')}\napplications: {{}}\n",
        "organization",
        "The token belongs to org_",
    ),
    "unknown field": (
        replaced("    active:", "    activ:"),
        "activ:",
        "newsletter: activ: Unknown field 'activ'. hint: Did you mean 'active'?",
    ),
    "unknown field within": (
        replaced("s_per_minute", "_per_minute"),
        "t_per_minute",
        "Did you mean 'requests_per_minute'?",
    ),
    "wrong type": (replaced("minute: 60", "minute: many"), "minute: many", "Expected `int`"),
    "out of range": (replaced("minute: 60", "minute: 0"), "minute: 0", "policy.limits"),
    "unknown action": (
        replaced("- shorten", "- shortn"),
        "- shortn",
        "'shortn'. hint: Did you mean 'shorten'? Or",
    ),
    "unknown model": (replaced("gpt-4o\n        - id", "gpt-9\n        - id"), "models:", "gpt-9"),
    "unknown id": (f"applications:\n  {new_id('app')}:\n    name: x\n", "name: x", "There is nothing here"),
    "unknown destination": (
        replaced("https://api.openai.com", "https://evil.example"),
        "provider:",
        "no such",
    ),
    "mistyped destination": (
        replaced("api.openai.com", "api.opena.com"),
        "provider:",
        "Did you mean 'openai https://api.openai.com'?",
    ),
    "half a destination": (replaced("      provider: openai\n", ""), "api.openai", "`provider` and `origin`"),
    "wrong origin": (replaced("- https://app.", "- http://app."), "- http://", "http is allowed for"),
    "origin twice": (replaced("app.larkspur", "staging.larkspur"), "staging.", "stands twice"),
    "wrong public key": (replaced(KEY["public_key"], "AAAA"), "AAAA", "not an Ed25519 or P-256 public key"),
    "name twice": (replaced("Larkspur blog", "larkspur  newsletter"), "larkspur  n", "already, on line 3"),
    "application twice": (replaced("  blog:", '  "newsletter":'), '"newsletter":', "first on line 2"),
    "name taken by another": (replaced("Larkspur blog", "Seeded"), "Seeded", "already"),
    "no name": (replaced("    name: Larkspur blog\n", "    origins: []\n"), "[]", "missing required field"),
    "name of another form": (replaced("  blog:", "  Blog!:"), "Larkspur blog", "cannot name an application"),
    "endpoint": (replaced("[chat.completions, models]", "[files]"), "[files]", "policy.endpoints"),
}


async def test_a_file_that_cannot_be_meant_is_refused_whole_with_its_line(here: House) -> None:
    before = await state(here)
    console = here.connection()
    for name, (text, marker, words) in WRONG.items():
        path = here.write(text)
        line = last_line(text, marker)
        for plan in (True, False):
            with pytest.raises(ScriptError) as refused:
                await asyncio.to_thread(apply_file, path, console, lambda _line: None, plan=plan)
            assert refused.value.exit_code is Exit.DATA, (name, str(refused.value))
            assert words in str(refused.value), (name, str(refused.value))
            assert f"sealgate.yaml:{line}: " in str(refused.value), (name, str(refused.value))
            assert refused.value.hint, name
    assert await state(here) == before


async def test_a_half_written_file_changes_nothing_wherever_it_was_cut(here: House) -> None:
    before, console = await state(here), here.connection()
    path = here.folder / "half.yaml"
    whole = WHOLE + "...\n"
    for end in range(0, len(whole) - 2, 7):
        path.write_text(whole[:end])
        with pytest.raises(ScriptError) as refused:
            await asyncio.to_thread(apply_file, path, console, lambda _line: None, plan=False)
        assert refused.value.exit_code is Exit.DATA
    assert await state(here) == before


class Meddling(Connection):
    """A connection on which somebody else is faster, once, after the plan."""

    def __init__(self, here: House, body: object) -> None:
        super().__init__(here.config.public_url, {"authorization": f"Bearer {here.token}"})
        self._body: object | None = body

    def ask(self, method: str, path: str, body: object = None, headers: Any = None) -> Answer:
        if method == "PUT" and "plan" not in path and self._body is not None:
            theirs, self._body = self._body, None
            super().ask("PUT", "/api/v1/applications/newsletter", theirs)
        return super().ask(method, path, body, headers)


@pytest.mark.parametrize("there", [False, True], ids=["both make it", "both change it"])
async def test_of_two_at_once_one_is_told_of_the_conflict_and_changes_nothing(
    here: House, there: bool
) -> None:
    path = here.write(WHOLE)
    if there:
        await here.sealgate("apply", str(path))
        here.write(WHOLE.replace("requests_per_minute: 60", "requests_per_minute: 90"))
    theirs = {"name": "Theirs", "origins": []}
    with pytest.raises(ScriptError) as refused:
        await asyncio.to_thread(apply_file, path, Meddling(here, theirs), lambda _line: None, plan=False)
    assert refused.value.exit_code is Exit.CONFLICT
    assert "newsletter: somebody else changed it meanwhile" in str(refused.value)
    found = await state(here)
    assert found["Theirs"]["origins"] == []
    assert "Larkspur newsletter" not in found
    assert (await here.sealgate("apply", str(path))).code == 0


async def test_two_real_runs_at_once_end_with_one_of_both_whole(here: House) -> None:
    files = [
        here.write(WHOLE.replace("requests_per_minute: 60", f"requests_per_minute: {each}"), f"{each}.yaml")
        for each in (70, 80)
    ]
    done = await asyncio.gather(*(here.sealgate("apply", str(path)) for path in files))
    assert {each.code for each in done} <= {0, 75}, [each.told for each in done]
    assert 0 in {each.code for each in done}
    found = (await state(here))["Larkspur newsletter"]
    assert found["policy"]["limits"]["requests_per_minute"] in {70, 80}
    assert len(found["origins"]) == 2
    for each in done:
        assert each.code == 0 or "hint: Look at the plan again" in each.err or "Read it again" in each.err


class Killed(Exception):
    pass


class Dying(Connection):
    """A connection that goes away after so many changes, before the answer is heard."""

    def __init__(self, here: House, changes: int) -> None:
        super().__init__(here.config.public_url, {"authorization": f"Bearer {here.token}"})
        self._left = changes

    def ask(self, method: str, path: str, body: object = None, headers: Any = None) -> Answer:
        answer = super().ask(method, path, body, headers)
        if method == "PUT" and "plan" not in path:
            self._left -= 1
            if not self._left:
                raise Killed
        return answer


@pytest.mark.parametrize("changes", [1, 2])
async def test_what_was_killed_in_the_middle_is_completed_by_running_it_again(
    here: House, changes: int
) -> None:
    path = here.write(WHOLE)
    with pytest.raises(Killed):
        await asyncio.to_thread(apply_file, path, Dying(here, changes), lambda _line: None, plan=False)
    assert len(await state(here)) == 1 + changes, "whole applications, never parts of one"
    again = await here.sealgate("apply", str(path))
    assert again.code == 0
    assert {"Larkspur newsletter", "Larkspur blog"} <= set(await state(here))
    assert (await here.sealgate("apply", str(path), "--plan")).code == 0


async def test_a_run_that_is_killed_by_the_system_leaves_whole_applications(here: House) -> None:
    text = "applications:\n" + "".join(
        f"  number-{each}:\n    name: Number {each}\n    origins: [https://a{each}.example]\n"
        for each in range(30)
    )
    path = here.write(text)
    environment = {**os.environ, "SEALGATE_TOKEN": here.token, "SEALGATE_CONSOLE": here.config.public_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sealgate",
        "apply",
        str(path),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        while len(await state(here)) < 3 and process.returncode is None:
            await asyncio.sleep(0.1)
    if process.returncode is None:
        process.kill()
    await process.wait()
    for name, found in (await state(here)).items():
        assert name == "Seeded" or found["origins"] == [f"https://a{name.split()[1]}.example"]
    assert (await here.sealgate("apply", str(path))).code == 0
    assert len(await state(here)) == 31


async def test_a_token_that_may_only_read_can_plan_nothing_and_is_told_so(here: House) -> None:
    path = str(here.write(WHOLE))
    for token, words in (("", "There is no token"), ("sgt_" + "x" * 43, "This token does not work")):
        done = await here.sealgate("apply", path, token=token)
        assert done.code in {77, 78}
        assert words in done.err
    reader = await _reader(here)
    done = await here.sealgate("apply", path, token=reader)
    assert done.code == 77
    assert "lacks the scope 'write'" in done.err


async def test_the_token_is_in_no_line_that_is_said(here: House, tmp_path: Path) -> None:
    path = str(here.write(WHOLE))
    said = [
        (await here.sealgate("apply", path, "--plan")).told,
        (await here.sealgate("apply", "absent.yaml")).told,
        (await run(("apply", path, "--console", "http://127.0.0.1:9"), b"", _with(here), tmp_path)).told,
        (await run(("apply", path, "--token", here.token), b"", _with(here), tmp_path)).told,
    ]
    assert not any(here.token in each for each in said[:3])
    assert "No such option" in said[3]


def _with(here: House) -> dict[str, str]:
    return {**os.environ, "SEALGATE_TOKEN": here.token}


async def _reader(here: House) -> str:
    from sealgate.console.database import Database

    database = Database(here.config.database_path)
    try:
        return await mint(database, here.seeded.organization, here.seeded.owner, 0.0, ["read"], "reader")
    finally:
        await database.close()
