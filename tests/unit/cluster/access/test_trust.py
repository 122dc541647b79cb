"""What this machine trusts is trusted: a company's own authority, wherever Tandem speaks TLS."""

import hashlib
import ssl
import subprocess
import sys

import pytest
import trustme

from tests.support.commands import ROOT, tandem
from tests.unit.cluster.fakes import serving

CURE = (
    "an authority that this machine does not trust, so add that to the machine's trust store, or "
    "name its PEM file in SSL_CERT_FILE"
)
JAR = b"a jar of jam"
ANSWERS = {
    "/": (200, {"version": {"number": "3.6.0", "distribution": "opensearch"}}),
    "/_cat/plugins": (200, [{"component": "opensearch-knn"}]),
    "/org/example/jam/1.0/jam-1.0.jar": (200, JAR),
    "*": (404, {"error": "Repository not found"}),
}
FETCH = f"""
import sys
from pathlib import Path
from cluster.node.artifacts import Artifact, fetch
jam = Artifact("org.example", "jam", "1.0", "jar", {len(JAR)}, "{hashlib.sha256(JAR).hexdigest()}")
print(fetch(jam, Path(sys.argv[1]), repositories={{"here": sys.argv[2]}}))
import ssl, truststore
assert ssl.SSLContext is not truststore.SSLContext
"""
LOCATE = """
from encoder.model.locate import locate
locate("somebody/some-model")
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """(URL of a server on loopback, the PEM file of the authority behind its certificate)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pem = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    with serving(ANSWERS, context=context) as (url, _):
        yield url, str(pem)


def python(code, *words, **variables):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_cluster(company):
    url, pem = company
    done = tandem("doctor", "--json", "--url", url, SSL_CERT_FILE=pem)
    assert f"opensearch 3.6.0 at {url}" in done.out
    done = tandem("index", "list", "--url", url)
    assert done.code == 1
    assert "an authority that this machine does not trust" in done.err


def test_another_authority_that_is_named_is_the_only_one(company, tmp_path):
    url, pem = company
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    done = tandem("index", "list", "--url", url, "--ca-certs", other, SSL_CERT_FILE=pem)
    assert done.code == 1
    assert "does not trust" in done.err


def test_a_file_of_authorities_that_is_not_there_is_told(company, tmp_path):
    url, mistyped = company[0], str(tmp_path / "ca.pme")
    told = f"correct SSL_CERT_FILE, which names {mistyped!r}, where no file is"
    done = tandem("index", "list", "--url", url, SSL_CERT_FILE=mistyped, columns=400)
    assert (done.code, told in done.err) == (1, True)
    code, said = python(FETCH, tmp_path, url, SSL_CERT_FILE=mistyped)
    assert (code, told in said.splitlines()[-1]) == (1, True)


def test_parts_of_the_node(company, tmp_path):
    url, pem = company
    code, said = python(FETCH, tmp_path, url, SSL_CERT_FILE=pem)
    assert (code, said) == (0, f"{tmp_path / 'jam-1.0.jar'}\n")
    code, said = python(FETCH, tmp_path / "new", url)
    assert code == 1
    assert CURE in said.splitlines()[-1]
    assert "HTTPSConnectionPool" not in said.splitlines()[-1]


def test_models_of_the_hub(company, tmp_path):
    url, pem = company
    hub = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path)}
    _, said = python(LOCATE, SSL_CERT_FILE=pem, **hub)
    assert "certificate" not in said
    assert "could not be fetched" in said
    _, said = python(LOCATE, **hub)
    assert CURE in said
