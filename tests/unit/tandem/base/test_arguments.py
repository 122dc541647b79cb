"""Every public name tells a misspelled option and a wrong type, in a sentence, before any work."""

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

import tandem
from tandem import TandemError
from tandem.base.annotations import meant
from tests.support.stubs import StubEncoder

# What Tandem makes, or only describes, and programs read: nobody gives it anything.
READ = {
    "Adoption",
    "Answer",
    "Capabilities",
    "Cluster",
    "Comparison",
    "DryRun",
    "Encoder",
    "CrossEncoder",
    "Enrichment",
    "Evaluation",
    "Facet",
    "FacetValue",
    "Hit",
    "InstalledPipeline",
    "Judge",
    "Judgements",
    "Mined",
    "PassageEncoder",
    "PassageScorer",
    "Query",
    "QueryEncoder",
    "Removal",
    "Report",
    "Result",
    "Run",
    "Total",
    "Trained",
    "Tuned",
}
METHODS = (
    "Encoder.load",
    "CrossEncoder.load",
    "Searcher.search",
    "Searcher.search_many",
    "AsyncSearcher.search",
    "AsyncSearcher.search_many",
)


# What is called otherwise, by what looks at it itself.
OWN = {"url": "the URL", "client": "the client", "queries": "`?queries`?", "text": ".*"}


def is_error(name):
    value = getattr(tandem, name)
    return isinstance(value, type) and issubclass(value, Exception)


CALLED = [each for each in tandem.__all__ if each not in READ and not is_error(each)]


class Misfit:
    """Nothing that any parameter takes."""


def called(name):
    value = tandem
    for part in name.split("."):
        value = getattr(value, part)
    return value


def parameters(name):
    """Its parameters by name, each with what its annotation says; those of `**options` too."""
    value = called(name)
    run = inspect.unwrap(value.__init__ if isinstance(value, type) else value)
    found = {}
    for each in inspect.signature(run).parameters.values():
        kind = meant(each.annotation, run.__globals__)
        if each.kind is each.VAR_KEYWORD:
            found |= get_type_hints(kind)
        elif each.annotation is not each.empty:
            found[each.name] = kind
    return found


def finish(done):
    if inspect.iscoroutine(done):
        done.send(None)


def told(name, options):
    """What is said of a call with these options alone."""
    value = called(name)
    method = "." in name and not name.endswith(".load")
    with pytest.raises(TandemError) as caught:
        finish(value(*([None] if method else []), **options))
    assert str(caught.value).endswith((".", "?"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", [*CALLED, *METHODS])
def test_a_misspelled_option_is_named_with_near_ones(name):
    for parameter in parameters(name):
        said = told(name, {f"{parameter}x": None})
        assert f"has no option '{parameter}x': " in said
        assert parameter in said.partition(": ")[2]


@pytest.mark.parametrize("name", [*CALLED, *METHODS])
def test_a_value_of_another_type_is_named_with_its_parameter(name):
    for parameter in parameters(name):
        if parameter == "source" and name != "read_queries":
            continue  # of documents: of many kinds, which what reads them tells
        said = told(name, {parameter: Misfit()})
        what = OWN.get(parameter, f"`{parameter}`")
        assert re.fullmatch(rf"{what} is of type [\w.]*Misfit: give .*\.", said)


def test_what_could_open_a_door_is_not_shown():
    for options in ({"api_key": ("id", "s3cret")}, {"user": "me", "password": {"s3cret"}}):
        said = told("connect", options)
        assert "s3cret" not in said
        assert "give text" in said
    assert "s3cret" not in told("connect", {"headers": {"X-Key": ["s3cret"]}})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": 3}, "`user` is 3: give text."),
        ({"ca_certs": 3}, "`ca_certs` is 3: give a path."),
        ({"verify": "no"}, "`verify` is 'no': give True or False."),
        ({"timeout": "5"}, "`timeout` is '5': give a number."),
        ({"timeout": np.array([5.0])}, "`timeout` is of type numpy.ndarray: give a number."),
        (
            {"headers": {"X-Tenant": 3}},
            "`headers` has one of type builtins.int at 'X-Tenant': give a dict.",
        ),
        ({"compress": 1}, "`compress` is 1: give True or False."),
    ],
)
def test_what_connect_is_given_wrong(options, said):
    assert told("connect", options).startswith(said)


def test_what_has_no_place_or_is_missing_is_told_with_what_there_is():
    with pytest.raises(TandemError, match=r"connect .*too many positional arguments; it has url, "):
        tandem.connect("http://localhost:9", "admin", "secret")
    with pytest.raises(TandemError, match=r"ingest .*missing a required.*'cluster'; it has source"):
        tandem.ingest([], encoder=StubEncoder(), index="books")


def test_numbers_of_numpy_paths_as_text_and_pairs_serve(tmp_path):
    assert tandem.Grid(depths=np.array([5, 10]), step=np.float32(0.5)).depths == (5, 10)
    assert type(tandem.Mining(depth=np.int64(7)).depth) is int
    assert tandem.Plan(rejects="a.rejects").rejects == Path("a.rejects")
    assert tandem.Reading(rename_fields=[["a", "b"]]).rename_fields == (("a", "b"),)
    assert tandem.Reading(follow=np.bool_(True)).follow is True
    (tmp_path / "run").write_text("1 Q0 d 1 0.5 t\n")
    assert tandem.read_run(str(tmp_path / "run")) == {"1": [("d", 0.5)]}
    with pytest.raises(TandemError, match="none of the 1 queries is judged"):
        tandem.evaluate(Searching(), [("1", "bees")], {"2": {"d": 1}})


class Searching:
    def search_many(self, queries, **options):
        raise AssertionError("nothing is searched")
