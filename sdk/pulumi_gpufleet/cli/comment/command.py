"""`gpufleet comment`: a report as a comment on a pull request or merge request."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pulumi_gpufleet.cli.comment.forge import Forge, ForgeError
from pulumi_gpufleet.cli.comment.github import github
from pulumi_gpufleet.cli.comment.gitlab import gitlab
from pulumi_gpufleet.cli.comment.posting import Behaviour, body, existing, marker, publish
from pulumi_gpufleet.cli.report.markdown import markdown
from pulumi_gpufleet.cli.report.request import Answer, Request, report_options

_LONGEST_SUMMARY = 1_000_000
"""Characters that GitHub takes for a job's summary, with room for what other steps have written."""


@click.command()
@report_options
@click.option(
    "--forge",
    "forge_name",
    type=click.Choice(["github", "gitlab"]),
    help="Where to comment; by default where the job runs, else github.",
)
@click.option("--repository", help="owner/name on GitHub, id or path of the project on GitLab; by default the job's.")
@click.option("--number", type=click.IntRange(min=1), help="Pull request or merge request; by default the job's.")
@click.option(
    "--behaviour",
    type=click.Choice(["update", "new", "recreate"]),
    default="update",
    show_default=True,
    help="Update the stack's comment, post a new one, or delete the old ones and post a new one.",
)
@click.option("--always", is_flag=True, help="Post a comment where nothing changes, too.")
@click.pass_context
def command(
    ctx: click.Context,
    request: Request,
    forge_name: str | None,
    repository: str | None,
    number: int | None,
    behaviour: Behaviour,
    always: bool,
) -> None:
    """Post a report as a comment on a pull request or merge request, and write the job's summary.

    FILE and the options of the report are those of `gpufleet report`. Each stack has one comment, which is found by a
    hidden line and kept up to date. Where nothing changes, nothing is posted, but a comment that is there is updated.

    GITHUB_TOKEN (GitHub) or GITLAB_TOKEN (GitLab) has the token. On GitHub Actions, the report is written to the job's
    summary as well, before anything is posted. The exit codes are those of `gpufleet report`: the comment is posted
    before a broken rule ends the command.
    """
    answer = request.answer()
    _write_summary(answer, request.max_rows)
    forge_name = forge_name or ("gitlab" if os.environ.get("GITLAB_CI") else "github")
    try:
        with (github if forge_name == "github" else gitlab)(repository, number) as forge:
            _publish_all(forge, answer, request.max_rows, behaviour, always=always)
    except ForgeError as error:
        raise click.ClickException(str(error)) from None
    answer.end(ctx)


def _publish_all(forge: Forge, answer: Answer, max_rows: int, behaviour: Behaviour, *, always: bool) -> None:
    there = existing(forge, answer.reports)
    for report, broken in zip(answer.reports, answer.violations, strict=True):
        comments = there[marker(report)]
        is_news = bool(report.changed or report.failed or broken)
        if not (is_news or always or (comments and behaviour != "new")):
            click.echo(f"{report.name}: nothing changes, so nothing is posted")
            continue
        text = body(report, broken, max_rows=max_rows, max_characters=forge.longest_comment)
        click.echo(f"{report.name}: comment {publish(forge, text, comments, behaviour)}")


def _write_summary(answer: Answer, max_rows: int) -> None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    text = markdown(answer.reports, answer.violations, max_rows=max_rows, max_characters=_LONGEST_SUMMARY)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
