"""Our own datasets, replayed with the built-in planner: every case passes."""

from __future__ import annotations

import pytest

from evals.loading import list_datasets, load_dataset
from evals.replay import Bench
from evals.report import told
from evals.running import run_case

DATASETS = [load_dataset(path) for path in list_datasets()]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("loaded", "case"),
    [
        pytest.param(loaded, case, id=f"{loaded.name}-{case.id}")
        for loaded in DATASETS
        for case in loaded.dataset.cases
    ],
)
async def test_case_passes(bench: Bench, loaded, case) -> None:
    result = await run_case(bench, loaded, case)
    assert list(told(result.findings)) == []
