"""Loads files on Ray of this machine with the stub encoder, for tests that kill what takes part.

Arguments: URL INDEX REJECTS SECONDS_PER_TEXT WORKERS FILE... Each report, and at last the final
one, goes to standard output as a line of JSON.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from cluster import connect
from ingest import IngestError, Plan, RayRunner, RejectLimit, Report, ingest
from tests.support.stubs import StubEncoder


def main() -> int:
    url, index, rejects, seconds, workers, *files = sys.argv[1:]

    def show(report: Report) -> None:
        sys.stdout.write(json.dumps(report.to_json()) + "\n")
        sys.stdout.flush()

    runner = RayRunner(
        connect=partial(connect, url),
        load_encoder=partial(StubEncoder, seconds=float(seconds)),
        workers=int(workers),
    )
    plan = Plan(rejects=Path(rejects), max_rejects=RejectLimit(share=0.05))
    try:
        with connect(url) as cluster:
            ingest(
                files,
                cluster=cluster,
                encoder=StubEncoder(),
                index=index,
                plan=plan,
                on_progress=show,
                runner=runner,
            )
        return 0
    except KeyboardInterrupt:
        return 130
    except IngestError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
