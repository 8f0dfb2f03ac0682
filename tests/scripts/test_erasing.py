"""Erasure over the management API: the console's word, the vault's deed, a receipt that verifies anywhere."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from sealgate.messages.frames import RefusedError
from sealgate.scripts.erasing import Erasure, Erasures, lines
from sealgate.scripts.talking import RefusedError as AnsweredError
from sealgate.vault.receipts import key_of, verify
from tests.console.running import PASSWORD
from tests.scripts.house import House
from tests.scripts.test_deposit import SEEDED, pinned
from tests.vault.deployment import ORIGIN, Addresses, canary_key

in_one_house = pytest.mark.asyncio(loop_scope="module")


async def sealed(here: House) -> str:
    """A key of the seeded application, deposited as people do; gives its credential."""
    done = await here.sealgate(
        *SEEDED,
        here.seeded.application,
        "--origin",
        ORIGIN,
        "--fingerprint",
        await pinned(here),
        typed=canary_key(),
    )
    assert done.code == 0, done.told
    return done.out.split()[1].rstrip(",")


async def asked(here: House, path: str) -> Any:
    return (await asyncio.to_thread(here.connection().ask, "GET", f"/api/v1/{path}")).plain()


def verified(here: House, receipt: str) -> str:
    """What a good receipt says was erased."""
    return verify(receipt, key_of(here.vault.vault._erasures.public_key())).subject


async def refused(here: House, credential: str) -> str:
    at = Addresses(here.seeded.organization, here.seeded.application)
    with pytest.raises(RefusedError) as error:
        await here.vault.open(at, credential)
    return error.value.refusal.code


@in_one_house
async def test_a_credential_is_erased_from_afar_and_its_receipt_verifies(here: House) -> None:
    credential = await sealed(here)
    app = here.seeded.application
    done = await here.sealgate(
        "erase", "credential", "--application", app, "--credential", credential, "--confirm", "Seeded"
    )
    assert done.code == 0, done.told
    assert verified(here, done.out) == credential
    assert await refused(here, credential) == "no_credential"
    assert (await asked(here, f"applications/{app}/add-on"))["state"] != "active"
    listed = await here.sealgate("erasures")
    assert (listed.code, credential in listed.out, "to be final by" in listed.out) == (0, True, True)
    again = await here.sealgate("erasures", listed.out.split()[0])
    assert verified(here, again.out) == credential


@in_one_house
@pytest.mark.parametrize("kind", ["application", "organization"])
async def test_everything_of_it_goes_at_the_vault_and_at_the_console(here: House, kind: str) -> None:
    credential, app = await sealed(here), here.seeded.application
    which = ("--application", app) if kind == "application" else ()
    name = "Seeded" if kind == "application" else "Larkspur Studio"
    done = await here.sealgate("erase", kind, *which, "--confirm", name)
    assert done.code == 0, done.told
    assert verified(here, done.out) == (app if kind == "application" else here.seeded.organization)
    assert await refused(here, credential) == "no_credential"
    with pytest.raises(AnsweredError, match="nothing here"):
        await asked(here, f"applications/{app}")


@in_one_house
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("application", "--application", "{app}", "--confirm", "Another"), 65),
        (("application", "--confirm", "Seeded"), 64),
        (("credential", "--application", "{app}", "--confirm", "Seeded"), 64),
        (("organization", "--application", "{app}", "--confirm", "Larkspur Studio"), 64),
        (("application", "--application", "{app}"), 64),
    ],
    ids=["another name", "no application", "no credential", "one too many", "no name"],
)
async def test_an_order_that_is_not_clear_erases_nothing(
    here: House, words: tuple[str, ...], code: int
) -> None:
    done = await here.sealgate("erase", *(word.format(app=here.seeded.application) for word in words))
    assert done.code == code, done.told
    assert (await asked(here, "erasures"))["items"] == []


@in_one_house
async def test_the_page_of_the_console_has_the_real_vault_erase_and_gives_its_receipt(here: House) -> None:
    credential, app = await sealed(here), here.seeded.application
    browser = HereAlone(here)
    await browser.submit("/sign-in", {"email": here.email, "password": PASSWORD})
    erased = await browser.submit(f"/applications/{app}/erase", {"typed_name": "Seeded"})
    there = erased.headers["location"].partition("?")[0]
    assert there.startswith("/erasures/rcpt_"), erased.text
    receipt = (await browser.ask("GET", f"{there}/receipt.json")).text
    assert app in (await browser.ask("GET", there)).text
    assert (await browser.ask("GET", f"/applications/{app}")).status_code == 404
    assert verified(here, receipt) == app
    assert await refused(here, credential) == "no_credential"


class HereAlone:
    """Keeps secure cookies over plain HTTP, as browsers do for this machine and httpx does not."""

    def __init__(self, here: House) -> None:
        url = here.config.public_url
        self._headers = {"host": url.removeprefix("http://"), "origin": url}
        self._base = f"http://127.0.0.1:{here.config.port}"
        self._cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> httpx.Response:
        kept = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        async with httpx.AsyncClient(base_url=self._base, timeout=30) as client:
            headers = self._headers | {"cookie": kept}
            answer = await client.request(method, path, data=fields, headers=headers)
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer

    async def submit(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Open the page with the form, then post it with its token."""
        token = re.search(r'name="form_token" value="([0-9a-f]{64})"', (await self.ask("GET", path)).text)
        assert token is not None, path
        return await self.ask("POST", path, {**fields, "form_token": token[1]})


def test_a_line_says_what_an_erasure_waits_for_or_since_when_it_is_final() -> None:
    waiting = Erasure(
        kind="application",
        subject="app_a",
        name="Larkspur",
        state="erased",
        receipt="rcpt_a",
        final_by="2027-01-02T00:00:00Z",
        waits_for=("sealing-keys", "file-1"),
    )
    final = Erasure(
        kind="credential", subject="cred_a", name="x", state="final", final_at="2026-12-01T00:00:00Z"
    )
    ordered = Erasure(kind="credential", subject="cred_b", name="x", state="ordered")
    assert list(lines(Erasures((waiting, final, ordered)))) == [
        "rcpt_a  application Larkspur (app_a): erased",
        "    to be final by 2027-01-02; waits for old sealing keys being destroyed, KEK file-1",
        "no receipt yet  credential x (cred_a): final",
        "    final since 2026-12-01",
        "no receipt yet  credential x (cred_b): ordered",
    ]
