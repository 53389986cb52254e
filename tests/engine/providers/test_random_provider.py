import asyncio
import base64
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_embedded.providers.provider_api import Checked, Created, Diff, Found, ProviderError
from pulumi_embedded.providers.random_provider import RandomProvider
from pulumi_embedded.providers.random_resources.kinds import KINDS
from pulumi_embedded.providers.random_resources.seeded import SeededRandom
from pulumi_embedded.values import UNKNOWN, Secret, has_unknowns, plain

from ..storage.conftest import recorded_states

T = TypeVar("T")
PROVIDER = RandomProvider()
INPUTS: dict[str, dict[str, Any]] = {
    "RandomId": {"byteLength": 4},
    "RandomBytes": {"length": 16},
    "RandomString": {"length": 12},
    "RandomPassword": {"length": 20},
    "RandomInteger": {"min": 1, "max": 6},
    "RandomShuffle": {"inputs": ["a", "b", "c"]},
    "RandomPet": {},
    "RandomUuid": {},
    "RandomUuid4": {},
    "RandomUuid7": {},
}
every_kind = pytest.mark.parametrize("kind", INPUTS)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def urn(kind: str) -> str:
    return f"urn:pulumi:dev::fleet::random:index/{kind[0].lower()}{kind[1:]}:{kind}::x"


def check(kind: str, **inputs: Any) -> Checked:
    return run(PROVIDER.check(urn(kind), {}, inputs, b""))


def create(kind: str, **inputs: Any) -> Created:
    return run(PROVIDER.create(urn(kind), INPUTS[kind] | inputs, 0, False))


def diff(kind: str, outputs: dict[str, Any], **inputs: Any) -> Diff:
    return run(PROVIDER.diff(urn(kind), "id", {}, outputs, INPUTS[kind] | inputs, []))


def imported(kind: str, id_: str) -> Found:
    return run(PROVIDER.read(urn(kind), id_, None, {}, 0))


def without_delta(outputs: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(value) for key, value in outputs.items() if key != "__pulumi_raw_state_delta"}


def test_every_kind_is_tried() -> None:
    assert {token.rpartition(":")[2] for token in KINDS} == INPUTS.keys()


# --- the recorded plugin ----------------------------------------------------------------------------------------------


def recorded_resources() -> list[dict[str, Any]]:
    states = recorded_states().values()
    resources = [r for state in states for r in state["deployment"].get("resources", [])]
    found = {r["id"]: r for r in resources if r["type"].startswith("random:index/")}
    assert len(found) >= 3
    return list(found.values())


def test_states_have_the_recorded_shape() -> None:
    signature = "4dabf18193072939515e22adb298388d"

    def shape(value: Any) -> Any:
        if isinstance(value, Secret) or (isinstance(value, dict) and signature in value):
            return "secret"
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return type(value)

    for resource in recorded_resources():
        made = run(PROVIDER.create(resource["urn"], resource["inputs"], 0, False))
        assert shape(made.outputs) == shape(resource["outputs"])
        assert run(PROVIDER.check(resource["urn"], {}, resource["inputs"], b"")) == Checked(resource["inputs"])


def test_a_recorded_state_is_up_to_date() -> None:
    for resource in recorded_resources():
        inputs = resource["inputs"]
        assert run(PROVIDER.diff(resource["urn"], "x", inputs, resource["outputs"], inputs, [])) == Diff("none")


def test_a_recorded_id_gives_the_recorded_forms() -> None:
    ids = [resource for resource in recorded_resources() if resource["type"].endswith("RandomId")]
    assert ids
    for resource in ids:
        assert without_delta(imported("RandomId", resource["id"]).outputs or {}) == without_delta(resource["outputs"])


# --- every kind -------------------------------------------------------------------------------------------------------


@every_kind
def test_what_was_made_needs_no_change_and_new_keepers_replace_it(kind: str) -> None:
    made = create(kind)
    assert made.id
    assert diff(kind, made.outputs) == Diff("none")
    assert diff(kind, made.outputs, keepers={"a": "1"}) == Diff("some", ["keepers"], ["keepers"])
    kept = create(kind, keepers={"a": "1"})
    assert kept.outputs["keepers"] == {"a": "1"}
    assert diff(kind, kept.outputs, keepers={"a": "1"}) == Diff("none")
    assert diff(kind, kept.outputs).replace_keys == ["keepers"]


