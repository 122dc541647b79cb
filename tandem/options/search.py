"""The options of `tandem search` that say which passages are wanted, and how to look for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from query.body.filters.dsl import parse_dsl
from query.errors import QueryError
from query.idle import fault_of_idle
from query.question import DEPTH, HYBRID, MODES, MOST, PLACES, Bm25, Knn, Tuning
from query.target import Roles
from tandem.config import WORDS, Number, long_name, typed, typed_wins
from tandem.options.cluster import Command
from tandem.options.fusion import fusion_options
from tandem.output.flags import in_flags


def _hits(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if not 1 <= value <= MOST:
        raise click.BadParameter(f"{value:,} is not from 1 to {MOST:,}.", ctx, param)
    return value


_ASKING = [
    click.option(
        "-k", type=int, default=10, show_default=True, callback=_hits, help="Hits wanted."
    ),
    click.option("--mode", type=click.Choice(MODES), default=HYBRID, show_default=True),
    click.option("--filter", metavar="JSON", help="Only passages that meet this query DSL."),
    click.option(
        "--where",
        type=WORDS,
        multiple=True,
        metavar="CONDITION",
        help="Only passages with lang=en, lang=en,de, lang!=en, lang=e*, year>=2019, "
        "year=1990..1999, added>=now-30d, ip=10.0.0.0/24 or place~52.5,13.4<5km; repeat for more.",
    ),
    click.option("--from", "start", type=click.IntRange(min=0), help="Skip so many hits."),
    click.option("--page", type=click.IntRange(min=1), help="The page of k hits, from 1."),
    click.option(
        "--collapse",
        is_flag=True,
        help="One hit a document: its best passage; in hybrid, of those among --depth candidates.",
    ),
    click.option("--explain", is_flag=True, help="Show where each score comes from."),
    click.option(
        "--facet",
        "facets",
        type=WORDS,
        multiple=True,
        metavar="FIELD",
        help="Count a field's most frequent values among all passages that match the words and "
        "filters, and in kNN and hybrid the candidates; with --collapse, documents are counted "
        "once. A pattern as '*' stands for fields of keywords; repeat for more.",
    ),
    click.option(
        "--total", is_flag=True, help="Say how many there are in all, counted as by --facet."
    ),
    click.option(
        "--sort",
        type=WORDS,
        multiple=True,
        metavar="FIELD[:desc]",
        help="Order all that matches by this field and not by relevance; repeat for a second "
        "field. Narrow what matches by --operator and, --min-cosine or --where.",
    ),
    click.option(
        "--boost",
        type=WORDS,
        multiple=True,
        metavar="FIELD[:SCALE][^WEIGHT]",
        help="Raise the scores of the first --depth candidates, of each by score x WEIGHT x share: "
        "published:30d, 2^(-age/30d) of a date; likes:100, v/(v+100) of a number, which without "
        "a scale is the candidates' geometric mean. WEIGHT is 1.",
    ),
    click.option(
        "--fields",
        "source",
        type=WORDS,
        multiple=True,
        metavar="PATTERN",
        help="Fields of the stored document that --json shows: title, meta.*, or -body for all "
        "but that; repeat for more.",
    ),
]
_ASKED = ("k", "mode", "where", "collapse", "explain", "facets", "total", "sort", "boost")


def asking_options(command: Command) -> Command:
    """Add the options of a question, and hand the command `asked`: the arguments of a search."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        typed_wins(click.get_current_context(), options, "start", "page")
        start, page = options.pop("start"), options.pop("page")
        if start is not None and page is not None:
            raise click.UsageError("--from and --page say the same thing: give one of them.")
        asked = {name: options.pop(name) for name in _ASKED}
        asked["source"] = options.pop("source") or True
        dsl = options.pop("filter")
        asked["filter"] = None if dsl is None else parse_dsl(dsl)
        asked["start"] = (page - 1) * asked["k"] if page else start or 0
        return command(*args, asked=asked, **options)

    for option in reversed(_ASKING):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


