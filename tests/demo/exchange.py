"""The README's example exchange: made by a real run against the demo, and compared with one.

`python -m tests.demo.exchange` starts a demo and writes the exchange anew.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import httpx

from db.startup import PROJECT
from tests.processes import RunningDemo, running_demo

START, END = "<!-- exchange:start -->", "<!-- exchange:end -->"
QUESTION = "What was our revenue last month?"
THREAD = "0d5f3b1e-7f2c-4a37-9d5e-6a1f0c2b9e11"
# A README is read in a browser's width; what is cut ends in an ellipsis.
WIDTH = 150
# As much of an event as is there wherever its line was cut, in front of all that varies.
CERTAIN = 40
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_VARYING = (
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"call_[0-9a-zA-Z]+",
    r"\d{4}-\d{2}(-\d{2}(T[\d:.]+(Z|\+00:00))?)?",
    rf"(\d{{1,2}} )?({_MONTH}) \d{{4}}(, \d\d:\d\d UTC)?",
)


def record(demo: RunningDemo) -> str:
    """Ask the demo and return the exchange as the README shows it."""
    message = {"id": "m-1", "role": "user", "content": QUESTION}
    body = json.dumps(
        {"threadId": THREAD, "runId": "run-1", "messages": [message]}, separators=(",", ":")
    )
    headers = {"Authorization": f"Bearer {demo.token}", "Content-Type": "application/json"}
    response = httpx.post(f"{demo.url}/v1/runs", content=body, headers=headers, timeout=60)
    command = (
        "$ curl -N http://127.0.0.1:8000/v1/runs "
        '-H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
        f"    -d '{body}'"
    )
    lines = [_cut(line) for line in _lines(response.text)]
    return "\n".join(["```console", command, *lines, "```"])


def _cut(line: str) -> str:
    whole = len(line) <= WIDTH or "TEXT_MESSAGE_CONTENT" in line
    return line if whole else line[:WIDTH] + "…"


def _lines(stream: str) -> list[str]:
    # The blank lines between the frames are left out: a screen is short.
    return [line for line in stream.split("\n") if line and not line.startswith(":")]


def masked(exchange: str) -> list[str]:
    """Return the exchange's events without what differs from run to run and month to month.

    The pieces of the text are joined: how many there are depends on how fast they came.
    """
    events = re.findall(r"^data: (.*)$", exchange, re.MULTILINE)
    text = "".join(json.loads(e)["delta"] for e in events if '"TEXT_MESSAGE_CONTENT"' in e)
    others = [event[:CERTAIN] for event in events if '"TEXT_MESSAGE_CONTENT"' not in event]
    return [_mask(item) for item in (*others, text)]


def _mask(text: str) -> str:
    for number, pattern in enumerate(_VARYING):
        text = re.sub(pattern, f"<{number}>", text)
    return text


def in_readme() -> str:
    """Return the exchange that the README shows."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    return readme.partition(START)[2].partition(END)[0].strip()


def main() -> None:
    """Write the exchange anew."""
    file = PROJECT / "README.md"
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder)) as demo:
        exchange = record(demo)
    before, _, rest = file.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    file.write_text(f"{before}{START}\n{exchange}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
