"""The doctor at the limit store: what a proxy would meet there, with a hint; and where a name leads to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w

from sealgate.doctor.asking import NotAnsweredError, ask_provider
from sealgate.doctor.findings import Case, Finding, State
from sealgate.doctor.limit_store import limits
from sealgate.settings import read
from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.up_running import local_settings

PASSWORD = "canary-of-the-store"


@pytest.fixture(scope="module")
def store() -> Iterator[RedisServer]:
    with a_redis_server("--requirepass", PASSWORD, "--maxmemory", "64mb") as server:
        yield server


def looked(tmp_path: Path, **section: object) -> tuple[Finding, ...]:
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(tmp_path, limits=section)))
    return tuple(limits(Case(read(config), time.time(), egress=False)))


def password(tmp_path: Path, text: str = PASSWORD) -> str:
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(0o400)
    return str(path)


def test_without_a_store_the_proxy_counts_by_itself(tmp_path: Path) -> None:
    (finding,) = looked(tmp_path)
    assert (finding.state, finding.message) == (State.OK, "the proxy counts limits and budgets by itself")


@pytest.mark.redis
def test_a_store_that_answers_and_runs_the_scripts_is_well(tmp_path: Path, store: RedisServer) -> None:
    (finding,) = looked(tmp_path, store=store.address, store_password_file=password(tmp_path))
    assert finding.state is State.OK
    assert "answers and runs our scripts" in finding.message


@pytest.mark.redis
@pytest.mark.parametrize(("given", "code"), [("wrong", "WRONGPASS"), (None, "NOAUTH")])
def test_a_store_that_does_not_let_us_in_says_where_to_look(
    tmp_path: Path, store: RedisServer, given: str | None, code: str
) -> None:
    file = {"store_password_file": password(tmp_path, given)} if given else {}
    (finding,) = looked(tmp_path, store=store.address, **file)
    assert finding.state is State.PROBLEM
    assert code in finding.message
    assert "store_password_file" in finding.hint
    assert PASSWORD not in str(finding)


@pytest.mark.redis
def test_a_store_that_would_forget_counts_is_warned_of(tmp_path: Path) -> None:
    with a_redis_server("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as forgetful:
        fine, warned = looked(tmp_path, store=forgetful.address)
    assert fine.state is State.OK
    assert (warned.state, "allkeys-lru" in warned.message) == (State.WARNING, True)


def test_a_store_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (finding,) = looked(tmp_path, store=f"unix://{tmp_path}/no.sock")
    assert finding.state is State.PROBLEM
    assert "FileNotFoundError" in finding.message
    assert "limits.store" in finding.hint


@pytest.mark.parametrize(
    ("address", "why"),
    [("10.0.0.5", "private"), ("169.254.169.254", "link-local"), ("100.64.0.1", "carriers")],
)
def test_a_providers_name_that_leads_inside_is_refused_as_the_proxy_would(
    tmp_path: Path, address: str, why: str
) -> None:
    config = tmp_path / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(tmp_path)))
    with pytest.raises(NotAnsweredError, match=why):
        ask_provider(read(config), f"https://{address}")
