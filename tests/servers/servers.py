"""Real servers for tests, each in a folder of its own, all stopped when the tests end.

The distributions are shared with the product's own cache, so a second run fetches nothing.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from cluster import Cluster, ClusterError, EmbeddedNode, Home, connect
from cluster.node import process, ready
from cluster.node.files import Layout, command, environment, prepare, program
from cluster.node.home import default_home, make_enterable, node_user
from cluster.node.java import Java, find_java
from cluster.node.node import START_SECONDS, NodeState
from encoder.selection.cache import cache_folder
from tests.servers import distributions

# With its quick compiler alone: the other took half of the time that a node needed in these tests;
# and believing its classes, which takes a fifth of a start.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
HEAP = f"512m {QUICK}"
Settings = Mapping[str, "str | int | bool"]


def shared_home() -> Home:
    """The product's own cache, whose downloads and distributions tests reuse."""
    return default_home()


def private_home() -> Home:
    """A new home that any user can enter, with the shared downloads and no data."""
    path = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    path.chmod(0o755)
    home, shared = Home(path), shared_home()
    for link, target in (
        (home.downloads, shared.downloads),
        (home.distributions, shared.distributions),
        (home.path / "encoders", cache_folder()),
    ):
        make_enterable(target)
        link.symlink_to(target)
    return home


def _group(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None


class OpenSearchServer:
    """An embedded node, through the product's own code, with its own data."""

    def __init__(self, settings: Settings | None = None, heap: str = HEAP) -> None:
        self.home = private_home()
        self.settings: Settings = settings or {}
        self.heap = heap
        self.port = 0

    @property
    def node(self) -> EmbeddedNode:
        """The node; after the first start it always gets the same port."""
        return EmbeddedNode(self.home, heap=self.heap, port=self.port, settings=self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a `tandem` process without --url finds this node."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
        return {**kept, "TANDEM_HOME": str(self.home.path)}

    @property
    def url(self) -> str:
        """Where the node listens, or listened before it was killed."""
        record = self.node.record()
        if record is None or record.running is None:
            raise RuntimeError("this server was never started")
        return record.running.url

    def start(self) -> NodeState:
        """Start the node, again on the port it had; its data is kept."""
        state = self.node.start()
        self.port = urlsplit(state.url).port or 0
        return state

    def kill(self) -> None:
        """End the node as a crash would, and wait until it is gone."""
        record, state = self.node.record(), self.node.status()
        if record is None or state is None:
            raise RuntimeError("this server does not run")
        os.kill(state.pid, signal.SIGKILL)
        process.gone_within(state.pid, record.identity, START_SECONDS)

    def close(self) -> None:
        """End the node and delete its folder; the shared downloads stay."""
        if self.node.status() is not None:
            self.kill()  # nothing of a test server is worth a graceful end
        shutil.rmtree(self.home.path)


class JavaServer:
    """A server of a distribution that only tests need, detached as the product's node is."""

    config_file = "opensearch.yml"

    def __init__(self, settings: Settings | None = None, heap: str = HEAP) -> None:
        self.home = private_home()
        self.layout = Layout(self.home.node)
        self.settings: Settings = settings or {}
        self.heap = heap
        self.port = 0
        self.pid: int | None = None

    def start(self) -> None:
        """Start the server, again on the port it had; its data is kept."""
        make_enterable(self.layout.folder)
        user, java, folder = node_user(), self.java(), self.distribution()
        prepare(self.layout, folder, user, java, {**self.own_settings(), **self.settings})
        os.replace(self.layout.config / "opensearch.yml", self.layout.config / self.config_file)
        self.configure(self.layout.config)
        self.identity = process.new_identity(user.uid, self.program(folder))
        words = command(self.layout, self.identity, self.port)
        self.pid = process.spawn(words, self.layout.log, user, self.variables(java), folder)
        self.port = int(self._published().rsplit(":", 1)[1])

    def configure(self, folder: Path) -> None:
        """Change what else is configured, in files that are there and stay their user's."""

    def _published(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None or not process.is_ours(self.pid, self.identity):
                break
            if self.layout.ports.exists() and (found := self.layout.ports.read_text().split()):
                return found[0]
            time.sleep(0.1)
        end = "\n".join(ready.tail(self.layout.log, 20))
        self.close()
        raise RuntimeError(f"{type(self).__name__} did not start; its log ends:\n{end}")

    def kill(self) -> None:
        """End the server as a crash would, and wait until it is gone."""
        self._signal(signal.SIGKILL)

    def _signal(self, sign: signal.Signals) -> None:
        """Signal the whole session of the spawn: Elasticsearch is a launcher and a server."""
        if self.pid is None or not process.is_ours(self.pid, self.identity):
            return
        group = os.getpgid(self.pid)
        members = [pid for pid in psutil.pids() if _group(pid) == group]
        os.killpg(group, sign)
        for pid in members:
            process.gone_within(pid, self.identity, START_SECONDS)
        self.pid = None

    def close(self) -> None:
        """Stop the server and delete its folder; the shared downloads stay."""
        self._signal(signal.SIGKILL)
        shutil.rmtree(self.home.path, ignore_errors=True)


class ElasticsearchServer(JavaServer):
    """Elasticsearch 9.5.3, minimal distribution, without security."""

    config_file = "elasticsearch.yml"

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http://127.0.0.1:{self.port}"

    def java(self) -> Java:
        return find_java(self.home, node_user())

    def distribution(self) -> Path:
        return distributions.elasticsearch(self.home, self.java())

    def own_settings(self) -> Settings:
        # Else it merges nothing on a disk with less than 5% free, and tests would wait for that.
        return {"xpack.security.enabled": False, "indices.merge.disk.watermark.high": "1mb"}

    def program(self, folder: Path) -> Path:
        return folder / "bin" / "elasticsearch"

    def variables(self, java: Java) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.layout.folder),
            "ES_JAVA_HOME": str(java.home),
            "ES_PATH_CONF": str(self.layout.config),
            "ES_TMPDIR": str(self.layout.temporary),
            "JDK_JAVA_OPTIONS": QUICK,  # of those that start it too: a fifth of a start
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap} -XX:-AlwaysPreTouch",
        }


