"""A node, a service before it, and a browser, which all tests of the search page share."""

from contextlib import closing

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.integration.tandem.service.page.towns import CORPUS
from tests.servers.browsers import browser
from tests.servers.served import MODEL, Served
from tests.servers.servers import OpenSearchServer
from tests.support.commands import tandem
from tests.support.loads import write_jsonl

SECONDS = 60_000.0


@pytest.fixture(scope="package")
def node():
    with closing(OpenSearchServer()) as server:
        server.start()
        yield server


@pytest.fixture(scope="package")
def served(node, tmp_path_factory):
    source = write_jsonl(tmp_path_factory.mktemp("page") / "corpus.jsonl", CORPUS)
    done = tandem("ingest", source, "--index", "towns", "--model", MODEL, TANDEM_URL=node.url)
    assert done.code == 0, done.err
    service = Served(node.url, "--index", "towns")
    yield service
    assert service.close() == 0


@pytest.fixture(scope="package")
def chromium():
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])


@pytest.fixture
def page(chromium, served):
    opened = chromium.new_page()
    opened.set_default_timeout(SECONDS)
    expect.set_options(timeout=SECONDS)
    faults = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    opened.on("request", lambda asked: asked.url.startswith(served.url) or faults.append(asked.url))
    opened.goto(served.url)
    yield opened
    assert faults == []
    opened.close()
