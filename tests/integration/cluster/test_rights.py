"""Every command with exactly the role that is documented for it, and with one permission less.

A real secured OpenSearch 2.19.1, on which nobody has a permission that his role does not give.
"""

import contextlib
import json
import uuid

import pytest

from cluster.diagnosis.account import of_account
from cluster.diagnosis.finding import seen
from cluster.diagnosis.health import of_cluster
from cluster.diagnosis.rights import require, roles
from cluster.diagnosis.templates import of_templates
from cluster.errors import MissingRightError
from ingest import (
    Plan,
    Shape,
    adopt_index,
    create_index,
    delete_index,
    describe_index,
    enrich,
    ingest,
    list_indexes,
    remove,
    switch_alias,
)
from ingest.index.existing.diagnosis.judge import diagnose_index
from mappings import Fusion
from query import (
    Searcher,
    SearchSettings,
    put_pipeline,
    put_search_settings,
    remove_search_settings,
)
from tests.integration.ingest.existing.books import make_index, vector_spec
from tests.support.stubs import StubEncoder

pytestmark = pytest.mark.long

API = "/_plugins/_security/api"
PASSWORD = "Few-rights-2026!"
# Its bcrypt hash of the lowest cost: a hundred users of the usual cost take minutes.
HASH = "$2y$04$abcdefghijklmnopqrstuufz0KekxZj.8C8f.sPi/CmDP2WwDkRsq"
ROWS = [
    {"id": "b1", "title": "The Beekeeper", "text": "A detective keeps bees.", "year": 1917},
    {"id": "b2", "title": "Wool", "text": "How sheep are shorn.", "year": 2001},
]
# What it cannot see it says, and goes on.
WITHOUT_ANY = ("doctor",)
# Those of ML Commons, which this cluster has not: test_pipeline.py of ingest/existing tries them.
ELSEWHERE = {name for name in roles() if name.startswith("pipeline-")}
ROLES = {name: role for name, role in roles().items() if name not in ELSEWHERE}
FEWER = [(name, each) for name, role in ROLES.items() for each in role.permissions]


def load(cluster, encoder, **options):
    plan = Plan(shape=Shape(shards=1, replicas=0), **options.pop("plan", {}))
    return ingest(ROWS, cluster=cluster, encoder=encoder, plan=plan, **options)


def searches(cluster, encoder, name):
    with Searcher(cluster, name, encoder=encoder) as searcher:
        one = [searcher.search("bees", mode=mode) for mode in ("bm25", "knn", "hybrid")]
        many = list(searcher.search_many([(1, "bees"), (2, "sheep")]))
    assert all(len(result.hits) == 2 for result in one[1:])
    assert [each.error for each in many] == [None, None]


def tuned(cluster, encoder, name):
    require(cluster, "tune", name)  # as `tandem tune --write` does
    searches(cluster, encoder, name)
    assert put_search_settings(cluster, name, SearchSettings(depth=20))
    assert remove_search_settings(cluster, name)


# By role: what an admin makes first, and what its commands do then.
def nothing(cluster, encoder, name):
    pass


def loaded(cluster, encoder, name):
    load(cluster, encoder, index=name)


def aliased(cluster, encoder, name):
    load(cluster, encoder, alias=name)


def two(cluster, encoder, name):
    for number in (1, 2):
        load(cluster, encoder, index=f"{name}-{number}")
    switch_alias(cluster, name, f"{name}-1")


def by_hand(cluster, encoder, name):
    spec = vector_spec("opensearch", encoder.dim)
    fields = {"title": {"type": "text"}, "text": {"type": "text"}, "vector": spec}
    texts = [(each["title"], each["text"]) for each in ROWS]
    documents = [
        {"title": title, "text": text, "vector": encoder.vector(f"{title}\n{text}").tolist()}
        for title, text in texts
    ]
    make_index(cluster, name, fields, documents)


def without_vectors(cluster, encoder, name):
    fields = {"title": {"type": "text"}, "text": {"type": "text"}}
    make_index(cluster, name, fields, [{"title": e["title"], "text": e["text"]} for e in ROWS])


def named(cluster, encoder, name):
    without_vectors(cluster, encoder, name)
    cluster.client.indices.put_alias(index=name, name=f"{name}-all")


def followed(cluster, encoder, name):
    """Until a first walk is done: what an interrupt ends, in order."""

    def interrupt(report):
        if report.written == len(ROWS):
            raise KeyboardInterrupt

    options = {"text_field": "text", "follow": True}
    assert enrich(cluster, name, encoder, on_progress=interrupt, **options).written


