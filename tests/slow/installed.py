"""What others wrote, installed as a lock file says: once, for all who test with it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from fasteners import InterProcessLock

from tests.conftest import STATE


def node_packages(folder: Path) -> Path:
    """Install the folder's package-lock.json; return where the packages are."""
    packages = folder / "node_modules"
    locked = _digest(folder / "package-lock.json")
    stamp = packages / ".installed"
    STATE.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(STATE / "npm.lock"):
        if not stamp.exists() or stamp.read_text() != locked:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)
            stamp.write_text(locked)
    return packages


def python_program(name: str, requirements: Path) -> Path:
    """Install the requirements where nothing of ours is; return the program of that name."""
    folder = STATE / f"{name}-{_digest(requirements)[:12]}"
    STATE.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(STATE / "pip.lock"):
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            options = ["--disable-pip-version-check", "--require-hashes", "-r", str(requirements)]
            subprocess.run([*pip, *options], check=True)
            (folder / "whole").touch()
    return folder / "bin" / name


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
