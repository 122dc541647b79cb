"""What `tandem doctor` says of pipelines: whole, in parts, none, and where there can be none."""

from types import SimpleNamespace

import pytest

from cluster import Capabilities
from ingest import IndexRefusedError, check_pipeline
from ingest.index.existing.pipeline.diagnosis import of_pipelines
from tandem.output.flags import in_flags
from tests.unit.ingest.index.pipeline.commons import Commons
from tests.unit.ingest.index.pipeline.test_pipeline import installed

USED = {"books": {"settings": {"index.default_pipeline": "shop"}}}
AGAIN = "`tandem pipeline install shop --service URL"


def used_by_books(method, path, answer):
    return USED if path.endswith("/_settings/index.*default_pipeline") else answer


def test_a_whole_pipeline_is_ticked_and_those_of_others_are_not_ours():
    commons = installed()
    commons.change = used_by_books
    commons.held["_ingest"]["theirs"] = {"processors": []}
    (found,) = of_pipelines(commons)
    (connector,) = commons.held["connectors"].values()
    url = connector["actions"][0]["url"]
    assert (found.section, found.name) == ("cluster", "pipeline shop")
    assert found.value == f"asks {url}, model deployed, for books"
    assert (found.cure, found.bad, found.used) == (None, False, True)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("_search", "model deployed, for no index"),
        ("models", "model missing, for no index"),
        ("connectors", "asks nobody, model deployed, for no index"),
    ],
)
def test_a_part_that_is_missing_has_a_cure_and_is_no_failure(kind, said):
    commons = installed()
    commons.held[kind].clear()
    (found,) = of_pipelines(commons)
    assert found.value.endswith(said)
    assert f"a part of it is missing: {AGAIN}` puts" in in_flags(found.cure)
    assert not found.bad
    with pytest.raises(IndexRefusedError, match="are only parts of a pipeline 'shop'") as caught:
        check_pipeline(commons, "shop")
    assert f"{AGAIN}`." in in_flags(str(caught.value))


def test_the_cure_names_the_index_whose_fields_and_weights_it_has():
    commons = installed()
    commons.held["_search"].clear()
    commons.change = used_by_books
    (found,) = of_pipelines(commons)
    assert f"{AGAIN} --index books`" in in_flags(found.cure)


def test_a_pipeline_that_others_changed_is_told_and_not_ticked():
    commons = installed()
    commons.held["_search"]["shop"] = {"request_processors": []}
    (found,) = of_pipelines(commons)
    assert found.value.startswith("not seen: the search pipeline 'shop' is there already and")
    assert (found.cure, found.used) == (None, False)


def test_none():
    (found,) = of_pipelines(Commons())
    assert (found.value, found.cure, found.used) == ("none", None, False)


def test_elasticsearch_is_not_asked():
    can = Capabilities("elasticsearch", (9, 5, 3), "9.5.3", False, True, False, ())
    (found,) = of_pipelines(SimpleNamespace(capabilities=can))
    assert found.value == "none: Elasticsearch has no ML Commons"
    assert (found.cure, found.used) == (None, False)
