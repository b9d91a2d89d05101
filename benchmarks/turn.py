"""What a turn costs beside two bare servers and a plain one, of the same scripted model.

`make bench` starts the scripted model and the others, one process each, and asks them the same
question in turn. *floor* passes the model's bytes through; *floor-json* parses them, keeps the
history in a dict and sends an event a token; *plain* is what the libraries' tutorials add up to. A
turn is two model calls, one tool and 60 tokens, in a burst or, with `--load paced`, one every
20 ms. It prints figures and ratios: ratios, because machines differ and are never quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
from pathlib import Path
from typing import Any

import yaml

from benchmarks.turn_load import Figures, measure, median_of
from benchmarks.turn_servers import subjects

HERE = Path(__file__).parent
SCRIPTS = {"bursts": HERE / "turn.yaml", "paced": HERE / "turn_paced.yaml"}


def scripted_seconds(script: Path) -> float:
    """Return how long the script waits between the pieces of its answer; before the first, not."""
    said = yaml.safe_load(script.read_text())["turns"][-1]["steps"][0]["text"]
    pieces = math.ceil(len(said["text"]) / said["chunk"])
    return float(said["delay"] * (pieces - 1))


async def compare(script: Path, rounds: int, **load: Any) -> dict[str, Figures]:
    """Measure all in turn, so often, and take the medians."""
    found: dict[str, list[Figures]] = {}
    scripted = scripted_seconds(script)
    async with subjects(script) as servers:
        for subject in servers:
            # What is imported, opened and cached with the first questions is not a turn's.
            warm = load["conversations"]
            await measure(subject, conversations=warm, turns=2, scripted=scripted)
        for _ in range(rounds):
            for subject in servers:
                figures = await measure(subject, scripted=scripted, **load)
                found.setdefault(subject.name, []).append(figures)
    return {name: median_of(figures) for name, figures in found.items()}


def report(results: dict[str, Figures]) -> str:
    """Return the figures, and the ratios of CPU and time to the others, as a table."""
    lines = [
        "              CPU   PostgreSQL       turn   overhead  first byte  turns/s  a stream",
        *(
            f"{name:10} {1000 * one.cpu:6.2f} ms {1000 * one.postgres_cpu:8.2f} ms"
            f" {1000 * one.turn:7.1f} ms {1000 * one.overhead:7.1f} ms"
            f" {1000 * one.first_byte:8.1f} ms {one.rate:8.1f} {one.growth / 1024:6.0f} KB"
            for name, one in results.items()
        ),
    ]
    ours = results["vaultra"]
    for name in ("floor", "floor-json", "plain"):
        other = results[name]
        if not other.cpu:
            lines.append(f"{name} used too little CPU to compare with; ask for more --turns")
            continue
        cpu, turn = ours.cpu / other.cpu, ours.turn / other.turn
        lines.append(f"vaultra takes {cpu:.1f} times the CPU of {name}, {turn:.1f} times its time")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--load", choices=SCRIPTS, default="bursts", help="(%(default)s)")
    parser.add_argument("--conversations", type=int, default=20, help="at once (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="medians of (%(default)s)")
    parser.add_argument(
        "--every", type=float, default=0.0, help="seconds between a conversation's questions"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = asyncio.run(
        compare(
            SCRIPTS[options.load],
            options.rounds,
            conversations=options.conversations,
            turns=options.turns,
            every=options.every,
        )
    )
    if options.json:
        print(json.dumps({name: vars(one) for name, one in results.items()}))
    else:
        print(report(results))


if __name__ == "__main__":
    main()
