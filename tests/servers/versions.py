"""The versions that only the matrix needs, and ML Commons, each started by itself."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cluster import Home
from cluster.node import artifacts, process
from cluster.node.artifacts import OPENSEARCH as EMBEDDED
from cluster.node.artifacts import PLUGINS, Artifact
from cluster.node.distribution import LOCK_SECONDS, building, install_plugins, unpack
from cluster.node.files import environment, program
from cluster.node.home import node_user
from cluster.node.java import Java, find_java
from tests.servers import distributions
from tests.servers.distributions import PAINLESS, add_painless
from tests.servers.servers import ElasticsearchServer, JavaServer, SecuredServer, Settings

_CORE = "org.opensearch.distribution.integ-test-zip"
_PLUGIN = "org.opensearch.plugin"

ELASTICSEARCH_8 = Artifact(
    "org.elasticsearch.distribution.integ-test-zip",
    "elasticsearch",
    "8.19.21",
    "zip",
    106_871_955,
    "215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a",
)


@dataclass(frozen=True)
class Parts:
    """What an OpenSearch is put together from; painless where its core zip lacks it."""

    core: Artifact
    plugins: tuple[Artifact, ...]
    painless: tuple[Artifact, ...] = ()


def _core(version: str, size: int, sha256: str) -> Artifact:
    return Artifact(_CORE, "opensearch", version, "zip", size, sha256)


def _zip(name: str, version: str, size: int, sha256: str) -> Artifact:
    return Artifact(_PLUGIN, name, version, "zip", size, sha256)


def _jar(name: str, version: str, size: int, sha256: str) -> Artifact:
    return Artifact(_PLUGIN, name, version, "jar", size, sha256)


_SHARED_JARS = PAINLESS[2:]  # antlr and asm, the same for all
_SPI = "opensearch-scripting-painless-spi"
OPENSEARCH = {
    each.core.version: each
    for each in (
        Parts(
            _core(
                "2.19.6",
                56_380_515,
                "71d6d8b1c637f3faecda0752b184b1cc526fc6eaad59ec1408c6327bb00b9293",
            ),
            (
                _zip(
                    "opensearch-job-scheduler",
                    "2.19.6.0",
                    3_319_257,
                    "c0172f2fb94c0819bbeb9bf21db694e26e285de4dddc9461759d0e0246c998e8",
                ),
                _zip(
                    "opensearch-knn",
                    "2.19.6.0",
                    6_257_288,
                    "c21b9565624d29fd4024e3a3902712349006cb7894a73c45d976756a761e628f",
                ),
                _zip(
                    "neural-search",
                    "2.19.6.0",
                    7_964_692,
                    "b38b136b280a219d7f4495dd5d7e11e92a528b874fe940fc8502b8a5c599c820",
                ),
            ),
            (
                _jar(
                    "lang-painless",
                    "2.19.6",
                    719_760,
                    "e71e6c7ef99a6f5958cd0b25367acf472cc52cd49d29e13084c5ff0b5931f717",
                ),
                _jar(
                    _SPI,
                    "2.19.6",
                    30_409,
                    "84e545b968151739f1915cfd2db24bf873edfd317d2848b87b61d0d60ec70869",
                ),
                *_SHARED_JARS,
            ),
        ),
        Parts(
            _core(
                "3.3.0",
                78_638_524,
                "c3a6bf825ea05b8d9fe3758dad70ed198cf9c365700895165d310a0a9e7f48a5",
            ),
            (
                _zip(
                    "opensearch-knn",
                    "3.3.0.0",
                    5_682_487,
                    "f331324e6cb3a99f780579eec751b1e3ac38ffdd1c7d8ec82247e7584f06b3d3",
                ),
            ),
            (
                _jar(
                    "lang-painless",
                    "3.3.0",
                    718_819,
                    "1f1731d2d93dd4c578b7f55b66a4e69bdaeabc5158c0cdf3e934be9366a21a44",
                ),
                _jar(
                    _SPI,
                    "3.3.0",
                    30_327,
                    "8126078ec894e77560a7a6c76e097ffee818af0c439a05c9f873aa0b35b4e537",
                ),
                *_SHARED_JARS,
            ),
        ),
        Parts(
            _core(
                "3.5.0",
                193_764_775,
                "b676ad392c95a94d8d2bd8785b8b922c7811536daf6a9ec0c7277a34bd8a17a9",
            ),
            (
                _zip(
                    "opensearch-knn",
                    "3.5.0.0",
                    5_906_536,
                    "99fdf3ac9ef95974e276298b83a58532bf21ba13bd5fd96a4b59465b7e613309",
                ),
            ),
        ),
    )
}


class OpenSearchVersion(JavaServer):
    """An OpenSearch of another version, without security."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.parts = OPENSEARCH[version]

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http://127.0.0.1:{self.port}"

    def java(self) -> Java:
        """OpenSearch 2 needs an older one."""
        if self.parts.core.version.startswith("2."):
            return distributions.secured_java(self.home)
        return find_java(self.home, node_user())

    def distribution(self) -> Path:
        return _put_together(self.parts, self.home, self.java())

    def own_settings(self) -> Settings:
        return {}

    def program(self, folder: Path) -> Path:
        return program(folder)

    def variables(self, java: Java) -> dict[str, str]:
        return environment(self.layout, java, self.heap)


