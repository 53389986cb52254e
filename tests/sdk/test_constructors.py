"""The two forms of a constructor, Pulumi's own: keywords, or all arguments as one object; and what mixes them up."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_gpufleet import shadeform

from tests.sdk.program import run

NEEDED: shadeform.ClusterArgsDict = {
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}
PROTECTED = pulumi.ResourceOptions(protect=True)

Create = Callable[..., Any]


@pytest.mark.parametrize(
    ("create", "protected"),
    [
        (lambda args: shadeform.Cluster("batch", **NEEDED), False),
        (lambda args: shadeform.Cluster("batch", None, **NEEDED), False),
        (lambda args: shadeform.Cluster("batch", PROTECTED, **NEEDED), True),
        (lambda args: shadeform.Cluster("batch", opts=PROTECTED, **NEEDED), True),
        (lambda args: shadeform.Cluster(resource_name="batch", opts=PROTECTED, **NEEDED), True),
        (lambda args: shadeform.Cluster("batch", args), False),
        (lambda args: shadeform.Cluster("batch", args, None), False),
        (lambda args: shadeform.Cluster("batch", args, PROTECTED), True),
        (lambda args: shadeform.Cluster("batch", args, opts=PROTECTED), True),
        (lambda args: shadeform.Cluster("batch", args=args, opts=PROTECTED), True),
    ],
)
def test_both_forms_ask_for_the_same(create: Create, protected: bool) -> None:
    (request,) = run(lambda: create(shadeform.ClusterArgs(**NEEDED)) and None)
    assert {name: value for name, value in request.inputs.items() if not name.startswith("__")} == NEEDED
    assert request.message.protect is protected


def test_an_argument_may_be_set_after_the_object_is_made() -> None:
    def program() -> None:
        args = shadeform.ClusterArgs(**NEEDED)
        args.num_instances = 4
        args.region = pulumi.Output.from_input("elsewhere")
        shadeform.Cluster("batch", args)

    (request,) = run(program)
    assert (request.inputs["num_instances"], request.inputs["region"]) == (4, "elsewhere")


def test_one_object_may_serve_several_resources() -> None:
    def program() -> None:
        args = shadeform.ClusterArgs(**NEEDED)
        for name in ("one", "two"):
            shadeform.Cluster(name, args)

    one, two = run(program)
    assert one.inputs["__offered_name"] != two.inputs["__offered_name"]


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (
            lambda new, args: new("batch", NEEDED),
            "the name is followed by ClusterArgs, pulumi.ResourceOptions or keywords, not by dict; "
            "unpack a dictionary of arguments with `**`",
        ),
        (lambda new, args: new("batch", PROTECTED, args), "not by ClusterArgs"),
        (lambda new, args: new("batch", args, PROTECTED, "more"), "not by str"),
        (lambda new, args: new("batch", args=NEEDED), "args must be ClusterArgs, not dict"),
        (lambda new, args: new("batch", args, opts={"protect": True}), "opts must be ResourceOptions, not dict"),
        (lambda new, args: new("batch", args, args=args), "args is given twice, by position and as a keyword"),
        (lambda new, args: new("batch", args, PROTECTED, opts=PROTECTED), "opts is given twice"),
        (lambda new, args: new("batch", args, region="x"), "region: give all arguments in args, or all as keywords"),
        (lambda new, args: new("batch", **{**NEEDED, "regoin": "x"}), "got an unexpected keyword argument 'regoin'"),
        (
            lambda new, args: new("batch"),
            "missing 4 required keyword-only arguments: 'cloud', 'region'",
        ),
    ],
)
def test_what_is_mixed_up_is_refused_in_one_line(create: Create, reason: str) -> None:
    with pytest.raises(pulumi.RunError, match=re.escape(reason)) as raised:
        run(lambda: create(shadeform.Cluster, shadeform.ClusterArgs(**NEEDED)))
    assert str(raised.value).startswith("shadeform:Cluster 'batch': ")
    assert "\n" not in str(raised.value)
