"""How well searches rank: judged queries run, scored and compared."""

from evaluation.errors import EvaluationError
from evaluation.measure.evaluate import Evaluation, Failure, ModeFigures, evaluate
from evaluation.measure.judgements import Judgements, read_judgements
from evaluation.measure.measures import MEASURES, measure
from evaluation.measure.runs import Run, read_run, write_run
from evaluation.measure.significance import Comparison, compare

__all__ = [
    "MEASURES",
    "Comparison",
    "Evaluation",
    "EvaluationError",
    "Failure",
    "Judgements",
    "ModeFigures",
    "Run",
    "compare",
    "evaluate",
    "measure",
    "read_judgements",
    "read_run",
    "write_run",
]