class ElasticsearchVersion(ElasticsearchServer):
    """Elasticsearch 8."""

    def distribution(self) -> Path:
        return distributions.elasticsearch(self.home, self.java(), ELASTICSEARCH_8)


def _put_together(parts: Parts, home: Home, java: Java) -> Path:
    target = home.distributions / f"opensearch-{parts.core.version}"
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if not target.is_dir():
            core, *others = (
                artifacts.fetch(each, home.downloads)
                for each in (parts.core, *parts.plugins, *parts.painless)
            )
            with building(target) as folder:
                unpack(core, folder)
                if jars := others[len(parts.plugins) :]:
                    add_painless(folder, jars, parts.core.version)
                install_plugins(folder, others[: len(parts.plugins)], java)
    return target


# By the version of OpenSearch. Of either, 300 MB are for GPUs, which remote models do not need.
ML_COMMONS = {
    "3.6.0": _zip(
        "opensearch-ml-plugin",
        "3.6.0.0",
        390_566_619,
        "c051d436fe1936da1477bb999db829eb2bc92b12989e376c300d0a874fb90f9d",
    ),
    "2.19.1": _zip(
        "opensearch-ml-plugin",
        "2.19.1.0",
        362_924_991,
        "2324234d81109dcb2c488da5a6b2034cc0f78d9d08e40ce49ba59fc423a5df5f",
    ),
}
_OF_GPUS = "onnxruntime_gpu"
# The processors of ingest pipelines, a module that the core zip of 2.19.1 lacks.
INGEST_COMMON = (
    _jar(
        "ingest-common",
        "2.19.1",
        154_112,
        "8baa5b133f3693265555fb6467deb105877d329e42d2c6a2d496239b8e406461",
    ),
    Artifact(
        "org.opensearch",
        "opensearch-grok",
        "2.19.1",
        "jar",
        49_558,
        "33f7fb192c89ebdea39184f73a3edcab00419cac5e6c53c6f48d9028ac0e8647",
    ),
    Artifact(
        "org.opensearch",
        "opensearch-dissect",
        "2.19.1",
        "jar",
        23_627,
        "25cf8949ac696c389119fe6dd2039241f522abdd46955108f86952f99fced68d",
    ),
    Artifact(
        "org.jruby.joni",
        "joni",
        "2.2.1",
        "jar",
        230_217,
        "b3e4b657a3ed1d8f684114f6baa462d553a5932a865c1574695498dda8577748",
    ),
    Artifact(
        "org.jruby.jcodings",
        "jcodings",
        "1.0.58",
        "jar",
        1_739_960,
        "e2f85def67d6848a7a41c648248645689e3990d17ab8f253ab2fd7e69407df67",
    ),
)
INGEST_COMMON_DESCRIPTOR = """\
description=Processors of ingest pipelines
name=ingest-common
version=2.19.1
opensearch.version=2.19.1
java.version=11
classname=org.opensearch.ingest.common.IngestCommonPlugin
custom.foldername=
extended.plugins=lang-painless
has.native.controller=false
"""
# What an administrator must allow, so that the cluster calls a service of this machine.
TRUSTED = "plugins.ml_commons.trusted_connector_endpoints_regex"
PRIVATE = "plugins.ml_commons.connector.private_ip_enabled"


class NeuralServer(OpenSearchVersion):
    """The embedded node's OpenSearch with ML Commons."""

    def __init__(self) -> None:
        JavaServer.__init__(self)
        self.parts = Parts(EMBEDDED, PLUGINS)

    def distribution(self) -> Path:
        return _with_ml_commons(super().distribution(), self.home, self.java(), "3.6.0")


class SecuredNeuralServer(SecuredServer):
    """The secured OpenSearch 2.19.1 with ML Commons."""

    def distribution(self) -> Path:
        plain, java = super().distribution(), self.java()
        return _with_ml_commons(plain, self.home, java, "2.19.1", INGEST_COMMON)


def _with_ml_commons(
    plain: Path, home: Home, java: Java, version: str, processors: tuple[Artifact, ...] = ()
) -> Path:
    """A copy of a distribution with the plugin, made once."""
    target = home.distributions / f"{plain.name}-ml"
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if not target.is_dir():
            archive = artifacts.fetch(ML_COMMONS[version], home.downloads)
            jars = [artifacts.fetch(each, home.downloads) for each in processors]
            with building(target) as folder, tempfile.TemporaryDirectory() as lean:
                shutil.copytree(plain, folder, dirs_exist_ok=True)
                if jars:
                    _add_processors(folder / "modules" / "ingest-common", jars)
                install_plugins(folder, [_without_gpus(archive, Path(lean))], java)
    return target


def _add_processors(module: Path, jars: list[Path]) -> None:
    module.mkdir()
    for jar in jars:
        shutil.copy(jar, module)
    (module / "plugin-descriptor.properties").write_text(INGEST_COMMON_DESCRIPTOR)


def _without_gpus(archive: Path, folder: Path) -> Path:
    target = folder / archive.name
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as lean:
        for member in source.infolist():
            if _OF_GPUS not in member.filename:
                lean.writestr(member, source.read(member))
    return target
