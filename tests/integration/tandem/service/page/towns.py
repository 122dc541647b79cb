"""What the tests of the search page search, and how they ask."""

from playwright.sync_api import expect

MARKUP = "<img src=x onerror=alert(1)> & \x1b[31m ${q}"
CORPUS = [
    {"id": "paris", "text": "Paris is the capital of France.", "year": 1990, "kind": "city"},
    {"id": "seine", "text": "The Seine flows through Paris.", "year": 2005, "kind": "river"},
    {"id": "odd", "title": MARKUP, "text": "<b>Paris</b> in markup.", "kind": "odd"},
    {
        "id": "long",
        "text": " ".join(f"Leaf {n} lay in the wood." for n in range(200)),
        "kind": "odd",
    },
    *({"id": f"n{n}", "text": f"Paris, street number {n}.", "kind": "street"} for n in range(20)),
]
IDS = "hits => hits.map(hit => hit.dataset.id)"
WIDTHS = "parts => parts.map(part => part.getBoundingClientRect().width)"


def search(page, text):
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator(".hit").first).to_be_visible()


def ids(page):
    return page.locator(".hit").evaluate_all(IDS)
