"""What things cost: by the book, by the cloud, or unknown."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.cli.conftest import Command
from tests.sdk.cli.report.conftest import RECORDED, TOGETHER, UNKNOWN, step

TEMPLATE = Path(__file__).parents[4] / "examples" / "gpufleet-prices.toml"
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
SHADEFORM = {"cloud": "denvr", "region": "houston-usa-1", "cluster_type": "H100_sxm5x8", "num_instances": 2}


def gpu(price: float, billing: str = "ON_DEMAND", **more: Any) -> str:
    return entry("gpu", gpu_type="H100_SXM", billing=billing, per_gpu_hour=price, **more)


def entry(kind: str, **fields: Any) -> str:
    fields = {"cloud": "together", "source": "made up", "date": TODAY} | fields
    lines = [f"{key} = {json.dumps(value) if isinstance(value, str) else value}" for key, value in fields.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])


STORAGE = entry("storage", per_tib_month=73)


@pytest.fixture
def report(gpufleet: Command, preview: Callable[..., Path], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Report a create of a resource with these inputs, by this book."""

    def run(inputs: dict[str, Any], *book: str, token: str = "together:Cluster", **more: Any) -> dict[str, Any]:
        (tmp_path / "gpufleet-prices.toml").write_text("\n".join(book))
        path = preview(step("create", "it", new={"inputs": inputs, **more}, token=token))
        result = gpufleet("report", path, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["stacks"][0]

    return run


@pytest.mark.parametrize(
    ("inputs", "book", "hourly", "prepaid", "unknown"),
    [
        pytest.param({}, [gpu(2)], {"USD": 16.0}, {}, [], id="on demand"),
        pytest.param({}, [], {}, {}, ["H100_SXM ON_DEMAND"], id="no entry"),
        pytest.param({}, [gpu(2, region="us-east-1")], {}, {}, ["H100_SXM ON_DEMAND"], id="another region"),
        pytest.param({}, [gpu(2), gpu(3, region="us-central-8")], {"USD": 24.0}, {}, [], id="its own region"),
        pytest.param({}, [gpu(2, currency="EUR")], {"EUR": 16.0}, {}, [], id="another currency"),
        pytest.param({}, [gpu(0)], {"USD": 0.0}, {}, [], id="free"),
        pytest.param(
            {"shared_volume": UNKNOWN}, [gpu(2), STORAGE], {"USD": 16.0}, {}, ["storage"], id="unknown volume"
        ),
        pytest.param(
            {"shared_volume": {"volume_name": "v", "size_tib": 10}},
            [gpu(2), STORAGE],
            {"USD": 17.0},
            {},
            [],
            id="volume",
        ),
        pytest.param(
            {"shared_volume": {"volume_name": "v", "size_tib": 10}},
            [gpu(2)],
            {"USD": 16.0},
            {},
            ["storage"],
            id="no storage",
        ),
        pytest.param(
            {"shared_volume": {"volume_name": "v"}},
            [gpu(2), STORAGE],
            {"USD": 16.0},
            {},
            ["storage"],
            id="unknown size",
        ),
        pytest.param(
            {"num_preemptible_gpus": 8},
            [gpu(2), gpu(1, "PREEMPTIBLE")],
            {"USD": 24.0},
            {},
            [],
            id="preemptible besides",
        ),
        pytest.param(
            {"num_gpus": 16, "num_capacity_pool_gpus": 8, "capacity_pool_id": "p"},
            [gpu(2)],
            {"USD": 16.0},
            {},
            ["H100_SXM CAPACITY_POOL"],
            id="from a pool",
        ),
        pytest.param(
            {"billing_type": "RESERVED", "duration_days": 10},
            [gpu(1, "RESERVED")],
            {},
            {"USD": 1920.0},
            [],
            id="reserved",
        ),
        pytest.param(
            {"billing_type": "RESERVED", "duration_days": 10, "num_gpus": 16, "num_reserved_gpus": 8},
            [gpu(1, "RESERVED"), gpu(2)],
            {"USD": 16.0},
            {"USD": 1920.0},
            [],
            id="partly reserved",
        ),
        pytest.param(
            {"billing_type": "RESERVED"},
            [gpu(1, "RESERVED")],
            {},
            {},
            ["H100_SXM RESERVED: length of the term"],
            id="a term of unknown length",
        ),
        pytest.param(
            {
                "billing_type": "SCHEDULED_CAPACITY",
                "reservation_start_time": "2030-01-01T00:00:00Z",
                "reservation_end_time": "2030-01-02T01:00:00+01:00",
            },
            [gpu(1, "SCHEDULED_CAPACITY")],
            {},
            {"USD": 192.0},
            [],
            id="scheduled",
        ),
    ],
)
def test_together(
    report: Callable[..., dict[str, Any]],
    inputs: dict[str, Any],
    book: list[str],
    hourly: dict[str, float],
    prepaid: dict[str, float],
    unknown: list[str],
) -> None:
    stack = report(TOGETHER | inputs, *book)
    after = stack["resources"][0]["after"]
    assert (after["hourly"], after["prepaid"], after["unknown_prices"]) == (hourly, prepaid, unknown)
    assert (stack["hourly_after"], stack["newly_prepaid"]) == (hourly, prepaid)
    assert stack["unknown_prices_after"] == bool(unknown)


@pytest.mark.parametrize(
    "field", ["num_gpus", "billing_type", "num_reserved_gpus", "num_preemptible_gpus", "num_capacity_pool_gpus"]
)
def test_an_unknown_input_is_an_unknown_price(report: Callable[..., dict[str, Any]], field: str) -> None:
    stack = report(TOGETHER | {"billing_type": "RESERVED", "duration_days": 1, field: UNKNOWN}, gpu(2, "RESERVED"))
    assert stack["resources"][0]["after"]["unknown_prices"] == ["GPUs"]


def test_a_volume_of_its_own(report: Callable[..., dict[str, Any]]) -> None:
    stack = report({"region": "us-central-8", "size_tib": 10}, STORAGE, token="together:Volume")
    assert stack["hourly_after"] == {"USD": 1.0}


def test_an_old_entry_is_used_and_marked(report: Callable[..., dict[str, Any]]) -> None:
    date = TODAY - datetime.timedelta(days=31)
    assert report(TOGETHER, gpu(2, date=date))["risks"] == []
    stack = report(TOGETHER, "old_after_days = 30", gpu(2, date=date))
    assert stack["hourly_after"] == {"USD": 16.0}
    assert [each["message"] for each in stack["risks"]] == [
        f"the price of H100_SXM ON_DEMAND is of {date}: it may be out of date"
    ]


def shadeform(hourly: int | None, *members: int | None) -> dict[str, Any]:
    return {"hourly_price": hourly, "instances": [{"hourly_price": each} for each in members]}


@pytest.mark.parametrize(
    ("outputs", "hourly", "notes"),
    [
        (shadeform(2800, 1400, 1400), {"USD": 28.0}, 0),
        (shadeform(2800), {"USD": 28.0}, 0),
        (shadeform(1400, 1400, 1400), {"USD": 28.0}, 1),  # of one machine, against what the schema says
        (shadeform(None, 1400, 1400), {"USD": 28.0}, 0),
        (shadeform(None), {}, 0),
    ],
)
def test_shadeform_says_what_a_cluster_costs(
    gpufleet: Command, preview: Callable[..., Path], outputs: dict[str, Any], hourly: dict[str, float], notes: int
) -> None:
    path = preview(step("delete", "it", {"inputs": SHADEFORM, "outputs": outputs}, token="shadeform:Cluster"))
    stack = json.loads(gpufleet("report", path, "--format", "json").stdout)["stacks"][0]
    assert stack["hourly_before"] == hourly
    assert len([each for each in stack["risks"] if each["kind"] == "price"]) == notes
    assert stack["unknown_prices_before"] == (not hourly)


def test_more_machines_of_the_same_type_cost_the_same_each(gpufleet: Command, preview: Callable[..., Path]) -> None:
    old = {"inputs": SHADEFORM, "outputs": shadeform(2800, 1400, 1400)}
    for change, hourly in (({"num_instances": 4}, {"USD": 56.0}), ({"region": "elsewhere"}, {})):
        path = preview(step("replace", "it", old, {"inputs": SHADEFORM | change}, token="shadeform:Cluster"))
        stack = json.loads(gpufleet("report", path, "--format", "json").stdout)["stacks"][0]
        assert (stack["hourly_before"], stack["hourly_after"]) == ({"USD": 28.0}, hourly)


def test_a_machine_by_the_book(report: Callable[..., dict[str, Any]]) -> None:
    book = entry("machine", cloud="shadeform", machine_type="H100_sxm5x8", per_machine_hour=14)
    assert report(SHADEFORM, book, token="shadeform:Cluster")["hourly_after"] == {"USD": 28.0}


def test_currencies_are_never_added_up(gpufleet: Command, tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(gpu(2, currency="EUR") + gpu(1, "RESERVED", currency="EUR"))
    result = gpufleet("report", RECORDED / "embedded.json", "--prices", book)
    assert "€96.00 and $56.00" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[gpu]", "it is not TOML"),
        (gpu(2).replace("per_gpu_hour", "per_hour"), "gpu[1].per_gpu_hour: Field required"),
        (gpu(2).replace('source = "made up"\n', ""), "gpu[1].source: Field required"),
        (gpu(-2), "gpu[1].per_gpu_hour: Input should be greater than or equal to 0"),
        (gpu(2, "MONTHLY"), "gpu[1].billing: Input should be 'ON_DEMAND'"),
        (gpu(2, currency="$"), "gpu[1].currency"),
        (gpu(2) + gpu(3), "two entries of [[gpu]] are for the same: together, H100_SXM, ON_DEMAND"),
        ("per_gpu_hour = nan", "per_gpu_hour: Extra inputs are not permitted"),
        (gpu(float("nan")), "gpu[1].per_gpu_hour: Input should be a finite number"),
    ],
)
def test_a_book_that_cannot_be_used_says_where(gpufleet: Command, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gpufleet-prices.toml").write_text(text)
    result = gpufleet("report", RECORDED / "cli.json")
    assert result.exit_code == 1
    assert result.output.startswith("Error: gpufleet-prices.toml: ")
    assert message in result.output
    assert result.output.count("\n") == 1


def test_the_template_holds_no_figure_and_is_a_book_once_it_is_filled_in(
    report: Callable[..., dict[str, Any]],
) -> None:
    template = TEMPLATE.read_text()
    volume = {"shared_volume": {"volume_name": "v", "size_tib": 10}}
    assert report(TOGETHER | volume, template)["hourly_after"] == {}
    assert not re.search(r"per_\w+ = *\S", template)
    filled = re.sub(r"^# (?=\[\[|\w+ =|\w+_\w+ =)", "", template, flags=re.MULTILINE)
    filled = re.sub(r"(per_\w+ =)", r"\1 2", filled)
    assert report(TOGETHER | volume, filled)["hourly_after"] == {"USD": 16.03}


def test_prices_and_capacity_are_asked_for(
    gpufleet: Command, preview: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpufleet_provider.simulator import running

    path = preview(
        step("create", "a", new={"inputs": SHADEFORM}, token="shadeform:Cluster"),
        step("create", "b", new={"inputs": TOGETHER | {"region": "nowhere"}}),
    )
    keyless = gpufleet("report", path, "--live")
    assert keyless.exit_code == 1
    assert "no key is set in" in keyless.output
    with running(speed=0) as simulator:
        for cloud in ("together", "shadeform"):
            monkeypatch.setenv(f"{cloud.upper()}_API_KEY", "simulated")
            monkeypatch.setenv(f"{cloud.upper()}_BASE_URL", simulator.base_url(cloud))
        stack = json.loads(gpufleet("report", path, "--live", "--format", "json").stdout)["stacks"][0]
    assert stack["hourly_after"] == {"USD": 28.0}
    assert [(each["kind"], each["resource"]) for each in stack["risks"]] == [("capacity", "b"), ("price", None)]
