"""The search page in a real browser: what people see, do, and run into."""

import os
import re
import signal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from cluster import connect
from mappings import SEARCH, Fusion, SearchSettings
from tests.servers.browsers import browser
from tests.servers.served import MODEL, Served
from tests.servers.servers import OpenSearchServer
from tests.support.commands import tandem
from tests.support.loads import write_jsonl

pytestmark = pytest.mark.long
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
SECONDS = 60_000.0


@pytest.fixture(scope="module")
def node():
    server = OpenSearchServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def served(node, tmp_path_factory):
    source = write_jsonl(tmp_path_factory.mktemp("page") / "corpus.jsonl", CORPUS)
    done = tandem("ingest", source, "--index", "towns", "--model", MODEL, TANDEM_URL=node.url)
    assert done.code == 0, done.err
    service = Served(node.url, "--index", "towns")
    yield service
    assert service.close() == 0


@pytest.fixture(scope="module")
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


def search(page, text):
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator(".hit").first).to_be_visible()


IDS = "hits => hits.map(hit => hit.dataset.id)"
WIDTHS = "parts => parts.map(part => part.getBoundingClientRect().width)"


def ids(page):
    return page.locator(".hit").evaluate_all(IDS)


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


def test_the_best_passage_of_a_document_and_its_others(page):
    search(page, "leaf in the wood")
    page.get_by_label("One hit a document").check()
    hit = page.locator('.hit[data-id^="long"]')
    expect(hit).to_have_count(1)
    more = hit.get_by_role("button", name="more of this document")
    more.click()
    expect(hit.locator(".others li").first).to_contain_text("lay in the wood")
    assert hit.locator(".others li").count() > 1
    more.click()
    expect(hit.locator(".others li")).to_have_count(0)


def test_modes_stand_side_by_side_with_what_moved_and_why(page):
    search(page, "Paris")
    page.get_by_text("Compare").click()
    for mode in ("Hybrid", "kNN", "BM25"):
        expect(page.get_by_role("region", name=mode)).to_be_visible()
    words = page.get_by_role("region", name="BM25")
    expect(words.locator(".moved").first).to_contain_text("kNN")
    expect(words.locator(".why:not(.moved)").first).to_contain_text("BM25 rank 1, score")
    hybrid = page.get_by_role("region", name="Hybrid").locator(".hit").first
    expect(hybrid.get_by_role("img", name="Sum:")).to_be_visible()
    expect(hybrid.locator(".why:not(.moved)")).to_contain_text("kNN rank")
    expect(page.get_by_role("img", name="from there").first).to_be_visible()


def test_a_second_page_side_by_side_knows_the_first(page):
    search(page, "Paris")
    page.get_by_text("Compare").click()
    expect(page.get_by_role("region", name="BM25")).to_be_visible()
    first = set(page.get_by_role("region", name="kNN").locator(".hit").evaluate_all(IDS))
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#status")).to_contain_text("Hits 11 to 20")
    words = page.get_by_role("region", name="BM25")
    expect(words.locator(".hit")).to_have_count(10)
    before = [each for each in words.locator(".hit").evaluate_all(IDS) if each in first]
    assert before, "nothing of the first page by meaning is on the second by words"
    for each in before:
        told = words.locator(f'[data-id="{each}"] .moved')
        expect(told).to_have_text(re.compile(r"kNN ([1-9]|10) ▼"))


def test_the_page_ranks_as_the_index_was_tuned(page, node, served):
    fusion = Fusion(technique="rrf", weights=(0.8, 0.2))
    with connect(node.url) as cluster:
        mapping = cluster.client.indices.get_mapping(index="towns")["towns"]["mappings"]
        mapping["_meta"][SEARCH] = SearchSettings(fusion).to_meta()
        settings = {"index.knn": True}
        cluster.client.indices.create(
            index="tuned", body={"mappings": mapping, "settings": settings}
        )
        moved = {"source": {"index": "towns"}, "dest": {"index": "tuned"}}
        cluster.client.reindex(body=moved, params={"refresh": "true"})
    page.goto(f"{served.url}/?index=tuned")
    search(page, "capital of France")
    asked = {"q": "capital of France", "index": "tuned"}
    expected = served.asked("GET", "/search", params=asked).json()["hits"]
    assert ids(page) == [hit["id"] for hit in expected]
    score = f"score {expected[0]['score']:.4f}"
    expect(page.locator(".hit .why").first).to_contain_text(score)
    expect(page.get_by_role("slider")).to_have_value("20")
    assert "weight" not in page.url
    bar = page.get_by_role("img", name="Sum:").first
    drawn = bar.locator("span").evaluate_all(WIDTHS)
    assert 0.5 < sum(drawn) / bar.bounding_box()["width"] <= 1.01
    page.get_by_role("slider").press("ArrowRight")
    expect(page.locator(".hit .why").first).not_to_contain_text(score)
    assert "weight=25" in page.url


def test_an_index_of_others_with_many_fields_and_names_of_its_own(page, node, served):
    """Its title has another name, its documents are numbered, and its keywords are sixty."""
    keywords = {f"k{n:02}": {"type": "keyword"} for n in range(60)}
    text = {"headline": {"type": "text"}, "body": {"type": "text"}}
    fields = {**keywords, **text, "document_id": {"type": "keyword"}}
    with connect(node.url) as cluster:
        cluster.client.indices.create(index="shop", body={"mappings": {"properties": fields}})
        for n in range(26):
            leaf = {"headline": "The old wood", "body": f"Leaf {n} lay in the wood.", "k00": "a"}
            row = {"number": 7, "document_id": 7, "k01": f"{n % 2}", **leaf}
            cluster.client.index(index="shop", body=row, id=f"p{n}")
        cluster.client.indices.refresh(index="shop")
    page.goto(f"{served.url}/?index=shop&mode=bm25&q=wood")
    expect(page.locator("#status")).to_contain_text("of the 60 fields")
    expect(page.locator("#facets summary")).to_have_text(["k01"])
    page.get_by_label("One hit a document").check()
    hit = page.locator(".hit")
    expect(hit).to_have_count(1)
    expect(hit.locator("h3")).to_contain_text("The old wood")
    expect(hit.locator("h3 mark")).to_have_text("wood")
    hit.get_by_role("button", name="25 more of this document").click()
    expect(hit.locator(".others li")).to_have_count(25)


def test_why_a_hit_is_there(page):
    search(page, "capital of France")
    first = page.locator(".hit").first
    expect(first.locator(".why")).to_contain_text("kNN rank 1, cosine")
    expect(first.get_by_role("img", name="Sum:")).to_be_visible()
    expect(first.locator("mark").first).to_have_text("capital")
    page.get_by_role("slider").press("End")
    expect(page.locator("#status")).to_contain_text("Hits")
    assert "weight=100" in page.url


def test_markup_of_documents_stays_text(page):
    search(page, "markup onerror")
    hit = page.locator('.hit[data-id="odd"]')
    expect(hit.locator("h3 mark")).to_have_text("onerror")
    expect(hit.locator("h3")).to_contain_text("<img src=x onerror=alert(1)> &")
    expect(hit.locator(".text")).to_contain_text("<b>Paris</b>")
    assert page.locator(".hit img, .hit b").count() == 0


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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_axe_finds_nothing_serious(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    search(page, "Paris")
    page.get_by_text("Compare").click()
    expect(page.get_by_role("region", name="BM25")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The library is given to the page by the browser, whose policy lets nothing else in.
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not serious, [(each["id"], each["nodes"][0]["html"]) for each in serious]


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
