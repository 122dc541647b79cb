"""Wrong use of `tandem search` and `tandem index pipeline` that is seen before anything is sent."""

import pytest

from tandem.cli import main

NOWHERE = ("--url", "http://127.0.0.1:1")


@pytest.fixture
def tandem(capsys, monkeypatch, tmp_path):
    """Runs a command that must not reach its cluster; gives exit code and standard error."""
    monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "tandem.toml"))
    (tmp_path / "tandem.toml").write_text("")

    def run(*words):
        with pytest.raises(SystemExit) as caught:
            main([*words, *NOWHERE])
        return caught.value.code, " ".join(capsys.readouterr().err.split())

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--weights", "0.5,0.6"), "add up to 1.1"),
        (("--weights", "0.5"), "1 weights are given for 2 legs"),
        (("--weights=-0.5,1.5",), "-0.5 and 1.5 and each must be from 0 to 1"),
        (("--fusion", "rrf", "--combination", "harmonic_mean"), "rrf has no harmonic_mean"),
        (("--filter", '{"term": {"lang": }}'), "line 1, column 19"),
        (("--filter", "[]"), "must be one JSON object"),
        (("--filter", '{"term": {"a": 1}, "term": {"b": 2}}'), "the key 'term' twice"),
        (("--pipeline", ""), "'' cannot be the name of a search pipeline: it is empty"),
        (("--pipeline", "p1,p2"), "it has ',' in it"),
        (("--pipeline", "p*"), "it has '*' in it"),
        (("--pipeline", "_none"), "means something else"),
        (("--pipeline", "p", "--fusion-at", "client"), "'p' fuses on the server"),
        (("--pipeline", "p", "--weights", "0.5,0.5"), "--weights would do nothing"),
        (("--pipeline", "p", "--fusion", "l2"), "--fusion would do nothing"),
        (("--pipeline", "p", "--combination", "harmonic_mean"), "--combination would do nothing"),
        (("--pipeline", "p", "--rank-constant", "9"), "--rank-constant would do nothing"),
        (("--batch", "4"), "--batch is for --queries"),
        (("--mode", "bm25", "--depth", "9"), "--depth is for kNN"),
    ],
)
def test_options_that_cannot_be_meant(tandem, words, said):
    code, err = tandem("search", "a", "--index", "books", *words)
    assert said in err
    assert code == 2


def test_a_fusion_of_the_config_file_does_not_forbid_a_pipeline(tandem, tmp_path):
    (tmp_path / "tandem.toml").write_text('[search]\nfusion = "l2"\n')
    code, err = tandem("search", "a", "--index", "books", "--pipeline", "p")
    assert "nothing listens at" in err
    assert code == 1


@pytest.mark.parametrize("run", [(), ("--run", "x.run"), ("--run", "-")])
@pytest.mark.parametrize("told", ["--explain", "--facet=lang", "--total", "--fields=title"])
def test_a_trec_run_explains_and_counts_nothing(tandem, run, told):
    code, err = tandem("search", "--index", "books", "--queries", "q", told, *run)
    assert f"no place for {told.partition('=')[0]}" in err
    assert code == 2


@pytest.mark.parametrize("name", ["", "_none", "a,b", "a*", "..", "a b"])
def test_names_that_no_pipeline_can_have(tandem, name):
    code, err = tandem("index", "pipeline", name)
    assert f"{name!r} cannot be the name of a search pipeline" in err
    assert code == 2