class SecuredServer(JavaServer):
    """OpenSearch 2.19.1 with TLS and users: admin/admin, and readall/readall who may only read.

    Also those of tokens (JWT) that token_key signs, by their claim `roles`, and of certificates of
    its authority, by their organizational unit.
    """

    user = "admin"
    password = "admin"
    token_key = b"of the tests alone, and long enough for any algorithm of HMAC: sixty-four"

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_certs(self) -> Path:
        """The authority that signed its certificate."""
        return self.distribution() / "config" / "ca.pem"

    def java(self) -> Java:
        return distributions.secured_java(self.home)

    def distribution(self) -> Path:
        return distributions.secured_opensearch(self.home, self.java())

    def own_settings(self) -> Settings:
        security = "plugins.security"
        return {
            f"{security}.ssl.transport.keystore_filepath": "node.p12",
            f"{security}.ssl.transport.keystore_type": "PKCS12",
            f"{security}.ssl.transport.truststore_filepath": "trust.p12",
            f"{security}.ssl.transport.truststore_type": "PKCS12",
            f"{security}.ssl.transport.enforce_hostname_verification": False,
            f"{security}.ssl.http.enabled": True,
            f"{security}.ssl.http.keystore_filepath": "node.p12",
            f"{security}.ssl.http.keystore_type": "PKCS12",
            f"{security}.ssl.http.truststore_filepath": "trust.p12",
            f"{security}.ssl.http.truststore_type": "PKCS12",
            f"{security}.ssl.http.clientauth_mode": "OPTIONAL",
            f"{security}.allow_default_init_securityindex": True,
            # Lets the admin make users.
            f"{security}.restapi.roles_enabled": "all_access",
            f"{security}.password.hashing.bcrypt.rounds": 4,
        }

    def configure(self, folder: Path) -> None:
        """Let tokens and certificates say who somebody is."""
        distributions.quicken_passwords(folder / "opensearch-security" / "internal_users.yml")
        file = folder / "opensearch-security" / "config.yml"
        text = file.read_text("utf-8")
        for domain in ("jwt_auth_domain", "clientcert_auth_domain"):
            before, after = text.split(f"{domain}:", 1)
            text = f"{before}{domain}:" + after.replace(
                "http_enabled: false", "http_enabled: true", 1
            )
        key = base64.b64encode(self.token_key).decode()
        text = text.replace("base64 encoded HMAC key or public RSA/ECDSA pem key", key)
        text = text.replace("roles_key: null", "roles_key: roles", 1)
        unit = "username_attribute: cn\n            roles_attribute: ou #"
        file.write_text(text.replace("username_attribute: cn #", unit, 1), "utf-8")

    def program(self, folder: Path) -> Path:
        return program(folder)

    def variables(self, java: Java) -> dict[str, str]:
        return {**environment(self.layout, java, self.heap), "JDK_JAVA_OPTIONS": QUICK}

    def connect(self, **changes: Any) -> Cluster:
        """A Cluster as admin, with the right authority; `changes` replace options of connect."""
        options = {"user": self.user, "password": self.password, "ca_certs": self.ca_certs}
        return connect(self.url, **(options | changes))

    def start(self) -> None:
        """Start, and wait until its users are there."""
        super().start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