@every_kind
def test_keepers_without_values_are_as_good_as_none(kind: str) -> None:
    changed = diff(kind, create(kind).outputs, keepers={})
    assert (changed.changes, changed.replace_keys) == ("some", [])
    updated = run(
        PROVIDER.update(urn(kind), "id", {}, create(kind).outputs, INPUTS[kind] | {"keepers": {}}, 0, [], False)
    )
    assert updated["keepers"] == {}
    assert diff(kind, updated, keepers={}) == Diff("none")


@every_kind
def test_a_preview_knows_inputs_and_defaults_alone(kind: str) -> None:
    preview = run(PROVIDER.create(urn(kind), INPUTS[kind], 0, True))
    made = create(kind)
    assert preview.id == ""
    assert preview.outputs.keys() == made.outputs.keys() - {"__pulumi_raw_state_delta"}
    unknown = {key for key, value in preview.outputs.items() if has_unknowns(value)}
    assert unknown == {"id", *KINDS[urn(kind).split("::")[2]].outputs}


@every_kind
def test_a_refresh_finds_what_is_stored(kind: str) -> None:
    made = create(kind)
    assert run(PROVIDER.read(urn(kind), made.id, INPUTS[kind], made.outputs, 0)) == Found(
        made.id, made.outputs, INPUTS[kind]
    )


@every_kind
def test_values_differ(kind: str) -> None:
    if kind in ("RandomInteger", "RandomShuffle"):
        many = {str(without_delta(create(kind).outputs)) for _ in range(100)}
        assert len(many) > 1
    else:
        assert without_delta(create(kind).outputs) != without_delta(create(kind).outputs)


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        ("RandomId", "XKSRGA"),
        ("RandomId", "pre,fix,XKSRGA"),
        ("RandomBytes", "AAEC/w=="),
        ("RandomString", "s3cr3t"),
        ("RandomPassword", "s3cr3t"),
        ("RandomInteger", "5,1,9"),
        ("RandomInteger", "-5,-9,-1,seed"),
        ("RandomUuid", "6cf5ff3b-2a43-4b5c-a4f5-1b1d8d6f4c55"),
        ("RandomUuid4", "6cf5ff3b-2a43-4b5c-a4f5-1b1d8d6f4c55"),
        ("RandomUuid7", "6cf5ff3b-2a43-4b5c-a4f5-1b1d8d6f4c55"),
    ],
)
def test_an_imported_value_needs_no_change(kind: str, id_: str) -> None:
    found = imported(kind, id_)
    assert found.inputs is not None
    assert found.outputs is not None
    assert found.outputs["id"] == found.id
    assert check(kind, **found.inputs).failures == []
    assert run(PROVIDER.diff(urn(kind), found.id, found.inputs, found.outputs, found.inputs, [])) == Diff("none")


@pytest.mark.parametrize(
    ("kind", "id_", "reason"),
    [
        ("RandomId", "###", "not base64"),
        ("RandomBytes", "a", "not base64"),
        ("RandomInteger", "5,1", "<result>,<min>,<max>"),
        ("RandomInteger", "x,1,2", "<result>,<min>,<max>"),
        ("RandomUuid", "no", "must be a UUID"),
        ("RandomPet", "a-b", "RandomPet cannot be imported"),
        ("RandomShuffle", "-", "RandomShuffle cannot be imported"),
    ],
)
def test_what_cannot_be_imported_says_so(kind: str, id_: str, reason: str) -> None:
    with pytest.raises(ProviderError, match=reason):
        imported(kind, id_)


