"""Documents that are named go with all their passages, and nothing else does."""

import json
import os
import pty
import subprocess
import sys

import pytest

from ingest import IndexRefusedError, IngestError, Plan, Splitting, remove
from query import FilterError, make_filter
from tests.support.commands import tandem
from tests.support.loads import ROOT, documents, ingested, stored
from tests.support.stubs import StubEncoder

LONG = {
    "id": "long",
    "text": " ".join(f"Sentence number {n} of many." for n in range(60)),
    "year": 1850,
}
STRANGER = {"text": "Not ours.", "document_id": "d3", "year": 1850}


@pytest.fixture
def loaded(either, index_name):
    """Six short documents, a long one, and one that others wrote."""
    plan = Plan(splitting=Splitting(overlap=0))
    rows = [*documents(6), LONG]
    ingested(rows, cluster=either, index=index_name, encoder=StubEncoder(), plan=plan)
    either.client.index(index=index_name, id="theirs", body=STRANGER, params={"refresh": "true"})
    return either


def test_by_id_and_by_filter_with_all_passages(loaded, index_name):
    before = stored(loaded, index_name).keys()
    long = {each for each in before if each.startswith("long")}
    assert len(long) > 3
    seen = []
    kept = remove(loaded, index_name, ids=["d1"], confirm=lambda found: bool(seen.append(found)))
    assert (seen[0].documents, seen[0].passages, seen[0].sample) == (1, 1, ("d1",))
    assert not kept.done
    assert stored(loaded, index_name).keys() == before

    found = remove(loaded, index_name, ids=["d1", "none", "d1", "theirs"])
    assert (found.documents, found.passages, found.done) == (1, 1, True)
    assert set(found.missing) == {"none", "theirs"}
    # A filter that only some of a document's passages meet names the whole document.
    found = remove(loaded, index_name, filter={"term": {"position": 2}})
    assert (found.documents, found.passages, found.sample) == (1, len(long), ("long",))
    assert stored(loaded, index_name).keys() == before - long - {"d1"}

    wanted = make_filter(loaded, index_name, ["year>=1902", "year<1905"])
    assert remove(loaded, index_name, filter=wanted).documents == 3
    assert stored(loaded, index_name).keys() == {"d0", "d5", "theirs"}
    assert remove(loaded, index_name, filter={"match_all": {}}).documents == 2
    assert stored(loaded, index_name) == {"theirs": STRANGER}
    assert remove(loaded, index_name, filter={"match_all": {}}).passages == 0


def test_what_somebody_changes_while_it_is_asked_about_stays(loaded, index_name):
    def confirm(found):
        loaded.client.index(index=index_name, id="d1", body=STRANGER, params={"refresh": "true"})
        return True

    found = remove(loaded, index_name, ids=["d0", "d1"], confirm=confirm)
    assert (found.passages, found.changed) == (1, 1)
    assert stored(loaded, index_name)["d1"] == STRANGER


def test_through_an_alias_of_one_index_and_never_of_several(loaded, index_name):
    alias = f"{index_name}-alias"
    loaded.client.indices.put_alias(index=index_name, name=alias)
    assert remove(loaded, alias, ids=["d0"]).index == index_name
    other = f"{index_name}-other"
    loaded.client.indices.create(index=other)
    with pytest.raises(IndexRefusedError, match="was not made by Tandem"):
        remove(loaded, other, ids=["d0"])
    loaded.client.indices.put_alias(index=other, name=alias)
    with pytest.raises(IndexRefusedError, match=r"is an alias of .*nothing was removed"):
        remove(loaded, alias, ids=["d1"])
    assert "d1" in stored(loaded, index_name)


def test_which_documents_must_be_said(loaded, index_name):
    for given in ({}, {"ids": ["d1"], "filter": {"match_all": {}}}, {"filter": {}}):
        with pytest.raises(IngestError, match="one of `ids` and `filter` is needed"):
            remove(loaded, index_name, **given)
    with pytest.raises(IngestError, match="`ids` is 'd1': give a list of texts"):
        remove(loaded, index_name, ids="d1")
    with pytest.raises(FilterError, match="has no field 'yaer': did you mean year"):
        make_filter(loaded, index_name, ["yaer>1900"])
    assert len(stored(loaded, index_name)) > 8


def test_the_command_asks_first_and_counts(loaded, index_name):
    words = ("remove", "--url", loaded.url, "--index", index_name)
    before = stored(loaded, index_name)
    code, _, err = tandem(*words, "--id", "d1")
    assert (code, "nobody is here to answer: add --yes" in err) == (2, True)
    code, _, err = tandem(*words, "--yes")
    assert (code, "Say which documents: either --id, or --where" in err) == (2, True)
    code, out, _ = tandem(*words, "--where", "year=1850", "--dry-run")
    passages = sum(name.startswith("long") for name in before)
    said = f"1 document (long) with {passages} passages"
    assert (code, out) == (0, f"Would remove {said}, {index_name}.\n")
    code, shown = answered("n", *words, "--where", "year=1850")
    assert code == 130
    assert f"Remove {said} from {index_name}?" in shown
    assert stored(loaded, index_name) == before

    code, _ = answered("y", *words, "--where", "year=1850")
    assert code == 0
    code, out, err = tandem(*words, "--id", "d1", "--id", "none", "--yes", "--json")
    assert (code, "Warning: " in err, "'none'" in err) == (0, True, True)
    assert json.loads(out) == {
        "index": index_name,
        "documents": 1,
        "passages": 1,
        "missing": ["none"],
        "removed": True,
        "changed": 0,
    }
    assert stored(loaded, index_name).keys() == {"d0", "d2", "d3", "d4", "d5", "theirs"}
    code, out, _ = tandem(*words, "--where", "year=1850", "--yes")
    assert (code, out) == (0, f"No document of {index_name} is such; nothing was removed.\n")


def answered(answer, *words):
    """Run it on a terminal whose user answers the question; exit code and what was shown."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "tandem", *words],
            cwd=ROOT,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=900,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    return done.returncode, " ".join(done.stderr.split())
