"""The base of the resource classes: what it asks the engine for, and what the program gets back."""

from __future__ import annotations

import json
import re
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_gpufleet import shadeform, together
from pulumi_gpufleet.resource import offered_name

from tests.sdk.program import ORGANIZATION, Request, run

NEEDED: dict[str, Any] = {"region": "us-central-8", "gpu_type": "H100_SXM", "num_gpus": 8, "billing_type": "ON_DEMAND"}


def declared(*, preview: bool = False, **arguments: Any) -> Request:
    (request,) = run(lambda: together.Cluster("train", **{**NEEDED, **arguments}) and None, preview=preview)
    return request


def visible(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.inputs.items() if not name.startswith("__")}


# --- The inputs bag -------------------------------------------------------------------------------------------------


def test_inputs_keep_the_vendors_names_and_absent_ones_are_not_sent() -> None:
    assert visible(declared(num_preemptible_gpus=None)) == NEEDED


def test_the_type_token_is_the_frozen_one() -> None:
    assert declared().message.type == "pulumi-python:dynamic/together:Cluster"
    (request,) = run(
        lambda: (
            shadeform.Cluster("c", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2)
            and None
        )
    )
    assert request.message.type == "pulumi-python:dynamic/shadeform:Cluster"


def test_a_replacement_deletes_first_whoever_decides_it_unless_the_program_says_otherwise() -> None:
    # Of --replace and of a taint the engine does not ask the provider: it would create first, and the create would
    # find the very cluster that is about to be deleted under its name.
    assert declared().message.deleteBeforeReplace and declared().message.deleteBeforeReplaceDefined
    first = declared(opts=pulumi.ResourceOptions(delete_before_replace=False))
    assert first.message.deleteBeforeReplaceDefined and not first.message.deleteBeforeReplace
    assert ("__create_first" in declared().inputs, first.inputs["__create_first"]) == (False, True)


def test_a_subclass_of_a_user_stays_the_same_kind_of_resource() -> None:
    class Training(together.Cluster):
        """A cluster with a house default."""

        def __init__(self, resource_name: str) -> None:
            super().__init__(resource_name, **NEEDED)

    seen: list[Any] = []

    def program() -> None:
        Training("train").gpu_worker_nodes.apply(lambda nodes: seen.append(nodes[0].host_name))

    (request,) = run(program, outputs={"gpu_worker_nodes": [{"host_name": "n0"}]})
    assert request.message.type == "pulumi-python:dynamic/together:Cluster"
    assert seen == ["n0"]


def nested_arguments() -> list[Any]:
    plain = {"load_balancer": "NONE", "ingress": {"enabled": True}}
    with_classes = together.ClusterConfigArgs(
        load_balancer="NONE", ingress=together.ClusterIngressConfigArgs(enabled=True)
    )
    typed: together.ClusterConfigArgsDict = {"load_balancer": "NONE", "ingress": {"enabled": True}}
    mixed: together.ClusterConfigArgsDict = {
        "load_balancer": "NONE",
        "ingress": together.ClusterIngressConfigArgs(enabled=True),
    }
    return [plain, with_classes, typed, mixed]


