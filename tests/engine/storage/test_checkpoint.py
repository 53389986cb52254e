import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_embedded.errors import SecretsError, StateError
from pulumi_embedded.storage.checkpoint import (
    dump_checkpoint,
    dump_deployment,
    dump_resource,
    load_checkpoint,
    load_deployment,
    load_resource,
)
from pulumi_embedded.storage.secrets import PassphraseCrypter, crypter_of
from pulumi_embedded.storage.snapshot import Operation, ResourceState, Snapshot
from pulumi_embedded.values import UNKNOWN, ResourceReference, Secret

from .conftest import machine, recorded_states, snapshot_of, urn_of


class Recorded:
    """Stands for the crypter of a recording, whose ciphertexts were replaced by one word."""

    provider_type = "passphrase"

    def __init__(self, state: Any) -> None:
        self.provider_state = state

    def encrypt(self, plaintext: str) -> str:
        assert plaintext == '"hidden"'
        return "<ciphertext>"

    def decrypt(self, ciphertext: str) -> str:
        assert ciphertext == "<ciphertext>"
        return '"hidden"'


def never(provider_type: str, state: Any) -> Any:
    raise AssertionError("nothing had to be decrypted")


@pytest.mark.parametrize("name", recorded_states())
def test_a_recorded_state_survives_loading_and_dumping(name: str) -> None:
    recorded = recorded_states()[name]
    crypter = Recorded(recorded["deployment"]["secrets_providers"]["state"])
    dumped = dump_deployment(load_deployment(copy.deepcopy(recorded), lambda *_: crypter), crypter)
    # The recorder removed what differs from run to run, and with it what was empty.
    dumped["deployment"]["manifest"] = {
        key: value for key, value in dumped["deployment"]["manifest"].items() if key == "version" and value
    }
    assert dumped == recorded


def test_every_recorded_step_is_here() -> None:
    assert len(recorded_states()) == 32


@pytest.mark.parametrize("name", recorded_states())
def test_a_recorded_state_survives_without_a_passphrase_too(name: str) -> None:
    recorded = recorded_states()[name]
    dumped = dump_deployment(load_deployment(copy.deepcopy(recorded), None), None)
    assert dumped["deployment"].get("resources") == recorded["deployment"].get("resources")
    assert dumped["deployment"]["secrets_providers"] == recorded["deployment"]["secrets_providers"]


def test_fields_of_a_newer_pulumi_survive() -> None:
    document = {
        "version": 3,
        "deployment": {
            "manifest": {"time": "t", "magic": "", "version": "", "plugins": [{"name": "x"}]},
            "resources": [{"urn": urn_of("a"), "type": "lab:index:Machine", "custom": True, "invented": {"later": 1}}],
            "metadata": {"integrity_error": {"version": "v9"}},
            "blobs": [1],
        },
    }
    assert dump_deployment(load_deployment(document, never), None) == document


def test_empty_fields_are_absent_and_times_and_timeouts_stay_as_written() -> None:
    document = {
        "urn": urn_of("a"),
        "custom": True,
        "id": "1",
        "type": "lab:index:Machine",
        "customTimeouts": {"create": 90.5},
        "created": "2026-11-20T18:44:44.409915858Z",
        "importID": "i",
        "stackTrace": [{"sourcePosition": "project:///x.py#1"}, {}],
        "resourceHooks": {"BeforeDelete": ["h"]},
        "replacementTrigger": {"a": 1},
    }
    assert dump_resource(load_resource(document, str), None) == document


@pytest.mark.parametrize("version", [0, 1, 2])
def test_versions_of_before_2019_are_refused_with_what_to_do(version: int) -> None:
    document = {"latest": {}} if version == 0 else {"version": version, "checkpoint": {"latest": {}}}
    with pytest.raises(StateError, match=rf"version {version}.*pulumi stack export \| pulumi stack import"):
        load_checkpoint(document, never)


@pytest.mark.parametrize("version", [None, 5, "3"])
def test_unknown_versions_are_refused_by_name(version: object) -> None:
    with pytest.raises(StateError, match=f"version {version!r}"):
        load_deployment({"version": version, "deployment": {}}, never)


def test_version_4_is_read_if_its_features_are_known() -> None:
    document = {
        "version": 4,
        "features": ["taint"],
        "deployment": {
            "manifest": {"time": "t", "magic": "", "version": ""},
            "resources": [{"urn": urn_of("a"), "type": "lab:index:Machine", "custom": True, "taint": True}],
            "metadata": {},
        },
    }
    snapshot = load_deployment(document, never)
    assert snapshot.resources[0].taint
    assert dump_deployment(snapshot, None) == document
    document["features"] = ["taint", "views", "invented"]
    with pytest.raises(StateError, match="not supported here: invented, views"):
        load_deployment(document, never)