@pytest.mark.parametrize(
    ("kind", "inputs", "failures"),
    [
        ("RandomId", {}, {"byteLength": "is required"}),
        ("RandomId", {"byteLength": "4"}, {"byteLength": "must be an integer"}),
        ("RandomId", {"byteLength": True}, {"byteLength": "must be an integer"}),
        ("RandomId", {"byteLength": 2.5}, {"byteLength": "must be an integer"}),
        ("RandomId", {"byteLength": 0}, {"byteLength": "must be at least 1, got 0"}),
        ("RandomPet", {"wings": 2, "length": 0}, {"wings": "is not a property", "length": "must be at least 1"}),
        ("RandomPet", {"keepers": "x", "separator": 1}, {"keepers": "must be a map", "separator": "must be a string"}),
        ("RandomString", {"length": 5, "minUpper": 3, "minLower": 3}, {"length": "must be at least 6"}),
        (
            "RandomPassword",
            {"length": 5, "upper": False, "lower": False, "numeric": False, "special": False},
            {"numeric": "at least one of"},
        ),
        ("RandomString", {"length": 5, "number": True, "numeric": False}, {"number": "deprecated name of numeric"}),
        ("RandomInteger", {"min": 2, "max": 1}, {"min": "must not be greater than max"}),
        ("RandomInteger", {"min": -(2**63), "max": 2**63 - 1}, {"max": "2**63"}),
        ("RandomShuffle", {"inputs": "abc"}, {"inputs": "must be a list"}),
    ],
)
def test_wrong_inputs_are_all_named(kind: str, inputs: dict[str, Any], failures: dict[str, str]) -> None:
    found = {failure.property: failure.reason for failure in check(kind, **inputs).failures}
    assert found.keys() == failures.keys()
    assert all(reason in found[key] for key, reason in failures.items())


def test_unknown_and_secret_inputs_pass_the_check_and_secrets_stay_secret() -> None:
    inputs = {"length": UNKNOWN, "minUpper": 3, "overrideSpecial": Secret("_"), "lower": None}
    checked = check("RandomString", **inputs)
    assert checked.failures == []
    assert checked.inputs == {"length": UNKNOWN, "minUpper": 3, "overrideSpecial": Secret("_")}
    assert create("RandomString", overrideSpecial=Secret("_")).outputs["overrideSpecial"] == Secret("_")


def test_what_is_not_built_in_is_refused_by_name() -> None:
    with pytest.raises(ProviderError, match=r"random:index/x:X is not built in.*pulumi plugin install resource random"):
        run(PROVIDER.create("urn:pulumi:dev::fleet::random:index/x:X::y", {}, 0, False))
    with pytest.raises(ProviderError, match="no function 'random:index:f'"):
        run(PROVIDER.invoke("random:index:f", {}, False))


# --- one by one -------------------------------------------------------------------------------------------------------


def test_an_id_in_all_its_forms() -> None:
    outputs = without_delta(create("RandomId", byteLength=9, prefix="p-").outputs)
    data = bytes.fromhex(outputs["hex"].removeprefix("p-"))
    assert len(data) == 9
    assert outputs == {
        "byteLength": 9,
        "prefix": "p-",
        "hex": "p-" + data.hex(),
        "dec": f"p-{int.from_bytes(data, 'big')}",
        "b64Std": "p-" + base64.b64encode(data).decode(),
        "b64Url": "p-" + base64.urlsafe_b64encode(data).decode().rstrip("="),
        "id": base64.urlsafe_b64encode(data).decode().rstrip("="),
    }


def test_bytes_are_secret() -> None:
    outputs = create("RandomBytes").outputs
    assert isinstance(outputs["base64"], Secret)
    assert isinstance(outputs["hex"], Secret)
    assert base64.b64decode(str(plain(outputs["base64"]))) == bytes.fromhex(str(plain(outputs["hex"])))


def test_a_password_and_its_hash_are_secret_and_fit() -> None:
    made = create("RandomPassword", length=100)
    assert made.id == "none"
    assert isinstance(made.outputs["result"], Secret)
    assert isinstance(made.outputs["bcryptHash"], Secret)
    password, digest = (str(plain(made.outputs[key])).encode() for key in ("result", "bcryptHash"))
    assert digest.startswith(b"$2a$10$")
    assert bcrypt.checkpw(password[:72], digest)


