"""How well searches rank: judged queries run, scored and compared, mined, trained on."""

from evaluation.errors import EvaluationError
from evaluation.measure.evaluate import Evaluation, Failure, ModeFigures, evaluate
from evaluation.measure.judgements import Judgements, read_judgements
from evaluation.measure.measures import MEASURES, measure
from evaluation.measure.runs import Run, read_run, write_run
from evaluation.measure.significance import Comparison, compare
from evaluation.mine.mining import Mined, mine
from evaluation.mine.records import Judge, Mining
from evaluation.queries import read_queries
from evaluation.train.records import Trained, Training
from evaluation.train.training import train
from evaluation.tune.grid import Grid, Setting
from evaluation.tune.tuning import USUAL, Tuned, tune

__all__ = [
    "MEASURES",
    "USUAL",
    "Comparison",
    "Evaluation",
    "EvaluationError",
    "Failure",
    "Grid",
    "Judge",
    "Judgements",
    "Mined",
    "Mining",
    "ModeFigures",
    "Run",
    "Setting",
    "Trained",
    "Training",
    "Tuned",
    "compare",
    "evaluate",
    "measure",
    "mine",
    "read_judgements",
    "read_queries",
    "read_run",
    "train",
    "tune",
    "write_run",
]
