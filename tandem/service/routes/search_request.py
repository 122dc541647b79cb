"""One search as a request says it: every option of `tandem search`, by its name."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import QueryParams

from mappings import Fusion
from mappings.pipelines.pipeline import Combination, Technique
from query import Bm25, Knn, QueryError, Rerank, Roles, Tuning
from query.body.filters.dsl import parse_dsl
from query.idle import FUSION_NAMES, fault_of_idle
from query.question import MOST, Mode, WhereToFuse
from tandem.service.parts import Parts

Number = Annotated[int | None, Field(ge=1, le=MOST)]


class _Asked(BaseModel):
    """What is left out is as in `tandem search`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    index: str | None = Field(None, description="Index or alias; the service's own by default.")
    mode: Mode = "hybrid"
    k: int = Field(10, ge=1, le=MOST)
    start: int | None = Field(None, ge=0, alias="from", description="Skip so many hits.")
    page: int | None = Field(None, ge=1, description="The page of k hits, in place of `from`.")
    where: list[str] = Field(default=[], description="Conditions, such as year>=2019.")
    collapse: bool = Field(False, description="One hit a document: its best passage.")
    explain: bool = Field(False, description="Where each score comes from.")
    facets: list[str] = Field(
        default=[],
        description="Fields whose values are counted, over all passages that match the words and "
        "filters and kNN's candidates; documents, each once, where collapsed. `*` for any.",
    )
    total: bool = Field(False, description="How many there are in all, counted as for facets.")
    sort: list[str] = Field(default=[], description="Order by fields, such as year:desc.")
    boost: list[str] = Field(
        default=[], description="What raises scores, such as published:30d, likes or likes:100^0.5."
    )
    rerank: bool = Field(False, description="Order the first hits by the cross-encoder.")
    rerank_depth: int = Field(50, ge=1, le=MOST)
    depth: Number = Field(None, description="Candidates of each leg.")
    fusion_at: WhereToFuse = "auto"
    pipeline: str | None = Field(None, description="A search pipeline of the cluster that fuses.")
    fields: list[str] = Field(default=[], description="Fields of BM25, such as title^2.")
    operator: Literal["or", "and"] = "or"
    minimum_should_match: str | None = None
    phrase_boost: float = 0.0
    fuzziness: str | None = None
    vector_field: str | None = None
    ef_search: Number = None
    oversample: float | None = Field(None, ge=1, le=100)
    min_cosine: float | None = Field(None, ge=-1, le=1)
    technique: Technique | None = Field(None, description="Of the fusion.")
    combination: Combination | None = None
    rank_constant: int | None = Field(None, ge=1, le=10_000)
    text_field: str | None = Field(None, description="In an index that Tandem did not make.")
    title_field: str | None = None
    document_id_field: str | None = None

    def roles(self) -> Roles:
        """What the fields of an index hold that Tandem did not make."""
        return Roles(self.text_field, self.title_field, self.document_id_field)


class SearchRequest(_Asked):
    """One search, as the options of `tandem search` say it."""

    query: str = Field(description="What to look for.")
    filter: dict[str, Any] | None = Field(None, description="Query DSL that passages must meet.")
    source: bool | list[str] = Field(
        True, description="Fields of the stored document, such as title, meta.* or -body."
    )
    weights: tuple[float, float] | None = Field(None, description="Of BM25 and kNN.")

    def options(self, parts: Parts) -> dict[str, Any]:
        """The arguments of Searcher.search; raises QueryError as it does."""
        self._refuse_idle()
        tuning = Tuning(
            bm25=Bm25(
                fields=self.fields,
                operator=self.operator,
                minimum_should_match=self.minimum_should_match,
                phrase_boost=self.phrase_boost,
                fuzziness=self.fuzziness,
            ),
            knn=Knn(
                field=self.vector_field,
                ef_search=self.ef_search,
                oversample=self.oversample,
                min_cosine=self.min_cosine,
            ),
            fusion=self._fusion(),
            depth=self.depth,
            place=self.fusion_at,
            pipeline=self.pipeline,
        )
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "start": self._start(),
            "tuning": tuning,
            "rerank": self._rerank(parts),
        }

    def _refuse_idle(self) -> None:
        """Refuse what was sent and would change nothing; null and an empty list say nothing."""
        sent = [name for name in type(self).model_fields if name in self.model_fields_set]
        values = {name: getattr(self, name) for name in type(self).model_fields}
        fault = fault_of_idle(
            [name for name in sent if values[name] not in (None, [])], values, "`{}`".format
        )
        if fault:
            raise QueryError(fault)

    def _fusion(self) -> Fusion | None:
        """None where nothing of it is said, so that the index's own can count."""
        said = {name: value for name in FUSION_NAMES if (value := getattr(self, name)) is not None}
        return Fusion(**said) if said else None

    def _start(self) -> int:
        if self.page is None:
            return self.start or 0
        if self.start is not None:
            raise QueryError("`from` and `page` say the same thing: give one of them.")
        return (self.page - 1) * self.k

    def _rerank(self, parts: Parts) -> Rerank | None:
        if not self.rerank:
            return None
        if parts.reranker is None:
            raise QueryError("this service has no cross-encoder: start it with --rerank MODEL.")
        return Rerank(parts.reranker, depth=self.rerank_depth)


# What a search takes by the same name.
_KEPT = (
    *("mode", "k", "filter", "where", "collapse", "explain"),
    *("facets", "total", "sort", "boost", "source"),
)


class InAddress(_Asked):
    """One search as an address says it: `/search?q=bees&where=year>=2000`."""

    q: str
    filter: str | None = Field(None, description="Query DSL as JSON.")
    source: list[str] = Field(default=[], description="All fields where none is named.")
    weights: str | None = Field(None, description="Of BM25 and kNN, such as 0.3,0.7.")

    @classmethod
    def of(cls, said: QueryParams) -> InAddress:
        """What an address says, the last of what is said twice; raises ValidationError."""
        return cls.model_validate(
            {name: said.getlist(name) if name in _REPEATED else said[name] for name in said}
        )

    def whole(self) -> SearchRequest:
        """As a body says it; raises FilterError for a filter that is no JSON, and QueryError."""
        # What was not said is not said there either.
        given = self.model_dump(exclude={"q", "filter", "source", "weights"}, exclude_unset=True)
        if self.weights is not None:
            given["weights"] = _weights(self.weights)
        return SearchRequest(
            query=self.q,
            filter=parse_dsl(self.filter) if self.filter else None,
            source=self.source or True,
            **given,
        )


# What may be said more than once.
_REPEATED = {
    name for name, each in InAddress.model_fields.items() if get_origin(each.annotation) is list
}


def _weights(said: str) -> tuple[float, float]:
    try:
        bm25, knn = map(float, said.split(","))
    except ValueError as error:
        raise QueryError(
            f"{said[:60]!r} is not two numbers: write BM25's and kNN's, such as 0.3,0.7."
        ) from error
    return bm25, knn
