"""`--fail-on` and `--rules`: what breaks a rule, and what the exit code says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.cli.conftest import Command
from tests.sdk.cli.report.conftest import RECORDED, TOGETHER, UNKNOWN, step

BOOK = """
[[gpu]]
cloud = "together"
gpu_type = "H100_SXM"
billing = "ON_DEMAND"
per_gpu_hour = 2
source = "made up"
date = 2026-11-01
"""
VOLUME = {"shared_volume": {"volume_name": "v", "size_tib": 1}}
RESERVED = {"billing_type": "RESERVED", "duration_days": 30}
LEFT = {"billing_type": "RESERVED", "reservation_end_time": "2999-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def book(environment: None, tmp_path: Path) -> None:
    (tmp_path / "gpufleet-prices.toml").write_text(BOOK)


def create(name: str = "it", **inputs: Any) -> dict[str, Any]:
    return step("create", name, new={"inputs": TOGETHER | inputs})


@pytest.mark.parametrize(
    ("steps", "rule", "message"),
    [
        ([create()], "cost=15.99", "the stack costs 16.00 USD per hour; 15.99 is allowed"),
        ([create()], "cost=16", None),
        ([create(gpu_type="H200_SXM")], "cost=16", "cannot be judged: the price of it is unknown"),
        ([create()], "increase=15", "the cost rises by 16.00 USD per hour; 15.00 is allowed"),
        ([step("delete", "it", {"inputs": TOGETHER})], "increase=0", None),
        ([step("same", "it", {"inputs": TOGETHER}, {"inputs": TOGETHER})], "increase=0", None),
        ([create(gpu_type="H200_SXM")], "increase=16", "cannot be judged"),
        ([create()], "gpu-type=H200_SXM,B200_SXM", "H100_SXM is not one of H200_SXM, B200_SXM"),
        ([create()], "gpu-type=H200_SXM, H100_SXM", None),
        ([create()], "region=us-east-1", "us-central-8 is not one of us-east-1"),
        ([step("same", "it", {"inputs": TOGETHER}, {"inputs": TOGETHER})], "region=us-east-1", None),
        ([create()], "unprotected=8", "8 GPUs without `protect`"),
        ([create()], "unprotected=9", None),
        ([step("create", "it", new={"inputs": TOGETHER, "protect": True})], "unprotected=8", None),
        ([step("delete", "it", {"inputs": TOGETHER | VOLUME})], "data-loss", "loses the volume v"),
        ([step("delete", "it", {"inputs": TOGETHER})], "data-loss", None),
        ([step("delete", "it", {"inputs": LEFT})], "forfeit", "prepaid until 2999-01-01T00:00:00Z"),
        ([create(cluster_name="test-1")], "name=prod-.*", "'test-1' does not match prod-.*"),
        ([create(cluster_name="prod-1")], "name=prod-.*", None),
        ([create(**RESERVED)], "term=29", "a prepaid term of 30 days; 29 is allowed"),
        ([create(**RESERVED)], "term=30", None),
        ([create(billing_type="RESERVED")], "term=30", "the length of its prepaid term is unknown"),
        ([create()], "term=1", None),
        ([create(region=UNKNOWN)], "region=us-central-8", "its region is not known yet"),
        ([create(gpu_type=UNKNOWN)], "gpu-type=H100_SXM", "its GPU type is not known yet"),
        ([create(num_gpus=UNKNOWN)], "unprotected=8", "its number of GPUs is not known yet"),
        ([step("create", "key", new={"inputs": {}}, token="shadeform:SshKey")], "region=x", None),
    ],
)
def test_a_broken_rule_is_named_and_ends_with_3(
    gpufleet: Command, preview: Callable[..., Path], steps: list[dict[str, Any]], rule: str, message: str | None
) -> None:
    path = preview(*steps)
    result = gpufleet("report", path, "--fail-on", rule, "-o", "report.json")
    assert result.exit_code == (0 if message is None else 3), result.output
    broken = json.loads(Path("report.json").read_text())["stacks"][0]["broken_rules"]
    assert [message in each["message"] for each in broken] == ([True] if message is not None else [])
    assert (message or "") in result.stderr
    for form in ("markdown", "html", "table"):
        shown = gpufleet("report", path, "--fail-on", rule, "--format", form).stdout
        assert ("Rules that this breaks" in shown or "! rule" in shown) == (message is not None)


def test_a_cost_that_is_not_wholly_in_the_preview_does_not_pass(
    gpufleet: Command, preview: Callable[..., Path]
) -> None:
    path = preview(create(), changeSummary={"create": 1, "same": 3})
    result = gpufleet("report", path, "--fail-on", "cost=1000")
    assert result.exit_code == 3
    assert "give the event log as well" in result.stderr


def test_every_stack_is_judged_by_itself(gpufleet: Command, preview: Callable[..., Path]) -> None:
    two = step("create", "it", new={"inputs": TOGETHER | {"num_gpus": 16}}, stack="prod")
    files = preview(create(), name="one.json"), preview(two, name="two.json")
    result = gpufleet("report", *files, "--fail-on", "cost=20")
    assert result.exit_code == 3
    assert result.stderr == "fleet/prod: max_hourly_cost: the stack costs 32.00 USD per hour; 20.00 is allowed\n"


def test_rules_of_a_file_and_of_options_count_together(gpufleet: Command, tmp_path: Path) -> None:
    rules = {"max_hourly_cost": 1, "regions": ["us-central-8"], "no_forfeit": True}
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    result = gpufleet("report", RECORDED / "cli.json", "--rules", "rules.json", "--fail-on", "cost=1000000")
    assert result.exit_code == 3
    assert "max_hourly_cost: the stack" not in result.stderr
    assert "no_forfeit reserved: forfeits" in result.stderr
    assert "regions training: us-east-1 is not one of us-central-8" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-on", "price=1"], "--fail-on knows no 'price'; it knows cost, increase"),
        (["--fail-on", "cost"], "--fail-on cost needs a value: cost=…"),
        (["--fail-on", "forfeit=yes"], "--fail-on forfeit takes no value"),
        (["--fail-on", "cost=-1"], "max_hourly_cost: Input should be greater than or equal to 0"),
        (["--fail-on", "unprotected=many"], "protect_from_gpus: Input should be a valid integer"),
        (["--fail-on", "name=("], "name_pattern: Value error, not a regular expression"),
        (["--rules", "rules.json"], "rules.json: max_cost: Extra inputs are not permitted"),
        (["--rules", "broken.json"], "broken.json: Invalid JSON"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_in_one_line(
    gpufleet: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "rules.json").write_text('{"max_cost": 1}')
    (tmp_path / "broken.json").write_text("{")
    result = gpufleet("report", RECORDED / "cli.json", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1