@given(
    length=st.integers(1, 40),
    minimums=st.tuples(*[st.integers(0, 5)] * 4),
    upper=st.booleans(),
    special=st.sampled_from(["", "_", "äöü"]),
)
def test_strings_keep_their_rules(length: int, minimums: tuple[int, ...], upper: bool, special: str) -> None:
    keys = ("minLower", "minUpper", "minNumeric", "minSpecial")
    inputs = {"length": length, "upper": upper, "overrideSpecial": special} | dict(zip(keys, minimums, strict=True))
    if check("RandomString", **inputs).failures:
        assert length < sum(minimums)
        return
    made = create("RandomString", **inputs)
    text = str(made.outputs["result"])
    assert text == made.id
    specials = special or "!@#$%&*()-_=+[]{}<>:?"
    classes = [
        sum(c.islower() and c.isascii() for c in text),
        sum(c.isupper() for c in text),
        sum(c.isdigit() for c in text),
        sum(c in specials for c in text),
    ]
    assert len(text) == length == sum(classes)
    assert all(count >= minimum for count, minimum in zip(classes, minimums, strict=True))
    if not upper:
        assert classes[1] == minimums[1]


def test_number_is_an_older_name_of_numeric() -> None:
    for given_name in ("number", "numeric"):
        outputs = create("RandomString", length=50, **{given_name: False}).outputs
        assert (outputs["number"], outputs["numeric"]) == (False, False)
        assert not any(c.isdigit() for c in str(outputs["result"]))


def test_pets() -> None:
    assert create("RandomPet", length=1).id.isalpha()
    assert len(create("RandomPet").id.split("-")) == 2
    made = create("RandomPet", length=4, separator="_", prefix="web")
    assert made.id.startswith("web_")
    assert len(made.id.split("_")) == 5
    assert made.id == made.id.lower()


@given(low=st.integers(-100, 100), span=st.integers(0, 20))
def test_integers_stay_in_their_range(low: int, span: int) -> None:
    made = create("RandomInteger", min=low, max=low + span)
    result = made.outputs["result"]
    assert isinstance(result, int)
    assert low <= result <= low + span
    assert made.id == str(result)


@given(items=st.lists(st.text(), max_size=6), count=st.none() | st.integers(0, 20))
def test_a_shuffle_repeats_an_item_only_when_all_were_there(items: list[str], count: int | None) -> None:
    made = create("RandomShuffle", inputs=items, resultCount=count)
    results = made.outputs["results"]
    assert isinstance(results, list)
    assert len(results) == (0 if not items else count or len(items))
    for first in range(0, len(results), max(1, len(items))):
        batch = results[first : first + len(items)]
        assert all(batch.count(item) <= items.count(str(item)) for item in batch)
    assert made.id == "-"


def test_uuids_are_of_their_version() -> None:
    assert uuid.UUID(create("RandomUuid4").id).version == 4
    first, second = uuid.UUID(create("RandomUuid7").id), uuid.UUID(create("RandomUuid7").id)
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 <= second.int >> 80
    made = create("RandomUuid")
    assert made.outputs["result"] == made.id == str(uuid.UUID(made.id))


# Printed by a Go program: rand.New(rand.NewSource(int64(crc64.Checksum(seed, ISO)))), Intn of five limits, Perm(7).
GO_SAYS = {
    "a": ([82, 27, 806788810, 1082710917, 710927953269], [3, 5, 4, 6, 2, 1, 0]),
    "seed": ([46, 44, 582651933, 2768772351, 812176080122], [3, 5, 2, 0, 6, 4, 1]),
    "12345": ([43, 56, 791114636, 4986851787, 850981749446], [0, 6, 4, 5, 2, 3, 1]),
    "äö": ([11, 48, 806500600, 1409921191, 194427492256], [6, 0, 5, 2, 3, 1, 4]),
}


@pytest.mark.parametrize("seed", GO_SAYS)
def test_seeds_give_what_the_plugin_gives(seed: str) -> None:
    numbers, permutation = GO_SAYS[seed]
    drawn = SeededRandom(seed)
    assert [drawn.below(limit) for limit in (100, 64, 1_000_000_007, 5_000_000_000, 1 << 40)] == numbers
    assert drawn.permutation(7) == permutation
    assert create("RandomInteger", min=0, max=99, seed=seed).outputs["result"] == numbers[0]