@pytest.mark.parametrize("config", nested_arguments(), ids=["plain", "classes", "typed", "mixed"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["prompt", "output"])
def test_objects_classes_and_typed_dicts_are_sent_alike(config: Any, wrapped: bool) -> None:
    def program() -> None:
        together.Cluster(
            "train",
            **NEEDED,
            cluster_config=pulumi.Output.from_input(config) if wrapped else config,
            add_ons=[
                {"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}},
                together.AddOnArgs(name="ingress", add_on_type="ingress"),
            ],
        )

    (request,) = run(program)
    assert visible(request) == {
        **NEEDED,
        "cluster_config": {"load_balancer": "NONE", "ingress": {"enabled": True}},
        "add_ons": [
            {"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}},
            {"name": "ingress", "add_on_type": "ingress"},
        ],
    }


def test_an_absent_nested_argument_is_not_sent() -> None:
    config = together.ClusterConfigArgs(load_balancer="NONE", gpu_operator_version=None)
    assert visible(declared(cluster_config=config))["cluster_config"] == {"load_balancer": "NONE"}


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_credentials_and_kept_inputs_are_declared_secret() -> None:
    assert list(declared().message.additionalSecretOutputs) == ["kube_config", "__inputs"]


def test_secret_outputs_of_the_user_are_kept() -> None:
    request = declared(opts=pulumi.ResourceOptions(additional_secret_outputs=["project_id"]))
    assert set(request.message.additionalSecretOutputs) == {"project_id", "kube_config", "__inputs"}


def test_the_serialized_provider_is_no_secret_and_small() -> None:
    request = declared()
    assert "__provider" not in request.secret_inputs
    assert len(request.inputs["__provider"]) <= 200


# --- Outputs --------------------------------------------------------------------------------------------------------


def test_nested_outputs_are_typed_and_dictionaries_too() -> None:
    seen: list[Any] = []

    def program() -> None:
        cluster = together.Cluster("train", **NEEDED)
        cluster.gpu_worker_nodes.apply(lambda nodes: seen.extend(nodes))
        cluster.gpu_worker_nodes[0].host_name.apply(seen.append)

    node = {"host_name": "node-0", "num_gpus": 8, "phase_transitions": [{"phase": "NODE_PHASE_RUNNING"}]}
    run(program, outputs={"gpu_worker_nodes": [node]})
    found = next(entry for entry in seen if not isinstance(entry, str))
    assert isinstance(found, together.outputs.GpuWorkerNode)
    assert (found.host_name, found.num_gpus, found["host_name"]) == ("node-0", 8, "node-0")
    assert isinstance(found.phase_transitions[0], together.outputs.NodePhaseTransition)
    assert found.phase_transitions[0].phase == "NODE_PHASE_RUNNING"
    assert "node-0" in seen
    # What the reply lacked is absent, so that an output may be given as an input or exported as it came.
    assert json.loads(json.dumps(found)) == node


def test_an_output_that_the_cloud_left_out_is_none() -> None:
    seen: list[Any] = []
    run(lambda: together.Cluster("train", **NEEDED).first_ready_at.apply(seen.append) and None)
    assert seen == [None]


# --- The physical name ----------------------------------------------------------------------------------------------


def test_a_name_is_offered_for_the_urn_that_the_engine_makes() -> None:
    request = declared()
    assert request.urn == "urn:pulumi:dev::fleet::pulumi-python:dynamic/together:Cluster::train"
    assert request.inputs["__offered_name"] == offered_name("train", ORGANIZATION, request.urn)


def test_the_offered_name_is_the_same_in_preview_and_up_and_its_parents_count() -> None:
    class Team(pulumi.ComponentResource):
        def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
            super().__init__("acme:index:Team", name, None, opts)

    def program() -> None:
        team = Team("research")
        squad = Team("squad", pulumi.ResourceOptions(parent=team))
        together.Cluster("train", pulumi.ResourceOptions(parent=squad), **NEEDED)
        together.Cluster("plain", **NEEDED)

    previewed, applied = run(program, preview=True), run(program)
    names = {request.name: request.inputs["__offered_name"] for request in applied}
    assert names == {request.name: request.inputs["__offered_name"] for request in previewed}
    (nested,) = (request for request in applied if request.name == "train")
    assert "acme:index:Team$acme:index:Team$pulumi-python" in nested.urn
    assert names["train"] == offered_name("train", ORGANIZATION, nested.urn)


def test_a_child_does_not_depend_on_its_parent_component() -> None:
    def program() -> None:
        parent = pulumi.ComponentResource("acme:index:Team", "research")
        for name in ("a", "b"):
            together.Cluster(name, pulumi.ResourceOptions(parent=parent), **NEEDED)

    assert [list(request.message.dependencies) for request in run(program)] == [[], []]


def test_the_stack_given_as_the_parent_changes_nothing() -> None:
    def program() -> None:
        together.Cluster("train", pulumi.ResourceOptions(parent=pulumi.runtime.get_root_resource()), **NEEDED)

    (request,) = run(program)
    assert request.inputs["__offered_name"] == declared().inputs["__offered_name"]


def test_no_name_is_offered_where_the_user_gave_one() -> None:
    request = declared(cluster_name="mine")
    assert request.inputs["cluster_name"] == "mine"
    assert "__offered_name" not in request.inputs


texts = st.text(max_size=120)


@given(logical_name=texts, organization=texts, urn=texts)
def test_an_offered_name_is_one_that_every_cloud_takes(logical_name: str, organization: str, urn: str) -> None:
    name = offered_name(logical_name, organization, urn)
    assert re.fullmatch(r"[a-z0-9-]{0,51}-[0-9a-f]{8}", name)
    assert len(name) <= 60
    assert name == offered_name(logical_name, organization, urn)


@given(logical_name=texts, one=st.tuples(texts, texts), other=st.tuples(texts, texts))
def test_offered_names_differ_between_stacks(logical_name: str, one: tuple[str, str], other: tuple[str, str]) -> None:
    same = "\n".join(one) == "\n".join(other)
    assert (offered_name(logical_name, *one) == offered_name(logical_name, *other)) is same


def test_the_offered_name_never_changes() -> None:
    # It is the ownership mark of clusters that live: another value would make a second cluster.
    urn = "urn:pulumi:dev::fleet::pulumi-python:dynamic/together:Cluster::Train_1"
    assert offered_name("Train_1", "acme", urn) == "train-1-9e92ca06"


# --- Import, references, unfinished waits ---------------------------------------------------------------------------


def test_import_goes_in_as_an_input_and_not_to_the_engine() -> None:
    opts = pulumi.ResourceOptions(import_="c-1")
    request = declared(opts=opts)
    assert request.inputs["__import_id"] == "c-1"
    assert request.message.importId == ""
    assert opts.import_ == "c-1"


def test_without_an_import_the_input_is_absent() -> None:
    assert "__import_id" not in declared().inputs


def test_get_reads_by_id_and_declares_nothing() -> None:
    seen: list[Any] = []

    def program() -> None:
        cluster = together.Cluster.get("theirs", "c-9", pulumi.ResourceOptions(protect=True))
        assert isinstance(cluster, together.Cluster)
        cluster.status.apply(seen.append)

    (request,) = run(program, outputs={"status": "Ready"})
    assert request.message.id == "c-9"
    assert set(request.inputs) == {"__provider"}
    assert "kube_config" in request.message.additionalSecretOutputs
    assert seen == ["Ready"]


@pytest.mark.parametrize(
    ("state", "words"),
    [("pending", "`pulumi up` goes on waiting: 3 of 8 nodes"), ("failed", "`pulumi up` replaces it: 3 of 8 nodes")],
)
def test_a_resource_that_is_not_ready_fails_the_run_in_one_line(state: str, words: str) -> None:
    with pytest.raises(pulumi.RunError, match=re.escape(words)) as raised:
        run(
            lambda: together.Cluster("train", **NEEDED) and None,
            outputs={"__wait": {"state": state, "words": "3 of 8 nodes"}},
        )
    assert "\n" not in str(raised.value)
    assert "together:Cluster 'train'" in str(raised.value)


def test_a_ready_resource_and_a_preview_report_nothing() -> None:
    run(lambda: together.Cluster("train", **NEEDED) and None)
    run(lambda: together.Cluster("train", **NEEDED) and None, preview=True)
