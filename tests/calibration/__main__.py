"""Run `python -m tests.calibration` to write docs/calibration.md again."""

from __future__ import annotations

import sys

from tests.calibration.page import PAGE, page


def main() -> int:
    """Write the page; return the exit status."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
