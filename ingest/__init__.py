"""Documents into an index: read | split | skip | encode | write, losing and repeating nothing."""

from ingest.errors import (
    BlockedError,
    IncompleteError,
    IndexRefusedError,
    IngestError,
    LostPlaceError,
    OtherPromptError,
    OutageError,
    SourceError,
    TooManyRejectsError,
)
from ingest.index.aliases.alias import switch as switch_alias
from ingest.index.aliases.generations import Older
from ingest.index.delete import delete_index
from ingest.index.describe import describe as describe_index
from ingest.index.describe import list_indexes
from ingest.index.existing.adopt import Adoption, adopt_index
from ingest.index.existing.enrich.counts import Enrichment
from ingest.index.existing.enrich.enrich import enrich
from ingest.index.existing.pipeline.check import Check as PipelineCheck
from ingest.index.existing.pipeline.check import check_pipeline
from ingest.index.existing.pipeline.install import install_pipeline, remove_pipeline
from ingest.index.existing.pipeline.installed import Installed as InstalledPipeline
from ingest.index.existing.pipeline.installed import read_installed as read_installed_pipeline
from ingest.index.open import create_index
from ingest.records import PassageEncoder
from ingest.run.batch.batch import Batch, load_batch
from ingest.run.dry_run import DryRun, dry_run
from ingest.run.ingestion import ingest
from ingest.run.plan import Plan, checked
from ingest.run.ray.runner import RayRunner
from ingest.run.removal.prune import PruneLimit
from ingest.run.removal.remove import Removal, remove
from ingest.settings import Reading, RejectLimit, Splitting, Writing
from ingest.tally import Report
from mappings import Shape

__all__ = [
    "Adoption",
    "Batch",
    "BlockedError",
    "DryRun",
    "Enrichment",
    "IncompleteError",
    "IndexRefusedError",
    "IngestError",
    "InstalledPipeline",
    "LostPlaceError",
    "Older",
    "OtherPromptError",
    "OutageError",
    "PassageEncoder",
    "PipelineCheck",
    "Plan",
    "PruneLimit",
    "RayRunner",
    "Reading",
    "RejectLimit",
    "Removal",
    "Report",
    "Shape",
    "SourceError",
    "Splitting",
    "TooManyRejectsError",
    "Writing",
    "adopt_index",
    "check_pipeline",
    "checked",
    "create_index",
    "delete_index",
    "describe_index",
    "dry_run",
    "enrich",
    "ingest",
    "install_pipeline",
    "list_indexes",
    "load_batch",
    "read_installed_pipeline",
    "remove",
    "remove_pipeline",
    "switch_alias",
]
