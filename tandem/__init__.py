"""Dense retrieval beside BM25, in the search cluster you already run: what Python programs use.

A name's room is imported when it is first used: `import tandem` and `tandem --help` stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tandem.base.errors import TandemError
from tandem.base.rooms import fault_of_rooms, is_command

if TYPE_CHECKING:
    from cluster import (
        AccessError,
        Capabilities,
        Cluster,
        ClusterError,
        DownloadError,
        EmbeddedNode,
        JavaError,
        MissingIndexError,
        MissingRightError,
        NodeError,
        UnreachableError,
        connect,
    )
    from encoder import (
        CrossEncoder,
        Encoder,
        EncoderError,
        ModelDamagedError,
        ModelNotFoundError,
        ModelRefusedError,
    )
    from evaluation import (
        Comparison,
        Evaluation,
        EvaluationError,
        Grid,
        Judge,
        Judgements,
        Mined,
        Mining,
        Run,
        Setting,
        Trained,
        Training,
        Tuned,
        compare,
        evaluate,
        measure,
        mine,
        read_judgements,
        read_queries,
        read_run,
        train,
        tune,
        write_run,
    )
    from ingest import (
        Adoption,
        BlockedError,
        DryRun,
        Enrichment,
        IncompleteError,
        IndexRefusedError,
        IngestError,
        InstalledPipeline,
        LostPlaceError,
        OtherPromptError,
        OutageError,
        PassageEncoder,
        Plan,
        PruneLimit,
        RayRunner,
        Reading,
        RejectLimit,
        Removal,
        Report,
        SourceError,
        Splitting,
        TooManyRejectsError,
        Writing,
        adopt_index,
        check_pipeline,
        create_index,
        delete_index,
        describe_index,
        dry_run,
        enrich,
        ingest,
        install_pipeline,
        list_indexes,
        read_installed_pipeline,
        remove,
        remove_pipeline,
        switch_alias,
    )
    from mappings import Fusion, MappingError, SearchSettings, Shape
    from query import (
        Answer,
        AnswerError,
        AsyncSearcher,
        Bm25,
        Facet,
        FacetValue,
        FilterError,
        Hit,
        Knn,
        PassageScorer,
        Query,
        QueryEncoder,
        QueryError,
        Rerank,
        Result,
        Roles,
        Searcher,
        TargetError,
        TextError,
        Total,
        Tuning,
        answer_json,
        make_filter,
        put_pipeline,
        put_search_settings,
        remove_search_settings,
        result_json,
        trec_lines,
    )

# Room -> the names that it gives to this page.
_NAMES = {
    "cluster": """
        AccessError Capabilities Cluster ClusterError DownloadError EmbeddedNode JavaError
        MissingIndexError MissingRightError NodeError UnreachableError connect
    """,
    "encoder": """
        CrossEncoder Encoder EncoderError ModelDamagedError ModelNotFoundError
        ModelRefusedError
    """,
    "evaluation": """
        Comparison Evaluation EvaluationError Grid Judge Judgements Mined Mining Run Setting
        Trained Training Tuned compare evaluate measure mine read_judgements read_queries
        read_run train tune write_run
    """,
    "ingest": """
        Adoption Enrichment adopt_index enrich OtherPromptError
        BlockedError DryRun IncompleteError IndexRefusedError IngestError LostPlaceError OutageError
        PassageEncoder Plan PruneLimit RayRunner Reading RejectLimit Removal Report
        SourceError Splitting TooManyRejectsError Writing create_index delete_index
        describe_index dry_run ingest list_indexes remove switch_alias
        InstalledPipeline check_pipeline install_pipeline read_installed_pipeline
        remove_pipeline
    """,
    "mappings": """
        Fusion MappingError SearchSettings Shape
    """,
    "query": """
        Answer AnswerError AsyncSearcher Bm25 Facet FacetValue FilterError Hit Knn PassageScorer
        Query QueryEncoder QueryError Rerank Result Roles Searcher TargetError TextError Total
        Tuning answer_json make_filter put_pipeline put_search_settings remove_search_settings
        result_json trec_lines
    """,
}
_ROOMS = {name: room for room, names in _NAMES.items() for name in names.split()}

__all__ = [
    "AccessError",
    "Adoption",
    "Answer",
    "AnswerError",
    "AsyncSearcher",
    "BlockedError",
    "Bm25",
    "Capabilities",
    "Cluster",
    "ClusterError",
    "Comparison",
    "CrossEncoder",
    "DownloadError",
    "DryRun",
    "EmbeddedNode",
    "Encoder",
    "EncoderError",
    "Enrichment",
    "Evaluation",
    "EvaluationError",
    "Facet",
    "FacetValue",
    "FilterError",
    "Fusion",
    "Grid",
    "Hit",
    "IncompleteError",
    "IndexRefusedError",
    "IngestError",
    "InstalledPipeline",
    "JavaError",
    "Judge",
    "Judgements",
    "Knn",
    "LostPlaceError",
    "MappingError",
    "Mined",
    "Mining",
    "MissingIndexError",
    "MissingRightError",
    "ModelDamagedError",
    "ModelNotFoundError",
    "ModelRefusedError",
    "NodeError",
    "OtherPromptError",
    "OutageError",
    "PassageEncoder",
    "PassageScorer",
    "Plan",
    "PruneLimit",
    "Query",
    "QueryEncoder",
    "QueryError",
    "RayRunner",
    "Reading",
    "RejectLimit",
    "Removal",
    "Report",
    "Rerank",
    "Result",
    "Roles",
    "Run",
    "SearchSettings",
    "Searcher",
    "Setting",
    "Shape",
    "SourceError",
    "Splitting",
    "TandemError",
    "TargetError",
    "TextError",
    "TooManyRejectsError",
    "Total",
    "Trained",
    "Training",
    "Tuned",
    "Tuning",
    "UnreachableError",
    "Writing",
    "adopt_index",
    "answer_json",
    "check_pipeline",
    "compare",
    "connect",
    "create_index",
    "delete_index",
    "describe_index",
    "dry_run",
    "enrich",
    "evaluate",
    "ingest",
    "install_pipeline",
    "list_indexes",
    "make_filter",
    "measure",
    "mine",
    "put_pipeline",
    "put_search_settings",
    "read_installed_pipeline",
    "read_judgements",
    "read_queries",
    "read_run",
    "remove",
    "remove_pipeline",
    "remove_search_settings",
    "result_json",
    "switch_alias",
    "train",
    "trec_lines",
    "tune",
    "write_run",
]


def __getattr__(name: str) -> Any:
    """A public name, imported from its room when it is first used."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if _fault := fault_of_rooms():
    # Of the command, which has no traceback, and of a program that imports us.
    raise SystemExit(f"Error: {_fault}") if is_command() else ImportError(_fault)
