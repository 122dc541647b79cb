"""A Hadoop file system on loopback: a NameNode and a DataNode, in one process of Hadoop's own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hdfs_native import Client

from cluster.node import artifacts
from cluster.node.artifacts import Artifact
from tandem.base.process.children import environment
from tests.servers.distributions import secured_java
from tests.servers.servers import QUICK, shared_home

START_SECONDS, STOP_SECONDS = 240, 30
_HADOOP = "org.apache.hadoop"
JARS = (
    Artifact(
        _HADOOP,
        "hadoop-client-minicluster",
        "3.5.0",
        "jar",
        56_006_450,
        "06772d24529e59939915979b3edba204d367750ef7dc5120411f35221dd4818c",
    ),
    Artifact(
        _HADOOP,
        "hadoop-client-api",
        "3.5.0",
        "jar",
        19_811_352,
        "cc59446ec9ebaceae56fdb8d8c21477766dc5d426325642151c796bec5c4e6b7",
    ),
    Artifact(
        _HADOOP,
        "hadoop-client-runtime",
        "3.5.0",
        "jar",
        30_082_430,
        "b7db3e60c5df1cd37c2995b3e0142e57487260706834e5325bbe0a5e683eedf1",
    ),
    Artifact(
        "org.slf4j",
        "slf4j-api",
        "1.7.36",
        "jar",
        41_125,
        "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0",
    ),
    Artifact(
        "commons-logging",
        "commons-logging",
        "1.3.5",
        "jar",
        73_737,
        "6d7a744e4027649fbb50895df9497d109f98c766a637062fe8d2eabbb3140ba4",
    ),
    Artifact(
        "org.junit.jupiter",
        "junit-jupiter-api",
        "5.13.3",
        "jar",
        240_345,
        "1a15a52253a972c82c0dbf77759a983f5afed0583585cdc5b2a3beaa1f4ae0ac",
    ),
)


@contextmanager
def hadoop(folder: Path, files: dict[str, bytes]) -> Iterator[tuple[str, Path]]:
    """Serves the files by path; gives its address, and a folder with the configuration for it.

    folder: where it keeps its blocks.
    """
    details, log = folder / "details.json", folder / "log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            _command(folder), cwd=folder, stdout=out, stderr=out, env=environment()
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (details.exists() and details.read_text()):
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"Hadoop did not start; its log ends:\n{log.read_text()[-2000:]}"
                )
            time.sleep(0.2)
        url = f"hdfs://127.0.0.1:{json.loads(details.read_text())['namenode_port']}"
        client = Client(url)
        for path, data in files.items():
            client.mkdirs(str(Path(path).parent), create_parent=True)
            with client.create(path) as file:
                file.write(data)
        yield url, folder / "conf"
    finally:
        running.kill()  # nothing of it is worth a graceful end
        running.wait(STOP_SECONDS)


def _command(folder: Path) -> list[str]:
    home = shared_home()
    jars = [str(artifacts.fetch(each, home.downloads)) for each in JARS]
    (folder / "conf").mkdir()
    return [
        str(secured_java(home).home / "bin" / "java"),
        *(
            "-Xmx256m",
            *QUICK.split(),
            "--add-opens",
            "java.base/java.lang=ALL-UNNAMED",
            "-cp",
            ":".join(jars),
        ),
        *("org.apache.hadoop.test.MiniDFSClusterManager", "-format", "-datanodes", "1"),
        *("-nnport", "0", "-writeConfig", "conf/core-site.xml", "-writeDetails", "details.json"),
    ]
