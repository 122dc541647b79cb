"""The first pass over the files of a run: their ids, in the order of the files."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ingest.errors import IngestError
from ingest.read.sources.files import SourceFile
from ingest.records import Origin
from ingest.run.batch.pipeline import Job
from ingest.run.deduplicate import Seen
from ingest.run.ray.parts import FileEnd, FileJob, Ids, Lines, Setup
from ingest.run.ray.reading import IDS, ids_of
from ingest.run.ray.session import LOOK_SECONDS, MOST_SILENT
from tandem.base.errors import TandemError


class IdsPass:
    """Tells which ids come twice.

    job: whose tally hears of each row; seen: gets every id; say: takes what is odd about the
    sources; documents: how many there are, so far.
    """

    def __init__(
        self,
        ray: Any,
        setup: Setup,
        job: Job,
        seen: Seen,
        say: Callable[[Sequence[str]], None],
    ) -> None:
        self._ray, self._setup, self._job, self._seen, self._say = ray, setup, job, seen, say
        self.documents = 0

    def read(self, sources: Sequence[SourceFile]) -> tuple[list[FileJob], TandemError | None]:
        """The files with the ids that are taken in each, and how the last one ended, if early.

        As in a local run, no file behind a damaged one is loaded; ends early with the flow.
        """
        ray = self._ray
        read = ray.remote(ids_of).options(num_cpus=1, num_returns="streaming")
        common = ray.put(self._setup)
        asked: deque[tuple[SourceFile, Any]] = deque()
        ahead, most = iter(sources), 2 * int(ray.cluster_resources().get("CPU", 1))
        files: list[FileJob] = []
        while True:
            while len(asked) < most and (file := next(ahead, None)):
                asked.append((file, read.remote(common, file)))
            if not asked:
                return files, None
            file, told = asked.popleft()
            taken: dict[Lines, dict[int, Origin]] = {}
            end = self._enter(file, told, taken)
            if end is None:
                return [], None
            files.append(FileJob(file, taken, end))
            self._job.tally.took(end.rows)
            self._say((*end.said, *(end.about_first if len(files) == 1 else ())))
            if end.failure:
                return files, end.failure.error()

    def _enter(
        self, file: SourceFile, told: Any, taken: dict[Lines, dict[int, Origin]]
    ) -> FileEnd | None:
        """Note the ids of a file; None where the run ends meanwhile."""
        for each in self._told(file, told):
            if isinstance(each, FileEnd):
                return each
            for key, place in each:
                self.documents += 1
                if place is None:
                    self._seen.note_key(key)
                elif first := self._seen.add_key(key, place):
                    taken.setdefault((place.file, place.line), {})[key] = first
        return None

    def _told(self, file: SourceFile, stream: Any) -> Iterator[Ids | FileEnd]:
        """What a task tells, for as long as the run goes on."""
        flow, heard = self._job.flow, time.monotonic()
        while not (flow.stopping.is_set() or flow.cancelled.is_set()):
            ready, _ = self._ray.wait([stream], timeout=LOOK_SECONDS)
            if ready:
                yield self._ray.get(next(stream))
                heard = time.monotonic()
            elif time.monotonic() - heard > MOST_SILENT:
                raise IngestError(
                    f"no machine of the Ray cluster told {IDS:,} ids of {file.name} in "
                    f"{MOST_SILENT:,.0f} seconds: look whether other jobs hold its CPUs, and run "
                    "the same command again."
                )
