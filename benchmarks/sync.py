"""What a sync costs beside its floors, measured in the same run.

`python -m benchmarks.sync` starts a sandbox Stripe and a PostgreSQL of their own and prints:

- client: CPU for each charge to fetch, decode and map pages; floor: the same bytes, thrown away.
- writing: rows/s of the upsert path, alone and behind the client; floor: COPY of the same rows.
- limited: charges/s at 25 requests a second and 200 ms an answer, and how many were refused.
- webhook: CPU to verify and read an event; floor: the SDK's `construct_event`. CPU to accept it
  whole; floors: a transaction with one insert, and the insert by itself.
- lag: p99 of the event loop of a server that syncs while 50 answers are being streamed.
- memory: of the process, over a whole sync of `--charges` (try 1000000).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.sync_copying import measure_limited, measure_writing
from benchmarks.sync_lag import measure_lag
from benchmarks.sync_memory import measure_memory
from benchmarks.sync_reading import measure_client, measure_webhook

Figures = dict[str, float]
MEASURES: dict[str, Callable[[int], Coroutine[Any, Any, Figures]]] = {
    "client": measure_client,
    "writing": measure_writing,
    "limited": measure_limited,
    "webhook": measure_webhook,
    "lag": measure_lag,
    "memory": measure_memory,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--charges", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--only", choices=MEASURES, action="append", help="just these")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found: dict[str, Figures] = {}
    for name in options.only or MEASURES:
        sys.stderr.write(f"measuring {name} …\n")
        found[name] = asyncio.run(MEASURES[name](options.charges))
    sys.stdout.write(json.dumps(found) if options.json else _report(found))
    sys.stdout.write("\n")


def _report(found: dict[str, Figures]) -> str:
    return "\n".join(
        f"{name:9} {figure:42} {value:12,.2f}"
        for name, figures in found.items()
        for figure, value in figures.items()
    )


if __name__ == "__main__":
    main()