_OPTIONS = [
    click.option(
        "--depth",
        type=click.IntRange(1, MOST),
        help="kNN, hybrid and boosts: candidates of each leg and shard, which hybrid's ranking "
        f"depends on; keep it the same on every page (default: {DEPTH}, or -k where that is more).",
    ),
    click.option(
        "--fusion-at",
        type=click.Choice(PLACES),
        default=PLACES[0],
        show_default=True,
        help="Hybrid: where to fuse; auto asks the cluster what it can do.",
    ),
    click.option("--pipeline", help="Hybrid: a search pipeline of the cluster that fuses."),
    click.option(
        "-f",
        "--field",
        "fields",
        type=WORDS,
        multiple=True,
        help="BM25: search this field, with a boost as in title^2 (default: text and title).",
    ),
    click.option(
        "--operator",
        type=click.Choice(("or", "and")),
        default="or",
        show_default=True,
        help="BM25: whether one word is enough, or all must match.",
    ),
    click.option("--minimum-should-match", help="BM25: how many words must match, as 2 or 75%."),
    click.option(
        "--phrase-boost",
        type=Number(min=0),
        default=0.0,
        help="BM25: what a passage gains that has all words in a row.",
    ),
    click.option(
        "--fuzziness",
        type=click.Choice(("AUTO", "0", "1", "2")),
        help="BM25: letters by which a word may differ.",
    ),
    click.option("--vector-field", help="kNN: the field of vectors, where there are several."),
    click.option(
        "--ef-search",
        type=click.IntRange(1, MOST),
        help="kNN: candidates that HNSW keeps while it searches (default: the index's own).",
    ),
    click.option(
        "--oversample",
        type=Number(1, 100),
        help="kNN: times k candidates of a compressed field to score again in full.",
    ),
    click.option(
        "--min-cosine",
        type=Number(-1, 1),
        help="Leave out what is below this cosine, in hybrid searches what words found too.",
    ),
]


def _tuning(take: Callable[[str], Any]) -> Tuning:
    bm25 = Bm25(
        fields=take("fields"),
        operator=take("operator"),
        minimum_should_match=take("minimum_should_match"),
        phrase_boost=take("phrase_boost"),
        fuzziness=take("fuzziness"),
    )
    knn = Knn(
        field=take("vector_field"),
        ef_search=take("ef_search"),
        oversample=take("oversample"),
        min_cosine=take("min_cosine"),
    )
    return Tuning(
        bm25=bm25,
        knn=knn,
        fusion=take("fusion"),
        depth=take("depth"),
        place=take("fusion_at"),
        pipeline=take("pipeline"),
    )


def _refuse_idle() -> None:
    """Refuse what was typed and would change nothing; a default set beforehand may stay."""
    context = click.get_current_context()
    flags = {str(each.name): f"--{long_name(each)}" for each in context.command.params}
    said = [name for name in flags if typed(context, name)]
    flags.setdefault("mode", flags.get("modes", ""))  # where a search is made in each of several
    if fault := fault_of_idle(said, context.params, flags.__getitem__):
        raise click.UsageError(fault)


def tuning_options(command: Command) -> Command:
    """Add the options of a tuning, and hand the command a `tuning` made of them."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        _refuse_idle()
        try:
            tuning = _tuning(options.pop)
        except QueryError as error:
            raise click.UsageError(in_flags(str(error))) from error
        return command(*args, tuning=tuning, **options)

    wrapped = fusion_options(wrapped)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


_ROLES = [
    click.option("--text-field", help="The text, in an index that Tandem did not make."),
    click.option("--title-field", help="The titles, in such an index."),
    click.option("--document-id-field", help="The documents' ids, in such an index."),
]


def role_options(command: Command) -> Command:
    """Add the options that say what the fields of a foreign index hold, as `roles`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        text_field: str | None,
        title_field: str | None,
        document_id_field: str | None,
        **options: Any,
    ) -> Any:
        roles = Roles(text_field, title_field, document_id_field)
        return command(*args, roles=roles, **options)

    for option in reversed(_ROLES):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
