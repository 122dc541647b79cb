"""One command of the campaign, in a process of its own that things are done to.

Argument: JSON of what is done. Prints "began" before it does anything, and in the end the last
report of an ingestion as JSON.
"""

from __future__ import annotations

import json
import signal
import sys

from cluster import connect
from cluster.errors import ClusterError
from ingest import IngestError, Plan, RejectLimit, Report, Writing, ingest, switch_alias
from tests.support.stubs import StubEncoder

# More than any of its sources has.
COUNT = 10_000


def main() -> int:
    asked = json.loads(sys.argv[1])
    # As the command does it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.write("began\n")
    sys.stdout.flush()
    last: list[Report] = []
    try:
        with connect(asked["url"]) as cluster:
            if "switch" in asked:
                switch_alias(cluster, asked["alias"], asked["switch"], keep=1)
            else:
                ingest(
                    asked["source"],
                    cluster=cluster,
                    encoder=StubEncoder(seconds=0.001, batch=16),
                    index=asked.get("index"),
                    alias=asked.get("alias"),
                    plan=Plan(
                        keep=1 if "alias" in asked else None,
                        relax=True,
                        confirm_prune=(lambda count, sample: True) if asked.get("prune") else None,
                        max_prune=None,
                        max_rejects=RejectLimit(share=None, number=COUNT),
                        writing=Writing(max_count=20),
                    ),
                    on_progress=last.append,
                )
    except KeyboardInterrupt:
        return 130
    except (IngestError, ClusterError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    finally:
        sys.stdout.write(json.dumps(last[-1].to_json() if last else None) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
