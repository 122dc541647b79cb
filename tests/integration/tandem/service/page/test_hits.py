"""The search page in a real browser: what it shows of hits, and why they are there."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from cluster import connect
from mappings import SEARCH, Fusion, SearchSettings
from tests.integration.tandem.service.page.towns import IDS, WIDTHS, ids, search

pytestmark = pytest.mark.long


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
