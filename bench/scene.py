"""What every measurement stands on: two cores, certificates, the provider, and who asks.

One core is the gateway's alone; provider, load and everything else share the other. Counterparts: `provider.c`,
`load.c`, `wrk`; `rows.py` says what is measured with them.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.gateways import KEY, PEERS, Ends
from bench.installation import Installation

from sealgate.demo.ports import Ports, settle

HERE = Path(__file__).parent
NEEDED = {"gcc": "gcc libssl-dev", "wrk": "wrk", "nginx": "nginx-light", "taskset": "util-linux"}
SHORT = "Shorten this. " * 64
LONG = "Shorten this. " * 590
_LUA = """
local tokens, n = {{}}, 0
for line in io.lines("{tokens}") do tokens[#tokens + 1] = line end
local text = "{text}"
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
{headers}
wrk.body = '{{"model":"{model}","messages":[{{"role":"user","content":"' .. text .. '"}}]}}'
request = function()
  n = n % #tokens + 1
  if #tokens > 1 or tokens[1] ~= "" then wrk.headers["authorization"] = "Bearer " .. tokens[n] end
  return wrk.format(nil, "{path}")
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nFIGURES {{"requests":%d,"seconds":%.4f,"failed":%d,"p50_us":%d,"p99_us":%d}}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Scene:
    """Folders, cores and the provider, plain and over TLS, until the end of the measurement."""

    def __init__(self, folder: Path) -> None:
        missing = [package for program, package in NEEDED.items() if not found(program)]
        if missing:
            raise SystemExit(
                f"bench needs Debian's {' '.join(missing)}. hint: apt-get install {' '.join(missing)}"
            )
        cores = sorted(os.sched_getaffinity(0))
        self.core, self.other = cores[0], cores[-1]
        self.folder = folder
        self.provider, self.tls_provider = free_port(), free_port()
        self.certificate, self.key = certificate(folder)
        self.programs = {name: built(name, folder) for name in ("provider", "load")}
        self._providers: list[subprocess.Popen[bytes]] = []
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, 65_536), max(most, 65_536)))
        except (OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        os.sched_setaffinity(0, {self.other})

    def __enter__(self) -> Self:
        server = (str(self.certificate), str(self.key))
        for port, files in ((self.provider, ()), (self.tls_provider, server)):
            command = (str(self.programs["provider"]), str(port), *files)
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            self._providers.append(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._providers:
            each.kill()
            each.wait()

    def ends(self, name: str, *, tls: bool = False) -> Ends:
        """Where the next gateway stands."""
        folder = self.folder / f"{name.lower()}{'-tls' if tls else ''}"
        if not tls:
            return Ends(folder, free_port(), self.provider)
        own = str(self.certificate)
        return Ends(folder, free_port(), self.tls_provider, True, own, str(self.key), own)

    def installation(self, *, tls: bool = False) -> Installation:
        """Ours, whole."""
        folder = self.folder / ("ours-tls" if tls else "ours")
        origin = f"https://localhost:{self.tls_provider}" if tls else f"http://127.0.0.1:{self.provider}"
        return Installation(folder, origin, self.other, self.certificate if tls else None)

    def tls_settings(self) -> dict[str, str]:
        """What makes our proxy speak TLS to its clients."""
        return {
            "tls_certificate": str(self.certificate),
            "tls_key": str(self.key),
            "url": "https://localhost",
        }

    # Who asks.

    def wrk(
        self, port: int, script: Path, *, seconds: float, connections: int = 64, tls: bool = False
    ) -> dict[str, Any]:
        """As many requests as the gateway takes: requests, seconds, failed, p50_us, p99_us."""
        url = f"{'https' if tls else 'http'}://localhost:{port}/"
        whole = max(1, round(seconds))
        command = (
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{whole}s",
            "--timeout",
            "20s",
            "-s",
            str(script),
            url,
        )
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        line = next(line for line in ended.stdout.splitlines() if line.startswith("FIGURES"))
        figures: dict[str, Any] = json.loads(line.removeprefix("FIGURES"))
        return figures

    def load(self, *words: object) -> dict[str, Any]:
        """`load.c` with these words; what it printed."""
        command = [str(self.programs["load"]), *map(str, words)]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        figures: dict[str, Any] = json.loads(ended.stdout)
        return figures

    def script(
        self, name: str, *, text: str = SHORT, tokens: Iterable[str] = (), model: str = "bench",
        headers: Mapping[str, str] | None = None, path: str = "/v1/chat/completions",
    ) -> Path:  # fmt: skip
        """What wrk asks."""
        kept = self.folder / f"{name}.tokens"
        kept.write_text("\n".join(tokens) + "\n")
        lines = "\n".join(f'wrk.headers["{key}"] = "{value}"' for key, value in (headers or {}).items())
        script = self.folder / f"{name}.lua"
        script.write_text(_LUA.format(tokens=kept, text=text, headers=lines, model=model, path=path))
        return script

    def requests(self, name: str, *, model: str, stream: bool, tokens: Iterable[str] = ("",)) -> Path:
        """What `load.c` asks: whole requests, one for each token."""
        body = json.dumps(
            {"model": model, "messages": [{"role": "user", "content": SHORT}], "stream": stream}
        )
        kept = self.folder / f"{name}.requests"
        each = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {token or KEY}\r\ncontent-length: {len(body)}\r\n\r\n{body}"
            for token in tokens
        )
        kept.write_bytes("\0".join(each).encode())
        return kept


def found(program: str) -> bool:
    """True where the program is there."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def free_port() -> int:
    """One that nobody listens on."""
    return settle(Ports(**dict.fromkeys(Ports.__struct_fields__, 0))).console


def certificate(folder: Path) -> tuple[Path, Path]:
    """One that vouches for itself, with its key: Envoy's TLS takes no authority with constraints on addresses."""
    files = (folder / "server.pem", folder / "server-key.pem")
    command = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-out", str(files[0]), "-keyout", str(files[1])),
    )
    subprocess.run(command, check=True, capture_output=True)
    return files


def built(name: str, folder: Path) -> Path:
    """A program of ours in C."""
    program = folder / name
    subprocess.run(
        ("gcc", "-O2", "-o", str(program), str(HERE / f"{name}.c"), "-lssl", "-lcrypto"), check=True
    )
    return program


def say(text: str) -> None:
    """Tell who waits how far it is."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


__all__ = ["KEY", "LONG", "PEERS", "SHORT", "Scene", "say"]
