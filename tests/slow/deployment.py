"""A deployment as people run it: two hosts with all of Vaultra, a database's, a proxy's."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from db.startup import PROJECT, migrate
from tests.api.service import KEY_RING, token_for
from tests.slow.hosts import Host, Network, network
from tests.slow.test_postgres_15 import BINARIES

# A range that is kept for tests of networks (RFC 2544); ours is seen by nobody else.
NETWORK = "198.18.77"
MODEL = f"{NETWORK}.1"
SERVE_PORT, PROXY_PORT, DATABASE_PORT = 8000, 8080, 5432
# What people set in front of services of all kinds; nginx's own default.
IDLE_SECONDS = 60
# For programs that start, on a machine that is busy with other tests.
PATIENCE_SECONDS = 120
PASSWORD = "no secret: this server is seen by tests only"
NGINX = """
daemon off;
master_process off;
user root;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    upstream vaultra {{
{servers}
    }}
    server {{
        listen {port};
        location / {{
            proxy_pass http://vaultra;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_connect_timeout 2s;
            proxy_read_timeout {idle}s;
            proxy_send_timeout {idle}s;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Deployment:
    """Everything that runs, and where; `folder` keeps what the programs said."""

    net: Network
    one: Host
    two: Host
    database: Host
    proxy: Host
    folder: Path

    @property
    def database_url(self) -> str:
        """How anybody on the network reaches the database."""
        password = PASSWORD.replace(" ", "%20").replace(":", "%3A")
        address = f"{self.database.address}:{DATABASE_PORT}"
        return f"postgresql://vaultra:{password}@{address}/postgres"

    @property
    def url(self) -> str:
        """The one address that clients know: the proxy's."""
        return f"http://{self.proxy.address}:{PROXY_PORT}"

    def start_serving(self, host: Host, model_url: str) -> None:
        """Start `vaultra serve --no-worker` on the host, and wait until it listens."""
        self._start(host, model_url, "serve", "--no-worker", "--host", "0.0.0.0")
        wait_until_served(f"http://{host.address}:{SERVE_PORT}")

    def start_worker(self, host: Host, model_url: str) -> None:
        """Start `vaultra worker` on the host."""
        self._start(host, model_url, "worker")

    def _start(self, host: Host, model_url: str, *command: str) -> None:
        environment = {
            **plain_environment(),
            "DATABASE_URL": self.database_url,
            "VAULTRA_SECRET_KEYS": ",".join(KEY_RING),
            "VAULTRA_PORT": str(SERVE_PORT),
            "VAULTRA_TOOL_SECONDS": "240",
            "VAULTRA_STATE_FOLDER": str(self.folder / host.name),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model_url,
            "VAULTRA_MODEL": "scripted",
            "VAULTRA_RUNS_PER_MINUTE": "0",
        }
        host.start(
            [sys.executable, "-m", "cli", *command],
            log=self.folder / f"{host.name}-{command[0]}",
            environment=environment,
            folder=PROJECT,
        )

    def headers(self, user_id: UUID) -> dict[str, str]:
        """Return what a user's requests carry."""
        return {"Authorization": f"Bearer {token_for(user_id)}"}


def plain_environment() -> dict[str, str]:
    """Return this process's environment without any setting that programs here would read."""
    ours = ("OPENAI_", "VAULTRA_", "STRIPE_", "DATABASE_URL", "PG")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy")
    }


def wait_for_port(address: str, port: int) -> None:
    """Wait until somebody listens there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"Nobody listens at {address}:{port}."
            time.sleep(0.1)
        else:
            return


def wait_until_served(url: str) -> None:
    """Wait until a service answers; its port takes connections before it does."""
    address, port = url.removeprefix("http://").split(":")
    wait_for_port(address, int(port))
    httpx.get(f"{url}/healthz", timeout=PATIENCE_SECONDS, trust_env=False).raise_for_status()


@contextlib.contextmanager
def deployed() -> Iterator[Deployment]:
    """Set up the network with a migrated database and the proxy, for the length of the block."""
    require_programs()
    folder = Path(tempfile.mkdtemp(prefix="vaultra-hosts-"))
    # PostgreSQL runs as a user of its own, who has to get through to its files.
    folder.chmod(0o755)
    try:
        with network(NETWORK) as net:
            one, two = net.add("one", 11), net.add("two", 12)
            deployment = Deployment(net, one, two, net.add("db", 20), net.add("proxy", 30), folder)
            _start_database(deployment)
            _start_proxy(deployment)
            migrate(deployment.database_url)
            yield deployment
    finally:
        shutil.rmtree(folder)


def require_programs() -> None:
    """Say which of Debian's packages is missing, if one is."""
    assert (BINARIES / "postgres").exists(), "Install Debian's postgresql-15."
    assert shutil.which("nginx"), "Install Debian's nginx: it is the proxy before both hosts."


def _start_database(deployment: Deployment) -> None:
    user, data = "postgres", deployment.folder / "data"
    data.mkdir()
    shutil.chown(data, pwd.getpwnam(user).pw_uid)
    secret = deployment.folder / "password"
    secret.write_text(PASSWORD)
    said = deployment.folder / "database"
    common = {"log": said, "environment": plain_environment(), "folder": Path("/"), "user": user}
    new = ["-D", str(data), "-U", "vaultra", "--auth=scram-sha-256", f"--pwfile={secret}"]
    made = deployment.database.start([str(BINARIES / "initdb"), "--no-sync", *new], **common)
    assert made.wait(PATIENCE_SECONDS) == 0, said.read_text()
    with (data / "pg_hba.conf").open("a") as allowed:
        allowed.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
    options = ("listen_addresses=*", "unix_socket_directories=", "fsync=off")
    arguments = [part for option in options for part in ("-c", option)]
    deployment.database.start([str(BINARIES / "postgres"), "-D", str(data), *arguments], **common)
    wait_for_port(deployment.database.address, DATABASE_PORT)


def _start_proxy(deployment: Deployment) -> None:
    folder = deployment.folder / "proxy"
    folder.mkdir()
    both = (deployment.one, deployment.two)
    servers = "\n".join(
        f"        server {host.address}:{SERVE_PORT} max_fails=1 fail_timeout=2s;" for host in both
    )
    settings = folder / "nginx.conf"
    text = NGINX.format(folder=folder, servers=servers, port=PROXY_PORT, idle=IDLE_SECONDS)
    settings.write_text(text)
    deployment.proxy.start(
        ["nginx", "-c", str(settings), "-e", str(folder / "errors")],
        log=folder / "said",
        environment=plain_environment(),
        folder=folder,
    )
    wait_for_port(deployment.proxy.address, PROXY_PORT)
