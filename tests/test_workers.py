"""A proxy of several workers under `sealgate up`: nobody is refused when one dies or all are replaced."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealgate.settings import SettingsError, read
from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.up_running import RunningUp, alive, get, local_settings, up_in, wait_for

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with a_redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def running(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    folder = tmp_path_factory.mktemp("workers") / "in"
    raw = local_settings(folder, proxy={"workers": 2}, limits={"store": server.address})
    folder.mkdir()
    running = RunningUp(folder, raw)
    running.start()
    yield running
    assert running.stop() == 0


def page(running: RunningUp, target: str) -> Any:
    return get(f"http://localhost:{running.settings.proxy.admin_port}{target}")


def workers(running: RunningUp) -> dict[str, int]:
    """Name → process, of those that run."""
    found = re.findall(r"program\.started program=(worker-\S+) pid=(\d+)", running.logged.read_text())
    return {name: int(pid) for name, pid in found if alive(int(pid))}


class Load:
    """Asks again and again, each time on a new connection; keeps what went wrong."""

    def __init__(self, running: RunningUp) -> None:
        self._port = running.settings.proxy.port
        self._over = threading.Event()
        self.answered, self.faults = 0, list[str]()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.request("GET", "/v1/models", headers={"host": f"localhost:{self._port}"})
                status = connection.getresponse().status
                if status == 401:  # a session is wanted: it is the proxy that answers
                    self.answered += 1
                else:
                    self.faults.append(str(status))
            except OSError as error:
                self.faults.append(repr(error))
            finally:
                connection.close()


def test_operators_see_each_worker_by_its_name(running: RunningUp) -> None:
    ready = page(running, "/readyz")
    assert ready.status == 200
    names = list(msgspec.json.decode(ready.body)["workers"])
    assert [name.rpartition(".")[2] for name in names] == ["1", "2"]
    metrics = page(running, "/metrics").body.decode()
    for name in names:
        assert f'sealgate_proxy_limit_store_connected{{worker="{name}"}} 1' in metrics
        assert f'sealgate_proxy_requests_total{{worker="{name}",outcome="completed"}} 0' in metrics
    assert metrics.count("# TYPE sealgate_proxy_requests_total counter") == 1
    assert page(running, "/nothing").status == 404


def test_each_worker_has_a_folder_of_its_own(running: RunningUp) -> None:
    journals = sorted(running.data.glob("proxy/**/*.segment"))
    assert len({path.parent for path in journals}) >= 2


def test_a_worker_that_is_killed_is_started_again_and_the_port_stays_open(running: RunningUp) -> None:
    before = workers(running)
    victim, other = list(before)[-2:]
    with Load(running) as load:
        os.kill(before[victim], signal.SIGKILL)
        wait_for(lambda: workers(running).get(victim, before[victim]) != before[victim])
        wait_for(lambda: page(running, "/-/connected").status == 200)
        assert workers(running)[other] == before[other]
        enough = load.answered + 10
        wait_for(lambda: load.answered > enough)
    # What the killed one was just answering is lost with it; nobody was refused a connection.
    assert not [fault for fault in load.faults if "Refused" in fault]


def test_new_workers_take_over_while_the_old_ones_drain_and_nobody_is_refused(running: RunningUp) -> None:
    before = workers(running)
    parent = int(re.findall(r"program=proxy pid=(\d+)", running.logged.read_text())[-1])
    with Load(running) as load:
        wait_for(lambda: load.answered > 20)
        os.kill(parent, signal.SIGHUP)
        wait_for(lambda: "workers.replaced" in running.logged.read_text())
        wait_for(lambda: not any(alive(pid) for pid in before.values()))
        enough = load.answered + 20
        wait_for(lambda: load.answered > enough)
    assert load.faults == []
    assert len(workers(running)) == 2
    assert not set(workers(running)) & set(before)
    assert page(running, "/-/connected").status == 200


def test_new_workers_that_cannot_start_leave_the_old_ones_serving(running: RunningUp) -> None:
    before, good = workers(running), running.config.read_text()
    parent = int(re.findall(r"program=proxy pid=(\d+)", running.logged.read_text())[-1])
    try:
        running.config.write_text("nonsense = 1\n" + good)
        os.kill(parent, signal.SIGHUP)
        wait_for(lambda: "workers.not_replaced" in running.logged.read_text())
    finally:
        running.config.write_text(good)
    assert workers(running) == before
    assert page(running, "/readyz").status == 200


def test_workers_without_a_store_are_refused_with_a_hint(tmp_path: Path) -> None:
    raw = local_settings(tmp_path, proxy={"workers": 2})
    (tmp_path / "sealgate.toml").write_text(RunningUp(tmp_path / "in", raw).config.read_text())
    with pytest.raises(SettingsError, match=r"proxy\.workers is 2.*hint: set limits\.store"):
        read(tmp_path / "sealgate.toml", {})


def test_a_stop_drains_all_workers(server: RedisServer, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    raw = local_settings(folder, limits={"store": server.address}, proxy={"workers": 2})
    folder.mkdir()
    RunningUp(folder, raw)
    with up_in(folder) as running:
        pids = workers(running)
        assert len(pids) == 2
    assert not any(alive(pid) for pid in pids.values())
    assert running.logged.read_text().count("stopped cut=0") == 2