def test_a_state_of_another_secrets_provider_is_refused_by_name_once_there_is_a_secret() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "AAAB"}
    resource = {"urn": urn_of("a"), "type": "lab:index:Machine", "custom": True, "outputs": {"x": 1}}
    document = {
        "version": 3,
        "deployment": {"secrets_providers": {"type": "cloud", "state": {"url": "awskms://k"}}, "resources": [resource]},
    }
    assert load_deployment(document, crypter_of).resources[0].outputs == {"x": 1}
    resource["outputs"] = {"x": secret}
    with pytest.raises(SecretsError, match=r"'cloud'.*change-secrets-provider passphrase"):
        load_deployment(document, crypter_of)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"type": "t"}, "no 'urn'"),
        ({"urn": "u"}, "no 'type'"),
        ({"urn": "u", "type": "t", "inputs": []}, "malformed 'inputs'"),
        ({"urn": "u", "type": "t", "dependencies": "x"}, "malformed 'dependencies'"),
        ("x", "not an object"),
    ],
)
def test_a_malformed_resource_is_named(entry: object, reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        load_deployment({"version": 3, "deployment": {"resources": [entry]}}, never)


def test_secrets_are_encrypted_and_shown_only_on_demand(crypter: PassphraseCrypter) -> None:
    snapshot = snapshot_of(machine("a"))
    hidden = json.dumps(dump_deployment(snapshot, crypter))
    assert "key of a" not in hidden
    shown = dump_deployment(snapshot, crypter, show_secrets=True)
    assert shown["deployment"]["resources"][0]["outputs"]["key"]["plaintext"] == '"key of a"'
    assert load_deployment(json.loads(hidden), crypter_of).resources == snapshot.resources
    assert load_deployment(shown, never).resources == snapshot.resources


def test_a_secret_needs_a_passphrase() -> None:
    with pytest.raises(StateError, match="PULUMI_CONFIG_PASSPHRASE"):
        dump_deployment(snapshot_of(machine("a")), None)


def test_a_stack_without_a_deployment_has_no_snapshot() -> None:
    document = dump_checkpoint("organization/fleet/dev", None, None)
    assert document == {"version": 3, "checkpoint": {"stack": "organization/fleet/dev"}}
    assert load_checkpoint(document, never) is None


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text().filter(lambda key: key != "4dabf18193072939515e22adb298388d"), inner, max_size=3)
        | st.builds(Secret, inner)
    ),
    max_leaves=8,
) | st.builds(ResourceReference, st.text(min_size=1), st.none() | st.text(min_size=1), st.text())
names = st.lists(st.text(min_size=1), max_size=3)
states = st.builds(
    ResourceState,
    urn=st.text(min_size=1),
    type=st.text(min_size=1),
    custom=st.booleans(),
    id=st.text(),
    inputs=st.dictionaries(st.text(), values, max_size=3),
    outputs=st.dictionaries(st.text(), values, max_size=3),
    parent=st.text(),
    protect=st.booleans(),
    delete=st.booleans(),
    pending_replacement=st.booleans(),
    dependencies=names,
    property_dependencies=st.dictionaries(st.text(), names, max_size=2),
    init_errors=names,
    custom_timeouts=st.dictionaries(st.sampled_from(["create", "update", "delete"]), st.floats(1, 1e6), max_size=3),
    import_id=st.text(),
    stack_trace=names,
    replacement_trigger=values,
    resource_hooks=st.dictionaries(st.text(), names, max_size=2),
)


class Rot13:
    """Turns text into other text and back, faster than a cipher."""

    provider_type = "passphrase"
    provider_state = {"salt": "v1:x:v1:y:z"}  # noqa: RUF012

    def encrypt(self, plaintext: str) -> str:
        return "v1:" + plaintext[::-1]

    def decrypt(self, ciphertext: str) -> str:
        return ciphertext[3:][::-1]


@given(st.lists(states, max_size=3), states)
def test_any_snapshot_survives_a_file(resources: list[ResourceState], pending: ResourceState) -> None:
    snapshot = Snapshot(resources=resources, pending_operations=[Operation(pending, "updating")])
    text = json.dumps(dump_checkpoint("organization/p/s", snapshot, Rot13()))
    loaded = load_checkpoint(json.loads(text), lambda *_: Rot13())
    assert loaded is not None
    # Resource by resource, as JSON, because 8.0 is stored as 8 and an unset trigger is no trigger.
    assert json.dumps(dump_checkpoint("organization/p/s", loaded, Rot13())) == text
    assert [state.urn for state in loaded.resources] == [state.urn for state in resources]
    assert loaded.pending_operations[0].type == "updating"


# --- integrity --------------------------------------------------------------------------------------------------------


def provider(name: str = "default", id_: str = "p1") -> ResourceState:
    urn = f"urn:pulumi:dev::fleet::pulumi:providers:lab::{name}"
    return ResourceState(urn=urn, type="pulumi:providers:lab", custom=True, id=id_)


def test_a_well_ordered_snapshot_is_fine() -> None:
    lab = provider()
    old, new = machine("a", delete=True), machine("a", id="2", provider=f"{lab.urn}::p1")
    component = ResourceState(urn="urn:pulumi:dev::fleet::c::c", type="c")
    dependent = machine("b", parent=component.urn, dependencies=[new.urn], property_dependencies={"x": [lab.urn]})
    snapshot_of(lab, component, new, dependent, old).verify()


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([machine("b", dependencies=[urn_of("a")]), machine("a")], "depends on .*::a, which comes after it"),
        ([machine("b", property_dependencies={"x": [urn_of("a")]})], "depends on .*::a, which is missing"),
        ([machine("b", parent=urn_of("a"))], "depends on .*::a, which is missing"),
        ([machine("b", deleted_with=urn_of("a"))], "depends on .*::a, which is missing"),
        ([provider(), machine("b", provider=f"{provider().urn}::other")], "refers to the provider"),
        ([machine("a"), machine("a")], "twice"),
        ([machine("a", custom=False)], "not a custom resource, but has the id"),
    ],
)
def test_a_snapshot_that_pulumi_would_refuse_is_refused(states: list[ResourceState], reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        snapshot_of(*states).verify()


def test_an_edited_manifest_is_refused() -> None:
    snapshot = snapshot_of()
    snapshot.manifest.version = "v1.0.0"
    with pytest.raises(StateError, match="edited or damaged"):
        snapshot.verify()
