"""The reference client completes a conversation against the running service."""

from __future__ import annotations

import os
import subprocess

import pytest

from db.startup import PROJECT
from tests.processes import running_demo
from tests.slow.installed import node_packages

pytestmark = pytest.mark.slow
FOLDER = PROJECT / "tests" / "node"


def test_reference_client_completes_a_conversation(tmp_path) -> None:
    node_packages(FOLDER)
    with running_demo(tmp_path) as demo:
        result = subprocess.run(
            ["node", "--test"],
            cwd=FOLDER,
            env={**os.environ, "VAULTRA_URL": demo.url, "VAULTRA_TOKEN": demo.token},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
