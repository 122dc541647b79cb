"""The search page in a real browser: asking, narrowing and paging, by mouse and by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.integration.tandem.service.page.towns import ids, search

pytestmark = pytest.mark.long


def test_what_is_asked_stands_in_the_address_and_back_goes_back(page):
    search(page, "capital of France")
    assert ids(page)[0] == "paris"
    assert "q=capital+of+France" in page.url
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#page")).to_have_text("Page 2")
    expect(page.locator("#status")).to_contain_text("Hits 11 to")
    assert "paris" not in ids(page)
    page.go_back()
    expect(page.locator(".hit").first).to_have_attribute("data-id", "paris")
    page.reload()
    expect(page.locator(".hit").first).to_have_attribute("data-id", "paris")
    box = page.get_by_role("searchbox")
    expect(box).to_have_value("capital of France")
    box.press("End")
    # Type and see; all that is typed in one go is one step back.
    box.press_sequentially(" and its river", delay=30)
    page.wait_for_url("**q=capital+of+France+and+its+river")
    expect(page.locator(".hit").first).to_be_visible()
    expect(box).to_have_value("capital of France and its river")
    page.go_back()
    expect(box).to_have_value("capital of France")


def test_filters_are_chips_that_go_again(page):
    search(page, "Paris")
    page.get_by_placeholder("year>=2000").fill("year>=2000")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator(".hit")).to_have_count(1)
    assert ids(page) == ["seine"]
    page.get_by_role("button", name="Remove filter year>=2000").click()
    expect(page.locator(".hit")).to_have_count(10)
    search(page, "The Seine flows")
    page.locator('.hit[data-id="seine"]').get_by_role("button", name="Only kind river").click()
    expect(page.locator(".hit")).to_have_count(1)
    assert "where=kind%3Driver" in page.url


def test_values_of_fields_are_counted_narrow_and_widen_again(page):
    search(page, "Paris")
    facets = page.get_by_role("complementary", name="Values to narrow by")
    street = facets.get_by_role("button", name="street 20")
    expect(street).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#status")).to_contain_text("Hits 1 to 10 of ")
    street.click()
    expect(page.locator("#status")).to_contain_text("of 20,")
    assert "where=kind%3Dstreet" in page.url
    expect(page.get_by_role("button", name="Remove filter kind=street")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#page")).to_have_text("Page 2")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("button", name="Remove filter")).to_have_count(0)
    expect(street).to_have_attribute("aria-pressed", "false")


def reached(page, wanted, key="Tab"):
    """Go on by a key until something has the focus."""
    for _ in range(60):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {wanted}")


def test_by_keyboard_alone(page):
    hits, status = page.locator(".hit"), page.locator("#status")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).not_to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("Paris")
    page.keyboard.press("Enter")
    expect(hits.first).to_be_visible()
    reached(page, page.get_by_role("radio", name="Hybrid"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="Compare")).to_be_checked()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("region", name="kNN")).to_have_count(0)
    reached(page, page.get_by_role("slider"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**weight=75*")
    reached(page, page.get_by_label("One hit a document"))
    page.keyboard.press("Space")
    page.wait_for_url("**collapse=*")
    reached(page, page.get_by_placeholder("year>=2000"))
    page.keyboard.type("kind=*")
    page.keyboard.press("Enter")
    reached(page, page.get_by_role("button", name="Remove filter kind=*"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove filter")).to_have_count(0)
    expect(status).to_contain_text("of 24,")
    street = page.locator("#facets").get_by_role("button", name="street 20")
    reached(page, street)
    page.keyboard.press("Enter")
    expect(status).to_contain_text("of 20,")
    reached(page, page.get_by_role("button", name="Next"))
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_have_text("Page 2")
    reached(page, page.get_by_role("button", name="Previous"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_have_text("Page 1")
    page.keyboard.press("j")
    expect(hits.first).to_be_focused()
    page.keyboard.press("j")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(hits.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".hit.open")).to_have_count(1)
