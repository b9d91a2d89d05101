"""evals: replay written conversations and judge them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# ruff: noqa: PLC0415 - agent and worker take seconds to import; `vaultra chat` must not.

if TYPE_CHECKING:
    from evals.loading import LoadedDataset
    from evals.report import CaseResult, Report
    from evals.running import Chosen

app = typer.Typer(
    help="Replay written conversations against the real agent and judge them.",
    no_args_is_help=True,
)
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATASET", help="Names or files of datasets; all of ours if none."),
]
Ids = Annotated[list[str] | None, typer.Option("--case", help="Only this case; repeatable.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Only cases with this tag.")]


@app.command("run")
def run(
    datasets: Names = None,
    case: Ids = None,
    tag: Tags = None,
    model: Annotated[
        Literal["planner", "openai"],
        typer.Option(help="Who answers where a case does not say: openai needs OPENAI_API_KEY."),
    ] = "planner",
    at_once: Annotated[
        int, typer.Option(min=1, max=16, help="How many cases are replayed at the same time.")
    ] = 2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report and each conversation here.")
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML here, for CI.")
    ] = None,
) -> None:
    """Replay cases and judge them; exit with 1 if any of them fails.

    Each case gets a database of its own, made for it and dropped after it: on the embedded
    server, or on that of DATABASE_URL if its user may create databases.
    """
    from config.logs import set_up_logs
    from evals.running import choose

    set_up_logs("ERROR")
    chosen = choose(_load(datasets), ids=case or (), tags=tag or ())
    report = asyncio.run(_run(chosen, model, at_once))
    if json_file:
        from evals.report import to_json

        json_file.write_text(json.dumps(to_json(report), indent=2) + "\n", encoding="utf-8")
    if junit_file:
        from evals.report import write_junit

        write_junit(report, junit_file)
    _print_report(report)
    raise typer.Exit(1 if report.failed else 0)


async def _run(chosen: list[Chosen], model: Literal["planner", "openai"], at_once: int) -> Report:
    from cli.fixtures import SandboxStandIns
    from config.settings import load_settings
    from db.scratch import ScratchServer
    from db.startup import database_url
    from evals.replay import Bench
    from evals.running import run_cases

    settings = load_settings()
    console = Console(stderr=True)
    url = database_url(settings)
    async with ScratchServer.opened(url) as server:
        bench = Bench(server, SandboxStandIns(), model, settings.model)
        with console.status("Replaying …"):
            return await run_cases(
                bench, chosen, at_once=at_once, tell=lambda result: _print_result(console, result)
            )


def _load(names: list[str] | None) -> list[LoadedDataset]:
    from evals.loading import find_datasets, load_dataset

    return [load_dataset(path) for path in find_datasets(names or ())]


def _print_result(console: Console, result: CaseResult) -> None:
    mark = "[green]passed[/]" if result.passed else "[red]failed[/]"
    console.print(f"{mark} {result.case.id} [dim]{result.seconds:.1f} s[/]", highlight=False)


def _print_report(report: Report) -> None:
    from evals.report import told

    console = Console()
    table = Table("Dataset", "Case", "Model", "Turns", "Seconds", "Result")
    for result in report.results:
        table.add_row(
            result.dataset,
            result.case.id,
            result.model,
            str(len(result.case.turns)),
            f"{result.seconds:.1f}",
            "passed" if result.passed else "[red]failed[/]",
        )
    console.print(table)
    for result in report.results:
        for line in told(result.findings):
            console.print(f"[red]{result.case.id}[/] {escape(line)}", highlight=False)
    digests = ", ".join(f"{loaded.name} {loaded.digest}" for loaded in report.datasets)
    console.print(
        f"{report.passed} of {len(report.results)} passed ({report.pass_rate:.2%}) in"
        f" {report.seconds:.0f} s. Prompt {report.prompt_version}, datasets: {digests}.",
        highlight=False,
    )


@app.command("list")
def list_cases(
    datasets: Names = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the cases of the datasets, which are checked on the way."""
    found = [(loaded, case) for loaded in _load(datasets) for case in loaded.dataset.cases]
    if as_json:
        fields = {"id", "description", "tags"}
        listed = [
            {"dataset": loaded.name, **case.model_dump(include=fields)} for loaded, case in found
        ]
        typer.echo(json.dumps(listed, indent=2))
        return
    table = Table("Dataset", "Case", "Tags", "Description")
    for loaded, case in found:
        table.add_row(loaded.name, case.id, ", ".join(case.tags), escape(case.description))
    Console().print(table)


@app.command("schema")
def schema() -> None:
    """Print the JSON schema of a dataset."""
    from evals.cases import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
