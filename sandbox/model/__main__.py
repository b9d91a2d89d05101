"""`python -m sandbox.model`: serve a script from a file until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.model.script import Script, ScriptError
from sandbox.model.script_file import __doc__ as file_format
from sandbox.model.script_file import load_script
from sandbox.model.server import serve

_DEFAULT_PORT = 8091
_EXAMPLE = Path(__file__).with_name("example.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        script = load_script(options.script)
    except ScriptError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(_serve(script, options.host, options.port, options.key or ["sk-test"]))
    return 0


async def _serve(script: Script, host: str, port: int, keys: list[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(script, host=host, port=port, keys=keys) as model:
        sys.stdout.write(f"OPENAI_BASE_URL={model.url}\n")
        sys.stdout.flush()
        await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.model",
        description="Serve scripted answers over OpenAI's chat-completions protocol.",
        epilog=file_format,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--script", type=Path, default=_EXAMPLE, help="YAML file (default: a small example)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=_DEFAULT_PORT, help="port, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--key", action="append", help="API key to accept, repeatable (default: sk-test)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
