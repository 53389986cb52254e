"""Property values keep their meaning on the wire and in a checkpoint."""

import math

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi_embedded import values
from pulumi_embedded.providers.wire import from_struct, to_struct
from pulumi_embedded.values import UNKNOWN, OutputValue, ResourceReference, Secret

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32).filter(
    lambda number: not number.is_integer()
)
KEYS = TEXT.filter(lambda key: key != values.SIGNATURE)


def _deeper(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | st.builds(values.secret, inner)


PLAIN = st.none() | st.booleans() | NUMBERS | TEXT
ANY = st.recursive(PLAIN | st.just(UNKNOWN), _deeper, max_leaves=8)


@given(st.dictionaries(KEYS, ANY, max_size=4))
def test_the_wire_keeps_everything(properties):
    message = to_struct(properties)
    assert from_struct(struct_pb2.Struct.FromString(message.SerializeToString())) == properties


@given(ANY)
def test_a_checkpoint_keeps_everything(value):
    written = values.to_checkpoint_json(value, lambda text: text[::-1])
    assert values.equal(values.from_checkpoint_json(written, lambda text: text[::-1]), value)


@given(ANY)
def test_secrets_are_not_in_the_clear(value):
    text = str(values.to_checkpoint_json(Secret([value, "hush hush"]), lambda _: "ciphertext"))
    assert "hush hush" not in text


def test_what_the_receiver_does_not_understand_is_sent_bare():
    properties = {
        "secret": Secret({"a": Secret(1)}),
        "component": ResourceReference("urn:x", None, ""),
        "resource": ResourceReference("urn:x", "id-1", "1.0"),
        "new": ResourceReference("urn:x", UNKNOWN, ""),
        "output": OutputValue(5, known=True, secret=True, dependencies=("urn:y",)),
        "later": OutputValue(None, known=False, secret=False, dependencies=()),
    }
    bare = from_struct(to_struct(properties, keep_secrets=False, keep_resources=False))
    assert bare == {
        "secret": {"a": 1},
        "component": "urn:x",
        "resource": "id-1",
        "new": UNKNOWN,
        "output": 5,
        "later": UNKNOWN,
    }


def test_output_values_are_read_with_their_dependencies():
    known = {values.SIGNATURE: values.OUTPUT_VALUE, "value": 5, "secret": True, "dependencies": ["urn:y"]}
    unknown = {values.SIGNATURE: values.OUTPUT_VALUE}
    assert from_struct(to_struct({"known": known, "unknown": unknown})) == {
        "known": OutputValue(5, known=True, secret=True, dependencies=("urn:y",)),
        "unknown": OutputValue(None, known=False, secret=False, dependencies=()),
    }


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ([1, {"a": None}], [1, {"a": None}], True),
        ({"a": None}, {}, False),
        ([1], [1, 1], False),
        (Secret(1), 1, False),
        (Secret(True), Secret(1), False),
        (Secret([1]), Secret([1.0]), True),
        (UNKNOWN, UNKNOWN, True),
    ],
)
def test_equality_is_pulumis(left, right, same):
    assert values.equal(left, right) is same


def test_whole_numbers_are_integers():
    read = from_struct(to_struct({"a": 8.0, "b": 2.5, "c": 1e300}))
    assert [type(read[key]) for key in "abc"] == [int, float, float]


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_numbers_that_json_lacks(number):
    written = values.to_checkpoint_json({"n": number}, None)
    assert values.from_checkpoint_json(written, str) == {"n": number}


@pytest.mark.parametrize(
    "document",
    [
        {values.SIGNATURE: values.SECRET},
        {values.SIGNATURE: values.SECRET, "ciphertext": "x", "plaintext": "y"},
        {values.SIGNATURE: values.RESOURCE_REFERENCE, "id": 5},
    ],
)
def test_malformed_values_are_refused(document):
    with pytest.raises(values.MalformedValue):
        values.from_checkpoint_json(document, str)


def test_every_kind_of_unknown_is_unknown():
    message = struct_pb2.Struct()
    message.update({"a": "3eeb2bf0-c639-47a8-9e75-3b44932eb421", "b": ["dd056dcd-154b-4c76-9bd3-c8f88648b5ff"]})
    assert from_struct(message) == {"a": UNKNOWN, "b": [UNKNOWN]}