WORK = {
    "search": (loaded, searches),
    "tune": (loaded, tuned),
    "add": (loaded, lambda c, e, n: load(c, e, index=n)),
    "ingest": (nothing, lambda c, e, n: load(c, e, index=n)),
    "prune": (
        loaded,
        lambda c, e, n: load(c, e, index=n, plan={"confirm_prune": lambda count, sample: True}),
    ),
    "alias": (nothing, lambda c, e, n: load(c, e, alias=n)),
    "keep": (aliased, lambda c, e, n: load(c, e, alias=n, plan={"keep": 0})),
    "enrich": (without_vectors, lambda c, e, n: enrich(c, n, e, text_field="text")),
    "enrich-follow": (without_vectors, followed),
    "enrich-copy": (named, lambda c, e, n: enrich(c, n, e, text_field="text", copy_to=f"{n}-2")),
    "remove": (loaded, lambda c, e, n: remove(c, n, ids=["b1"])),
    "adopt": (by_hand, lambda c, e, n: adopt_index(c, n, e)),
    "create": (nothing, lambda c, e, n: create_index(c, n, e)),
    "show": (loaded, lambda c, e, n: (describe_index(c, n), list_indexes(c, n))),
    "switch": (two, lambda c, e, n: switch_alias(c, n, f"{n}-2")),
    "switch-keep": (two, lambda c, e, n: switch_alias(c, n, f"{n}-2", keep=0)),
    "delete": (loaded, lambda c, e, n: (describe_index(c, n), delete_index(c, n))),
    "pipeline": (nothing, lambda c, e, n: put_pipeline(c, n, Fusion())),
}


def patch(cluster, what, values):
    body = [{"op": "add", "path": f"/{name}", "value": each} for name, each in values.items()]
    for start in range(0, len(body), 40):
        cluster.client.transport.perform_request(
            "PATCH", f"{API}/{what}", body=body[start : start + 40]
        )


@pytest.fixture(scope="module")
def prefix(secured):
    """Of the names of all that is made here: a user with each role, and one for each FEWER."""
    prefix = f"rights-{uuid.uuid4().hex[:8]}"
    bodies = {f"{prefix}-{name}": role.body(f"{prefix}-{name}") for name, role in ROLES.items()}
    for number, (name, permission) in enumerate(FEWER):
        body = roles()[name].body(f"{prefix}-{name}", without=permission)
        bodies[f"{prefix}-{name}-{number}"] = body
    patch(secured, "roles", bodies)
    patch(secured, "internalusers", {name: {"hash": HASH} for name in bodies})
    # Its role of that name gives every user permissions on the cluster.
    patch(secured, "rolesmapping", {"own_index": {"users": ["nobody"]}})
    patch(secured, "rolesmapping", {name: {"users": [name]} for name in bodies})
    yield prefix
    patch(secured, "rolesmapping", {"own_index": {"users": ["*"]}})


