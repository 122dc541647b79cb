"""`tandem ingest` on Elasticsearch 9.5.3, and on a secured OpenSearch 2.19.1 with few rights."""

import json
import os
import re

import pytest

from ingest.index.open import create_index
from mappings import Shape
from tests.support.commands.forking import run_tandem
from tests.support.loads import ROOT, documents, settings_of, stored, write_jsonl
from tests.support.stubs import StubEncoder

MODEL = ("--model", "sentence-transformers/all-MiniLM-L6-v2")
PASSWORD = "Sekret-4711-xyz"
# What a user needs on an index that somebody else made.
ENOUGH = ("crud", "indices:admin/get", "indices:admin/refresh*")


def tandem(*words, **variables):
    done = run_tandem(
        words,
        cwd=ROOT,
        env=os.environ | variables,
        timeout=600,
    )
    assert "Traceback" not in done.stderr
    # A run on a busy machine tells every ten seconds how far it is.
    said = re.sub(r"(?m)^\d\d:\d\d:\d\d .*\n", "", done.stderr)
    return done.returncode, done.stdout, said


def test_elasticsearch_from_files_to_hits(
    elasticsearch_server, elasticsearch, index_name, tmp_path
):
    source = documents(30)
    path = write_jsonl(tmp_path / "a.jsonl", source)
    words = ("ingest", path, "--index", index_name, "--url", elasticsearch_server.url, *MODEL)
    code, out, _ = tandem(*words, "--force-merge", "--json")
    found = json.loads(out)
    assert (code, found["written"], found["passages"]["held"]) == (0, 30, 30)
    mapping = elasticsearch.client.indices.get_mapping(index=index_name)[index_name]["mappings"]
    vector = mapping["properties"]["vector"]
    assert (vector["type"], vector["dims"], vector["similarity"]) == ("dense_vector", 384, "cosine")
    assert "refresh_interval" not in settings_of(elasticsearch, index_name)

    source[3]["text"] = "A lighthouse keeper counts ships in the fog."
    write_jsonl(path, source[:-1])
    code, out, _ = tandem(*words, "--prune", "--yes", "--json")
    found = json.loads(out)
    assert (found["written"], found["skipped"]) == (1, 28)
    assert (found["passages"]["encoded"], found["passages"]["pruned"]) == (1, 1)

    words = ("search", "who watches vessels at sea", "--index", index_name, "--mode", "knn")
    code, out, _ = tandem(*words, "--url", elasticsearch_server.url, "--json")
    assert json.loads(out)["hits"][0]["id"] == "d3"


@pytest.fixture
def user(secured):
    """Makes a user with these rights on indexes that begin so, and nothing else; gives its name."""
    api, made = secured.client.transport.perform_request, []
    security = "/_plugins/_security/api"

    def make(pattern, *rights):
        name = f"user-{pattern}"
        made.append(name)
        role = {
            "index_permissions": [{"index_patterns": [f"{pattern}*"], "allowed_actions": rights}]
        }
        api("PUT", f"{security}/roles/{name}", body=role)
        api("PUT", f"{security}/internalusers/{name}", body={"password": PASSWORD})
        api("PUT", f"{security}/rolesmapping/{name}", body={"users": [name]})
        return name

    yield make
    for name in made:
        for kind in ("rolesmapping", "internalusers", "roles"):
            api("DELETE", f"{security}/{kind}/{name}")


@pytest.fixture
def as_user(secured_server, tmp_path):
    """Runs `tandem ingest` on the secured cluster as somebody."""
    source = write_jsonl(tmp_path / "a.jsonl", documents(20))
    known = ("--url", secured_server.url, "--ca-certs", secured_server.ca_certs)

    def run(name, index, *words, password=PASSWORD):
        return tandem(
            "ingest", source, "--index", index, "--user", name, *known, *MODEL, *words,
            TANDEM_PASSWORD=password,
        )  # fmt: skip

    return run


@pytest.fixture
def made_by_admin(secured, minilm):
    """Makes an index for the real encoder, as `tandem index create` does."""
    from encoder import Encoder

    return lambda name: create_index(secured, name, Encoder.load(minilm), shape=Shape(replicas=0))


def test_a_user_who_may_only_write_into_one_index(
    secured, user, as_user, made_by_admin, index_name
):
    made_by_admin(index_name)
    somebody = user(index_name, *ENOUGH)
    code, out, err = as_user(somebody, index_name)
    assert (code, err) == (0, "")
    assert "20 written" in out
    assert len(stored(secured, index_name)) == 20
    code, out, _ = as_user(somebody, index_name)
    assert "20 unchanged" in out
    code, _, err = as_user(somebody, f"other-{index_name}")
    assert code == 1
    assert f"user {somebody!r} lacks the index permission indices:admin/get" in err
    assert not secured.client.indices.exists(index=f"other-{index_name}")


@pytest.mark.parametrize(
    ("rights", "lacking"),
    [
        (("crud",), "indices:admin/get"),
        (("crud", "indices:admin/get"), "indices:admin/refresh"),
        (("crud", "indices:admin/get", "indices:admin/refresh"), "indices:admin/refresh[s]"),
        (("read", *ENOUGH[1:]), "indices:data/write/index"),
        (("read", "indices:admin/mapping/put", *ENOUGH[1:]), "indices:data/write/bulk"),
    ],
)
def test_a_missing_permission_is_named_and_nothing_is_written(
    secured, user, as_user, made_by_admin, index_name, rights, lacking
):
    made_by_admin(index_name)
    somebody = user(index_name, *rights)
    code, _, err = as_user(somebody, index_name)
    assert code == 1
    (said,) = err.splitlines()
    assert lacking in said
    assert len(stored(secured, index_name)) == 0


def test_a_user_with_all_rights_on_one_pattern_makes_its_index(secured, user, as_user, index_name):
    somebody = user(index_name, "indices_all")
    code, out, _ = as_user(somebody, index_name, "--replicas", "0")
    assert code == 0
    assert "20 written" in out
    assert "refresh_interval" not in settings_of(secured, index_name)


def test_a_right_that_the_end_needs_is_asked_for_at_the_beginning(
    secured, user, as_user, index_name
):
    somebody = user(index_name, *ENOUGH, "create_index")
    code, out, err = as_user(somebody, index_name)
    assert (code, out) == (1, "")
    assert "lacks the index permission indices:admin/settings/update" in err


def test_a_wrong_password_is_one_sentence(secured_server, as_user, index_name):
    code, _, err = as_user("admin", index_name, password="wrong")
    assert code == 1
    (said,) = err.splitlines()
    assert "does not accept the password of user 'admin'" in said


def test_the_stub_obeys_the_contract_of_the_real_encoder(minilm):
    """What the fault tests load with has every part that ingestion uses of the real one."""
    from encoder import Encoder

    real, stub = Encoder.load(minilm), StubEncoder()
    for name in ("name", "fingerprint", "dim", "settings", "max_length", "passage_room"):
        assert type(getattr(real, name)) is type(getattr(stub, name)), name
    for each in (real, stub):
        texts = ["one two", "three"]
        vectors = list(each.stream_passages(iter(texts)))
        assert [v.shape for v in vectors] == [(each.dim,)] * 2
        assert {str(v.dtype) for v in vectors} == {"float32"}
        assert all(type(n) is int for n in each.count_tokens(texts))
        assert each.token_spans("one two") == [(0, 3), (4, 7)]
        assert each.max_length > each.passage_room
