"""The three-user layout, as root makes it: the main job works, and no process reads another's secrets.

Each process runs under a spare user id, hardened as its unit says, in folders as tmpfiles.conf makes them.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import tomli_w

from tests.deploy.installation import Job, Provider, open_folder
from tests.up_running import CLEAN, alive, get, local_settings, wait_for

pytestmark = pytest.mark.root

AS_USER = Path(__file__).parent / "as_user.py"
GROUP = 61_000
USERS = {"vault": 61_001, "console": 61_002, "proxy": 61_003}
STRANGER = 61_004


def as_user(uid: int, *, in_group: bool = True) -> tuple[str, ...]:
    return (sys.executable, str(AS_USER), str(uid), str(GROUP) if in_group else "")


class Layout:
    """The three processes, each with a user of its own."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder = folder
        self.data, self.run = folder / "var", folder / "run"
        self.config = folder / "sealgate.toml"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.job = Job(self.config, provider, as_user(USERS["console"]))
        sections: dict[str, Mapping[str, object]] = {
            **provider.sections,
            "users": {name: str(uid) for name, uid in USERS.items()},
        }
        raw = {**local_settings(folder, **sections), "data_dir": str(self.data), "runtime_dir": str(self.run)}
        self.config.write_text(tomli_w.dumps(raw))
        self._make_folders()

    def _make_folders(self) -> None:
        """As deploy/systemd/tmpfiles.conf."""
        self.data.mkdir(mode=0o755)
        for name, uid in USERS.items():
            (self.data / name).mkdir(mode=0o700)
            os.chown(self.data / name, uid, uid)
        self.run.mkdir()
        os.chown(self.run, 0, GROUP)
        self.run.chmod(0o3770)
        subprocess.run(
            [sys.executable, "-m", "sealgate", "prepare", "--config", str(self.config)], check=True, env=CLEAN
        )

    def start(self) -> None:
        """As the units."""
        for name, uid in USERS.items():
            with (self.folder / f"{name}.log").open("wb") as log:
                self._processes[name] = subprocess.Popen(
                    [
                        *as_user(uid),
                        *(sys.executable, "-m", "sealgate", "run", name, "--config", str(self.config)),
                    ],
                    stdout=log,
                    stderr=log,
                    env=CLEAN,
                )
        admin = self.job.settings.proxy.admin_port
        wait_for(lambda: self._ready(admin))

    def _ready(self, admin: int) -> bool:
        assert all(process.poll() is None for process in self._processes.values()), self.logs()
        try:
            page = get(f"http://localhost:{admin}/readyz")
        except OSError:
            return False
        return page.status == 200 and b'"vault":true' in page.body

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(30)


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    with open_folder() as folder:
        provider = Provider(folder)
        made = Layout(folder, provider)
        try:
            made.start()
            made.last_four = made.job.deposit()  # type: ignore[attr-defined]
            yield made
        finally:
            made.stop()
            provider.stop()


