"""docker-compose.yml, which no Docker engine runs here: schema, promises, certificates."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from tandem.cli import cli

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
PASSWORD = "OPENSEARCH_INITIAL_ADMIN_PASSWORD"


@pytest.fixture(scope="module")
def schema():
    """The compose specification's own schema, which check-jsonschema carries."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return jsonschema.Draft202012Validator(json.loads(vendored.read_text("utf-8")))


def test_the_file_obeys_the_compose_schema(schema):
    schema.validate(COMPOSE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("healthcheck:", "healthchek:"),
        ("profiles: [worker]", "profiles: worker"),
        ("init: true", "init: [1]"),
    ],
)
def test_a_mistake_would_be_seen(schema, old, new):
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(yaml.safe_load(TEXT.replace(old, new)))


def test_security_is_on_and_the_password_has_no_default():
    assert SERVICES["opensearch"]["image"] == "opensearchproject/opensearch:3.6.0"
    asked = [PASSWORD in str(value) for value in SERVICES["worker"]["environment"].values()]
    assert sum(asked) == 1
    # The service that serves refuses to listen without a key.
    for used in set(re.findall(r"\$\{[^}]*\}", TEXT)) - {"${TANDEM_SERVE_KEY:-}"}:
        assert used.startswith(f"${{{PASSWORD}:?"), used
    assert "DISABLE_SECURITY" not in TEXT
    assert "insecure" not in TEXT.lower()


def test_nothing_listens_beyond_loopback():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:9200:9200", "127.0.0.1:8080:8080"]


def test_data_and_certificates_are_kept_in_named_volumes():
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_dir(), mount
    assert "data:/usr/share/opensearch/data" in SERVICES["opensearch"]["volumes"]


@pytest.mark.parametrize("name", ["worker", "search"])
def test_it_waits_for_a_healthy_cluster_with_certificates(name):
    ready = SERVICES[name]["depends_on"]["opensearch"]["condition"]
    made = SERVICES["opensearch"]["depends_on"]["certificates"]["condition"]
    assert (ready, made) == ("service_healthy", "service_completed_successfully")
    assert SERVICES["opensearch"]["healthcheck"]["test"][0] == "CMD-SHELL"


@pytest.mark.parametrize(("name", "command"), [("worker", "ingest"), ("search", "serve")])
def test_its_settings_are_options_of_tandem(name, command):
    options = [each for each in options_of(command) if each.envvar]
    known = {name for option in options for name in option.envvar}
    known |= {"TANDEM_PASSWORD", "TANDEM_SERVE_KEY"}
    assert set(SERVICES[name]["environment"]) <= known


def options_of(command):
    params = cli.get_command(click.Context(cli), command).params
    return [param for param in params if isinstance(param, click.Option)]


def test_the_service_is_started_with_options_that_it_has():
    command, *words = SERVICES["search"]["command"]
    known = {flag for option in options_of(command) for flag in option.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_dockerfile_copies_every_room_and_what_setup_needs():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    copied = set(re.findall(r"^COPY (.+) \S+$", text, re.M))
    names = {name for line in copied for name in line.split()}
    assert names >= {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    include = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert names >= {name.rstrip("*") for name in include["packages"]["find"]["include"]}
    assert all((ROOT / name).exists() for name in names)
    assert re.search(r"^USER tandem$", text, re.M)


def make_certificates(folder, bin_folder):
    """Run the service's own script on this machine, with its folder moved."""
    [script] = SERVICES["certificates"]["command"]
    script = script.replace("$$", "$").replace("/certificates", str(folder), 1)
    if os.geteuid() != 0:
        (bin_folder / "chown").symlink_to("/bin/true")
    path = f"{bin_folder}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-euc", script], check=True, env={"PATH": path}, capture_output=True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")
def test_the_certificates_verify_for_the_names_in_use(tmp_path):
    folder, bin_folder = tmp_path / "certificates", tmp_path / "bin"
    folder.mkdir()
    bin_folder.mkdir()
    make_certificates(folder, bin_folder)
    assert sorted(each.name for each in folder.iterdir()) == ["ca.pem", "node.key", "node.pem"]
    assert (folder / "node.key").stat().st_mode & 0o777 == 0o600
    # OpenSearch reads keys in PKCS#8 form only.
    assert (folder / "node.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    for name in ("opensearch", "localhost"):
        assert handshake(folder, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(folder, "elsewhere")
    before = (folder / "node.pem").read_bytes()
    make_certificates(folder, bin_folder)
    assert (folder / "node.pem").read_bytes() == before


def handshake(folder, name):
    """The TLS version that a client, which trusts only ca.pem, agrees on with the node's files."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "node.pem", folder / "node.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    ours, theirs = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as secured:
            return secured.version()
    finally:
        ours.close()
        thread.join()
