"""The settings of a hybrid search that are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

from evaluation.errors import EvaluationError
from query import Bm25, Fusion, SearchSettings, Tuning
from query.question import DEPTH
from tandem.base.arguments import checked_arguments

TECHNIQUES = ("min_max", "l2", "z_score", "rrf")


@checked_arguments(EvaluationError)
@dataclass(frozen=True)
class Setting:
    """One way to search; fields: BM25's, empty for the index's own."""

    fusion: Fusion = field(default_factory=Fusion)
    depth: int = DEPTH
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people read it."""
        words, vectors = self.fusion.effective_weights
        fields = f", fields {', '.join(self.fields)}" if self.fields else ""
        return f"{self.fusion.technique} {words:g}, {vectors:g}, depth {self.depth}{fields}"

    def applied(self, tuning: Tuning) -> Tuning:
        """A tuning with this setting in it."""
        bm25: Bm25 = replace(tuning.bm25, fields=self.fields)
        return replace(tuning, bm25=bm25, fusion=self.fusion, depth=self.depth)

    def to_settings(self) -> SearchSettings:
        """What an index remembers of it."""
        return SearchSettings(self.fusion, self.depth, self.fields)


@checked_arguments(EvaluationError)
@dataclass(frozen=True)
class Grid:
    """What is tried, one axis after the other: fusions first, then depths, then fields.

    techniques: of a fusion, each with weights of kNN from `step` to 1 - `step`, and rrf without
    weights too.
    """

    _: KW_ONLY
    techniques: Sequence[str] = TECHNIQUES
    step: float = 0.1
    depths: Sequence[int] = (50, DEPTH, 200)
    fields: Sequence[tuple[str, ...]] = ((),)

    def __post_init__(self) -> None:
        """Refuse a step that leaves no weights."""
        if not 0 < self.step <= 0.5:
            raise EvaluationError(f"the step of weights is {self.step:g} and must be 0.5 at most.")

    def fusions(self) -> list[Fusion]:
        """Every fusion that is tried."""
        count = round(1 / self.step)
        shares = [round(number * self.step, 6) for number in range(1, count)]
        made: list[Fusion] = []
        for technique in self.techniques:
            if technique == "rrf":
                made.append(Fusion(technique="rrf"))
            for share in shares:
                weights = (round(1 - share, 6), share)
                made.append(Fusion(technique=technique, weights=weights))  # type: ignore[arg-type]
        return made

    @staticmethod
    def boosts(names: Sequence[str]) -> list[tuple[str, ...]]:
        """BM25's fields that are tried of an index with fields of these names, text first."""
        if len(names) < 2:
            return [()]
        first, *others = names
        return [
            (),
            (first,),
            *((first, *(f"{each}^{boost}" for each in others)) for boost in (0.5, 2)),
        ]

    def along(self, setting: Setting) -> list[list[Setting]]:
        """A setting's neighbours on each axis."""
        return [
            [replace(setting, fusion=each) for each in self.fusions()],
            [replace(setting, depth=each) for each in self.depths],
            [replace(setting, fields=each) for each in self.fields],
        ]
