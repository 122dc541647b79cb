"""Search pipelines: what is written is what the server's processors take, and is read back."""

import json
from pathlib import Path

import pytest

import mappings
from mappings import Fusion, MappingError, pipeline_body, read_pipeline

FUSIONS = [
    Fusion(),
    Fusion(technique="l2", combination="geometric_mean", weights=(0.5, 0.5)),
    Fusion(technique="min_max", combination="harmonic_mean", weights=(0.1, 0.9)),
    Fusion(technique="z_score", weights=(0.4, 0.6)),
    Fusion(technique="rrf", rank_constant=10),
    Fusion(technique="rrf", weights=(0.2, 0.8)),
]


def test_the_default_is_min_max_with_the_documented_weights():
    (processor,) = pipeline_body(Fusion())["phase_results_processors"]
    assert processor == {
        "normalization-processor": {
            "normalization": {"technique": "min_max"},
            "combination": {
                "technique": "arithmetic_mean",
                "parameters": {"weights": list(mappings.pipelines.pipeline.WEIGHTS)},
            },
        }
    }


def test_rrf_has_its_constant_and_weights_only_where_they_are_given():
    (processor,) = pipeline_body(Fusion(technique="rrf", rank_constant=7))[
        "phase_results_processors"
    ]
    assert processor == {
        "score-ranker-processor": {"combination": {"technique": "rrf", "rank_constant": 7}}
    }
    (processor,) = pipeline_body(Fusion(technique="rrf", weights=(0.2, 0.8)))[
        "phase_results_processors"
    ]
    combination = processor["score-ranker-processor"]["combination"]
    assert combination["parameters"] == {"weights": [0.2, 0.8]}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_written_is_read_back(fusion):
    read = read_pipeline(pipeline_body(fusion), "p")
    assert read.effective_weights == fusion.effective_weights
    assert (read.technique, read.combination) == (fusion.technique, fusion.combination)
    assert read.rank_constant == fusion.rank_constant


def test_the_templates_are_not_changed_by_filling_them_in():
    pipeline_body(Fusion(technique="l2", combination="harmonic_mean"))
    path = Path(mappings.__file__).with_name("pipelines") / "normalization_pipeline.json"
    assert "min_max" in json.dumps(json.loads(path.read_text()))
    assert pipeline_body(Fusion()) == pipeline_body(Fusion())


def test_a_pipeline_without_weights_counts_each_leg_the_same():
    bare = {"phase_results_processors": [{"normalization-processor": {}}]}
    assert read_pipeline(bare, "p") == Fusion(weights=(0.5, 0.5))


def test_score_bounds_are_beyond_us():
    normalization = {"technique": "min_max", "parameters": {"lower_bounds": []}}
    body = {
        "phase_results_processors": [{"normalization-processor": {"normalization": normalization}}]
    }
    assert read_pipeline(body, "p") is None


@pytest.mark.parametrize("definition", [{}, {"request_processors": [{"filter_query": {}}]}])
def test_a_pipeline_that_does_not_fuse_is_refused(definition):
    with pytest.raises(MappingError, match=r"'mine'.*normalization-processor.*`put_pipeline"):
        read_pipeline(definition, "mine")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"technique": "max"}, "unknown fusion technique 'max'"),
        ({"combination": "median"}, "unknown combination 'median'"),
        ({"technique": "z_score", "combination": "harmonic_mean"}, "z_score has no harmonic_mean"),
        ({"technique": "rrf", "combination": "geometric_mean"}, "rrf has no geometric_mean"),
        ({"weights": (0.5, 0.6)}, r"0\.5 and 0\.6 add up to 1\.1"),
        ({"weights": (1.2, -0.2)}, "from 0 to 1"),
        ({"weights": (1.0,)}, "1 weights are given for 2 legs"),
        ({"rank_constant": 0}, "0 and must be from 1 to 10,000"),
        ({"rank_constant": 10_001}, "must be from 1 to 10,000"),
    ],
)
def test_what_the_server_would_refuse_is_refused_here(settings, said):
    with pytest.raises(MappingError, match=said):
        Fusion(**settings)
