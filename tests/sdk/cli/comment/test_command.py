"""`gpufleet comment` against fake forges: one comment for each stack, and clear words where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from markdown_it import MarkdownIt

from tests.sdk.cli.comment.conftest import TOKEN, FakeForge
from tests.sdk.cli.conftest import CANARY, Command
from tests.sdk.cli.report.conftest import RECORDED, TOGETHER, environment, preview, step

__all__ = ["environment", "preview"]
RECORDING = RECORDED / "cli.json"
MARKER = "<!-- gpufleet report of fleet/dev -->"


@pytest.fixture
def comment(gpufleet: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run `gpufleet comment`, which must never print the token; waits take no time."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)

    def run(*arguments: str | Path) -> Result:
        result = gpufleet("comment", *arguments)
        assert TOKEN not in result.output
        return result

    run.waits = waits  # type: ignore[attr-defined]
    yield run


def test_a_comment_is_posted_and_then_kept_up_to_date(
    forge: FakeForge, comment: Callable[..., Result], preview: Callable[..., Path]
) -> None:
    posted = comment(RECORDING)
    assert (posted.exit_code, posted.output) == (0, "fleet/dev: comment posted\n")
    assert comment(RECORDING).output == "fleet/dev: comment is up to date\n"
    (text,) = forge.comments.values()
    assert text.startswith(f"{MARKER}\n### fleet/dev: ")
    assert "us-central-8 → us-east-1" in text

    assert comment(preview(step("create", "other", new={"inputs": TOGETHER}))).output == "fleet/dev: comment updated\n"
    (text,) = forge.comments.values()
    assert "other" in text
    assert "training" not in text


def test_the_comment_is_found_among_250(forge: FakeForge, comment: Callable[..., Result]) -> None:
    forge.add(*("something" for _ in range(220)))
    (mine,) = forge.add(f"{MARKER}\r\nold")
    forge.add(*("something else" for _ in range(29)))
    assert comment(RECORDING).output == "fleet/dev: comment updated\n"
    assert len(forge.comments) == 250
    assert "Prepaid term forfeited" in forge.comments[mine]
    assert forge.requests.count("GET") == 3


def test_a_quoted_marker_is_not_the_comment(forge: FakeForge, comment: Callable[..., Result]) -> None:
    (quoting,) = forge.add(f"> {MARKER}\nI do not agree")
    assert comment(RECORDING).output == "fleet/dev: comment posted\n"
    assert forge.comments[quoting] == f"> {MARKER}\nI do not agree"


def test_a_full_last_page(forge: FakeForge, comment: Callable[..., Result]) -> None:
    forge.add(*("something" for _ in range(99)))
    forge.add(f"{MARKER}\nold")
    assert comment(RECORDING).output == "fleet/dev: comment updated\n"


@pytest.mark.parametrize(
    ("behaviour", "output", "left"), [("update", "updated", 2), ("new", "posted", 3), ("recreate", "recreated", 1)]
)
def test_behaviours(forge: FakeForge, comment: Callable[..., Result], behaviour: str, output: str, left: int) -> None:
    forge.add(f"{MARKER}\noldest", f"{MARKER}\nold", "<!-- gpufleet report of fleet/prod -->\nanother stack's")
    assert comment(RECORDING, "--behaviour", behaviour).output == f"fleet/dev: comment {output}\n"
    mine = [text for text in forge.comments.values() if text.startswith(MARKER)]
    assert len(mine) == left
    assert "Prepaid term forfeited" in mine[-1]


def test_each_stack_has_its_comment(
    forge: FakeForge, comment: Callable[..., Result], preview: Callable[..., Path]
) -> None:
    prod = preview(step("create", "it", new={"inputs": TOGETHER}, stack="prod"))
    for word in ("posted", "is up to date"):
        assert comment(RECORDING, prod).output == f"fleet/dev: comment {word}\nfleet/prod: comment {word}\n"
    assert len(forge.comments) == 2


def test_nothing_is_posted_where_nothing_changes(
    forge: FakeForge, comment: Callable[..., Result], preview: Callable[..., Path]
) -> None:
    nothing = preview(step("same", "it", {"inputs": TOGETHER}, {"inputs": TOGETHER}))
    assert comment(nothing).output == "fleet/dev: nothing changes, so nothing is posted\n"
    assert not forge.comments
    assert comment(nothing, "--always").output == "fleet/dev: comment posted\n"
    assert "Nothing changes" in forge.comments[1]


def test_a_comment_that_no_longer_holds_is_updated(
    forge: FakeForge, comment: Callable[..., Result], preview: Callable[..., Path]
) -> None:
    comment(RECORDING)
    nothing = preview(step("same", "it", {"inputs": TOGETHER}, {"inputs": TOGETHER}))
    assert comment(nothing).output == "fleet/dev: comment updated\n"
    assert "Nothing changes" in forge.comments[1]


def test_a_comment_that_is_deleted_meanwhile_is_posted_again(forge: FakeForge, comment: Callable[..., Result]) -> None:
    forge.add(f"{MARKER}\nold")
    forge.answers = {"PATCH": [(404, {})], "PUT": [(404, {})]}
    assert comment(RECORDING).output == "fleet/dev: comment posted again: it was deleted meanwhile\n"


def test_a_long_report_is_cut_between_rows(forge: FakeForge, comment: Callable[..., Result], tmp_path: Path) -> None:
    forge.limit = min(forge.limit, 65_536)
    steps = [step("create", f"cluster-{number}", new={"inputs": TOGETHER}) for number in range(1000)]
    (tmp_path / "big.json").write_text(json.dumps({"steps": steps, "changeSummary": {"create": 1000}}))
    arguments = ("--max-rows", "1000000") if forge.path.startswith("/repos") else ("--max-rows", "300")
    assert comment("big.json", *arguments).exit_code == 0
    (text,) = forge.comments.values()
    rows = text.count("| create | cluster-")
    assert len(text) <= 65_536
    assert f"{1000 - rows} more changes are not shown." in text
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<tr>") == rows + 3 + 2 + 1
    assert html.rstrip().endswith("</details>")


def test_the_job_has_a_summary(
    forge: FakeForge, comment: Callable[..., Result], summary: Path, preview: Callable[..., Path]
) -> None:
    summary.write_text("of another step\n")
    prod = preview(step("create", "it", new={"inputs": TOGETHER}, stack="prod"))
    comment(RECORDING, prod)
    text = summary.read_text()
    assert text.startswith("of another step\n### fleet/dev")
    assert "### fleet/prod" in text
    assert MARKER not in text


def test_a_broken_rule_ends_with_3_after_the_comment(forge: FakeForge, comment: Callable[..., Result]) -> None:
    result = comment(RECORDING, "--fail-on", "forfeit")
    assert result.exit_code == 3
    assert "Rules that this breaks" in forge.comments[1]


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for(forge: FakeForge, comment: Any) -> None:
    forge.answers = {
        "GET": [(429, {"Retry-After": "3"}), (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"})],
        "POST": [(429, {"Retry-After": "5"})],
    }
    assert comment(RECORDING).output == "fleet/dev: comment posted\n"
    assert comment.waits == [3.0, 0.0, 5.0]
    assert len(forge.comments) == 1


def test_a_long_rate_limit_ends_the_command(forge: FakeForge, comment: Any) -> None:
    forge.answers = {"GET": [(429, {"Retry-After": "1800"})]}
    result = comment(RECORDING)
    assert result.exit_code == 1
    assert "takes no more requests for 1800 s (429); run it again then" in result.output
    assert comment.waits == []


def test_a_fault_is_repeated_but_a_post_is_not(forge: FakeForge, comment: Any) -> None:
    forge.answers = {"GET": [(502, {})], "POST": [(502, {})]}
    result = comment(RECORDING)
    assert result.exit_code == 1
    assert "refused the request (502" in result.output
    assert forge.requests == ["GET", "GET", "POST"]
    assert len(comment.waits) == 1


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [
        ("GET", 401, "is not valid or has ended"),
        ("POST", 403, "the token may not write comments"),
        ("GET", 404, "request 7, or the token may not see it"),
        ("GET", 418, "refused the request (418, no GET with"),
    ],
)
def test_a_refusal_says_what_to_do(
    forge: FakeForge, comment: Callable[..., Result], summary: Path, method: str, status: int, message: str
) -> None:
    forge.answers = {method: [(status, {})]}
    result = comment(RECORDING)
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1
    assert "fleet/dev" in summary.read_text()  # what could not be posted is in the job's summary


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nowhere", "http://["])
def test_a_forge_that_cannot_be_reached(
    forge: FakeForge, comment: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", url)
    monkeypatch.setenv("CI_API_V4_URL", url)
    result = comment(RECORDING)
    assert result.exit_code == 1
    assert result.output.startswith("Error: Git")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("missing", ["token", "number", "repository"])
def test_what_is_missing_is_named(
    forge: FakeForge, comment: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    names = {
        "token": ("GITHUB_TOKEN", "GITLAB_TOKEN"),
        "number": ("GITHUB_REF", "CI_MERGE_REQUEST_IID"),
        "repository": ("GITHUB_REPOSITORY", "CI_PROJECT_ID"),
    }[missing]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    result = comment(RECORDING)
    assert result.exit_code == 1
    assert {"token": "set GIT", "number": "give --number", "repository": "give --repository"}[missing] in result.output
    assert not forge.requests


def test_the_number_is_in_the_event_as_well(
    forge: FakeForge, comment: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert comment(RECORDING).output == "fleet/dev: comment posted\n"


def test_no_secret_is_posted(forge: FakeForge, comment: Callable[..., Result], preview: Callable[..., Path]) -> None:
    hidden = {"oidc_config": {"client_secret": CANARY}, "slurm_image": CANARY}
    path = preview(
        step(
            "update",
            "it",
            {"inputs": TOGETHER, "outputs": {"kube_config": CANARY}},
            {"inputs": TOGETHER | hidden},
            diffReasons=["oidc_config", "slurm_image"],
        ),
        config={"together:apiKey": CANARY},
    )
    assert comment(path).exit_code == 0
    (text,) = forge.comments.values()
    assert "oidc\\_config, slurm\\_image" in text
    assert CANARY not in text