@pytest.mark.parametrize("name", [name for name in ROLES if name not in WITHOUT_ANY])
def test_its_role_is_enough_and_one_permission_less_is_told_before_any_work(
    name, prefix, secured, secured_server, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    index, role = f"{prefix}-{name}", roles()[name]
    prepare, work = WORK[name]
    prepare(secured, StubEncoder(), index)
    before = state(secured, index)
    for number, (of, permission) in enumerate(FEWER):
        if of != name:
            continue
        user, encoder = f"{index}-{number}", StubEncoder()
        connected = secured_server.connect(user=user, password=PASSWORD, timeout=60)
        with connected as cluster, pytest.raises(MissingRightError) as caught:
            work(cluster, encoder, index)
        told = str(caught.value)
        level = "cluster" if permission in role.cluster else "index"
        assert permission in caught.value.permissions, told
        assert f"user '{user}' lacks the {level} permission" in told
        assert f"to the {level}_permissions of a role that the user has ({user})." in told
        assert not encoder.encoded, permission
        after = state(secured, index)
        made = {each: after.pop(each) for each in after.keys() - before.keys()}
        assert after == before, permission
        # What is asked of shards cannot be asked before there is an index, which stays, empty.
        assert not made or permission.startswith("indices:data/write/") or permission[-1] == "]"
        for each, (_, held) in made.items():
            assert held == 0
            secured.client.indices.delete(index=each)
    with secured_server.connect(user=index, password=PASSWORD, timeout=60) as cluster:
        work(cluster, StubEncoder(), index)
    for each in (index, f"{index}-*"):
        with contextlib.suppress(Exception):
            found = secured.client.indices.get(index=each)
            secured.client.indices.delete(index=",".join(found))


def state(cluster, name):
    """By index its mapping, settings and aliases, and how many documents it holds."""
    found = cluster.client.indices.get(index=f"{name}*")
    cluster.client.indices.refresh(index=f"{name}*")
    return {n: (each, cluster.client.count(index=n)["count"]) for n, each in found.items()}


def test_all_commands_are_listed():
    assert {*WORK, *WITHOUT_ANY} == set(ROLES)
    assert json.dumps([role.body("books") for role in roles().values()])


def doctor(cluster, name):
    """What `tandem doctor --index` looks at, and whether a model fits."""
    stub = StubEncoder()
    rows = [*of_cluster(cluster, name), *diagnose_index(cluster, name, lambda record: stub)]
    return [*rows, *seen("name", "templates", lambda: of_templates(cluster, "name", name))]


def unseen(rows):
    return {each.value for each in rows if each.value.startswith("not seen")}


def test_doctor_says_what_it_could_not_see(prefix, secured, secured_server):
    index = f"{prefix}-doctor"
    load(secured, StubEncoder(), index=index)
    component = {"template": {"settings": {"index.default_pipeline": f"{index}-pipe"}}}
    template = {"index_patterns": [f"{index}*"], "composed_of": [f"{index}-part"], "priority": 7}
    ask = secured.client.transport.perform_request
    ask("PUT", f"/_component_template/{index}-part", body=component)
    ask("PUT", f"/_index_template/{index}", body=template)
    put_pipeline(secured, f"{index}-found", Fusion())
    pipes = {"default_pipeline": f"{index}-pipe", "search.default_pipeline": f"{index}-found"}
    secured.client.indices.put_settings(index=index, body={"index": pipes})
    try:
        with secured_server.connect(user=index, password=PASSWORD, timeout=60) as cluster:
            assert unseen(doctor(cluster, index)) == set()
        for number, (name, permission) in enumerate(FEWER):
            if name != "doctor":
                continue
            user = f"{index}-{number}"
            with secured_server.connect(user=user, password=PASSWORD, timeout=60) as cluster:
                rows = doctor(cluster, index)
            hidden = unseen(rows)
            assert hidden == {f"not seen: {permission} is not permitted to this user"}, permission
            (told,) = [each.value for each in rows if "doctor --index, all of it" in each.value]
            assert told == f"doctor --index, all of it: lacks {permission}"
    finally:
        ask("DELETE", f"/_index_template/{index}")
        ask("DELETE", f"/_component_template/{index}-part")
        secured.client.indices.delete(index=index)
        ask("DELETE", f"/_search/pipeline/{index}-found")


@pytest.mark.parametrize("name", ["search", "ingest", "delete"])
def test_doctor_tells_what_a_role_lets_its_user_do(prefix, secured, secured_server, name):
    index, role = f"{prefix}-{name}", roles()[name]
    load(secured, StubEncoder(), index=index)
    with secured_server.connect(user=index, password=PASSWORD, timeout=60) as cluster:
        rows = of_account(cluster, index)
    secured.client.indices.delete(index=index)
    assert f"user {index!r} with {index}" in rows[0].value
    allowed = {*role.permissions}
    may = [
        command
        for each in roles().values()
        if allowed.issuperset(each.permissions) and set(role.patterns) >= set(each.patterns)
        for command in each.commands
    ]
    told = {each for row in rows if row.name == "may" for each in row.value.split("; ")}
    assert {each.partition(":")[0] for each in told} >= set(may), name
    assert any(f"tandem-{each}" in str(row.cure) for row in rows for each in roles()), name


def test_doctor_claims_no_right_that_it_could_not_ask_for(prefix, secured, secured_server):
    permission, (command,) = "indices:data/write/delete", roles()["ingest"].commands
    index = f"{prefix}-ingest"
    user = f"{index}-{FEWER.index(('ingest', permission))}"
    with secured_server.connect(user=user, password=PASSWORD, timeout=60) as cluster:
        (before,) = [row.value for row in of_account(cluster, index) if command in row.value]
        load(secured, StubEncoder(), index=index)
        (after,) = [row.value for row in of_account(cluster, index) if command in row.value]
    secured.client.indices.delete(index=index)
    assert before.endswith(
        "perhaps; whether documents may be written only an index that is there would tell"
    )
    assert after == f"{command}: lacks {permission}"