def run_as(uid: int, code: str, *arguments: object, in_group: bool = True) -> str:
    """Run Python as a user; gives what it prints, or the name of the exception that ends it."""
    ended = subprocess.run(
        [*as_user(uid, in_group=in_group), sys.executable, "-c", code, *(str(each) for each in arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.stdout.strip() or ended.stderr.strip().splitlines()[-1].partition(":")[0]


READ = "import sys; print(len(open(sys.argv[1], 'rb').read()))"
WRITE = "import sys; open(sys.argv[1], 'ab').close(); print('written')"
REPLACE = "import os, sys; os.unlink(sys.argv[1]); print('gone')"
# What is read after a hello: nothing at all where the peer was cut.
GREET = """
import asyncio, sys
from pathlib import Path
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello
from sealgate.messages.opening import OpeningReply
async def main():
    here = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=sys.argv[2], process=sys.argv[3])
    client = Client(Path(sys.argv[1]), hello, OpeningReply, on_connected=here.set)
    task = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(here.wait(), float(sys.argv[4]))
        print("greeted")
    except TimeoutError:
        print("cut")
asyncio.run(main())
"""


def test_the_main_job_works(layout: Layout) -> None:
    assert layout.job.key.decode().endswith(layout.last_four)  # type: ignore[attr-defined]
    assert len(layout.job.ask()) > 20


def test_each_process_runs_as_its_own_user_without_rights(layout: Layout) -> None:
    for name, uid in USERS.items():
        status = Path(f"/proc/{layout.pid(name)}/status").read_text()
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status


def test_the_control_each_user_reads_its_own(layout: Layout) -> None:
    assert int(run_as(USERS["vault"], READ, layout.data / "vault" / "kek")) == 60
    assert int(run_as(USERS["vault"], READ, layout.data / "vault" / "vault.db")) > 0
    assert int(run_as(USERS["console"], READ, layout.data / "console" / "console.db")) > 0


SECRETS = ("vault/kek", "vault/vault.db", "vault/anchor", "console/console.db")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("user", ["proxy", "console", "stranger"])
def test_another_user_reads_and_writes_none_of_it(layout: Layout, user: str, secret: str) -> None:
    if secret.startswith(user):
        return  # its own
    uid = {**USERS, "stranger": STRANGER}[user]
    path = layout.data / secret
    assert path.exists()
    assert run_as(uid, READ, path) == "PermissionError"
    assert run_as(uid, WRITE, path) == "PermissionError"


@pytest.mark.parametrize("file", ["mem", "environ", "maps"])
@pytest.mark.parametrize("user", ["proxy", "console"])
def test_another_user_does_not_read_the_vaults_memory(layout: Layout, user: str, file: str) -> None:
    assert run_as(USERS[user], READ, f"/proc/{layout.pid('vault')}/{file}") == "PermissionError"


@pytest.mark.parametrize("file", ["mem", "environ", "maps"])
@pytest.mark.parametrize("holder", ["vault", "proxy"])
def test_who_runs_as_its_own_user_does_not_read_the_memory_of_a_process_that_holds_keys(
    layout: Layout, holder: str, file: str
) -> None:
    assert run_as(USERS[holder], READ, f"/proc/{layout.pid(holder)}/{file}") == "PermissionError"


def test_the_control_a_process_without_keys_is_read_by_its_own_user(layout: Layout) -> None:
    assert int(run_as(USERS["console"], READ, f"/proc/{layout.pid('console')}/environ")) > 0


@pytest.mark.parametrize(
    ("user", "name", "outcome"),
    [
        ("proxy", "vault-opener.sock", "greeted"),
        ("console", "vault-desk.sock", "greeted"),
        ("proxy", "console-feed.sock", "greeted"),
        ("proxy", "vault-desk.sock", "cut"),
        ("console", "vault-opener.sock", "cut"),
        ("vault", "console-feed.sock", "cut"),
        ("stranger", "vault-opener.sock", "cut"),
        ("stranger", "vault-desk.sock", "cut"),
        ("stranger", "console-feed.sock", "cut"),
    ],
)
def test_a_socket_greets_the_user_of_its_one_peer_and_cuts_others(
    layout: Layout, user: str, name: str, outcome: str
) -> None:
    uid = {**USERS, "stranger": STRANGER}[user]
    patience_s = 30 if outcome == "greeted" else 3  # the machine may be busy
    found = run_as(uid, GREET, layout.run / name, layout.job.settings.instance, user, patience_s)
    assert found == outcome


def test_who_is_not_in_the_group_does_not_even_see_the_sockets(layout: Layout) -> None:
    listing = "import os, sys; print(os.listdir(sys.argv[1]))"
    assert run_as(STRANGER, listing, layout.run, in_group=False) == "PermissionError"


@pytest.mark.parametrize("name", ["vault-opener.sock", "vault-desk.sock", "console-feed.sock"])
def test_nobody_replaces_anothers_socket(layout: Layout, name: str) -> None:
    path = layout.run / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert path.stat().st_gid == GROUP
    user = "console" if name.startswith("vault") else "vault"
    assert run_as(USERS[user], REPLACE, path) == "PermissionError"
    assert run_as(USERS["proxy"], REPLACE, path) == "PermissionError"


def test_a_proxy_that_sits_on_the_vaults_path_is_not_believed_by_the_console(layout: Layout) -> None:
    """While the vault is away its name is free in the shared folder; the console looks who listens there."""
    path = layout.run / "squat.sock"
    code = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); os.umask(0o007); s.bind(sys.argv[1]);"
        "s.listen(); print('up', flush=True); c, _ = s.accept(); print(len(c.recv(100)), flush=True)"
    )
    squatter = subprocess.Popen(
        [*as_user(USERS["proxy"]), sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert squatter.stdout is not None
    try:
        assert squatter.stdout.readline() == "up\n"
        ask = (
            "import asyncio, sys\nfrom pathlib import Path\n"
            "from sealgate.console.addon.desk import Desk\nfrom sealgate.console.events import EVENTS\n"
            "from sealgate.log import NullLog\n"
            "async def main():\n"
            "    desk = Desk(Path(sys.argv[1]), sys.argv[2], NullLog(EVENTS), (int(sys.argv[3]),))\n"
            "    task = asyncio.create_task(desk.run())\n"
            "    await asyncio.sleep(1)\n"
            "    print('believed' if desk.connected else 'left')\n"
            "asyncio.run(main())\n"
        )
        assert run_as(USERS["console"], ask, path, layout.job.settings.instance, USERS["vault"]) == "left"
        assert squatter.stdout.readline() == "0\n"  # it heard not even the hello
    finally:
        squatter.kill()
        squatter.wait(10)
        squatter.stdout.close()


def test_a_backup_by_root_leaves_every_file_with_its_user(layout: Layout) -> None:
    target = layout.folder / "backup"
    ended = subprocess.run(
        [sys.executable, "-m", "sealgate", "backup", "--config", str(layout.config), "--to", str(target)],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )
    assert ended.returncode == 0, ended.stderr
    for name, uid in USERS.items():
        owners = {path.stat().st_uid for path in (layout.data / name).rglob("*")}
        assert owners == {uid}, name
    assert len(layout.job.deposit()) == 4  # both databases still take writes
    for uid in USERS.values():
        assert run_as(uid, READ, target / "databases" / "vault.db") == "PermissionError"


def test_the_doctor_finds_it_well(layout: Layout) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sealgate", "doctor", "--config", str(layout.config)],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )
    assert ended.returncode == 0, ended.stdout


def test_up_does_not_run_three_users_as_one(layout: Layout) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sealgate", "up", "--config", str(layout.config)],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )
    assert ended.returncode == 78
    assert "systemd" in ended.stderr
    assert alive(layout.pid("vault"))


def test_its_ports_are_on_loopback_alone(layout: Layout) -> None:
    settings = layout.job.settings
    for port in (settings.vault.port, settings.console.port, settings.proxy.port, settings.proxy.admin_port):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"
