"""Part of `make check`: one head, models and migrations agree, migrations lock nothing for long.

Run as `python -m tests.migration_checks`; prints what is wrong and exits with 1.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from db.embedded import start_embedded_server
from db.startup import PROJECT, alembic_config, migrate

NAME = re.compile(r"^\d{8}_\d{4}_[a-z0-9_]+\.py$")
# The data model says VARCHAR and INT; the job engine's tables are its own; env.py sets the
# lock timeout for every migration.
EXCLUDED_RULES = (
    "prefer-text-field,prefer-bigint-over-int,prefer-identity,"
    "require-lock-timeout,require-statement-timeout"
)


def main() -> int:
    """Check the migrations; return the exit status."""
    problems = [*_names(), *_heads(), *_drift(), *_lint()]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if not problems:
        sys.stdout.write("Migrations: one head, in step with the models, lint clean.\n")
    return 1 if problems else 0


def _names() -> list[str]:
    files = (PROJECT / "alembic" / "versions").glob("*.py")
    return [
        f"{file.name}: name it YYYYMMDD_HHMM_description.py"
        for file in files
        if not NAME.match(file.name)
    ]


def _heads() -> list[str]:
    heads = ScriptDirectory.from_config(alembic_config("")).get_heads()
    return [] if len(heads) == 1 else [f"There must be one head, there are: {', '.join(heads)}"]


def _drift() -> list[str]:
    state = PROJECT / ".vaultra"
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state) as folder:
        url = start_embedded_server(Path(folder) / "postgres")
        migrate(url)
        said = io.StringIO()
        config = alembic_config(url)
        config.stdout = said
        try:
            with contextlib.redirect_stdout(said):
                command.check(config)
        except CommandError as error:
            return [f"The models and the migrations differ: {error}"]
    return []


def _lint() -> list[str]:
    script = io.StringIO()
    config = alembic_config("")
    config.output_buffer = script
    command.upgrade(config, "head", sql=True)
    squawk = Path(sys.executable).with_name("squawk")
    result = subprocess.run(
        [squawk, f"--exclude={EXCLUDED_RULES}"],
        input=script.getvalue(),
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if result.returncode == 0 else [result.stdout + result.stderr]


if __name__ == "__main__":
    sys.exit(main())
