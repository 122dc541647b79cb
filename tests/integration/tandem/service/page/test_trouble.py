"""The search page in a real browser: what it says when something is wrong."""

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.integration.tandem.service.page.towns import search
from tests.servers.served import Served

pytestmark = pytest.mark.long


def test_a_wrong_filter_is_told_in_the_services_sentence(page):
    search(page, "Paris")
    page.get_by_placeholder("year>=2000").fill("nosuch=1")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("has no field 'nosuch'")


def test_a_cluster_that_is_slow_goes_away_and_comes_back(page, node):
    search(page, "Paris")
    pid = node.node.status().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        page.get_by_role("searchbox").fill("Seine")
        page.get_by_role("searchbox").press("Enter")
        expect(page.locator("#status")).to_have_text("Searching…")
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(page.locator(".hit").first).to_have_attribute("data-id", "seine")
    node.kill()
    page.get_by_role("searchbox").fill("Paris again")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("127.0.0.1")
    node.start()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".hit").first).to_be_visible()


def test_a_service_with_a_key_asks_for_it(chromium, node, served):
    locked = Served(node.url, "--index", "towns", TANDEM_SERVE_KEY="open-sesame")
    page = chromium.new_page()
    try:
        page.goto(f"{locked.url}/?q=Paris")
        page.get_by_label("Key", exact=True).fill("open-sesame")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator(".hit").first).to_be_visible()
    finally:
        page.close()
        assert locked.close() == 0
