"""What stands in users' state for good: a later version that wrote anything else could not read it."""

from __future__ import annotations

import base64
import pickle

import dill
import pytest
from gpufleet_provider.dynamic import DynamicProvider
from pulumi.dynamic.dynamic import serialize_provider

TOGETHER_CLUSTER = (
    "gASVVgAAAAAAAACMGWdwdWZsZWV0X3Byb3ZpZGVyLmR5bmFtaWOUjA9EeW5hbWljUHJvdmlkZXKUk5QpgZR9lIwIcmVzb3VyY2WU"
    "jBB0b2dldGhlcjpDbHVzdGVylHNiLg=="
)


def test_the_serialized_provider_is_these_very_bytes() -> None:
    assert serialize_provider(DynamicProvider("together:Cluster")) == TOGETHER_CLUSTER


@pytest.mark.parametrize("token", ["together:Cluster", "together:Volume", "shadeform:Cluster", "shadeform:Instance"])
def test_a_serialized_provider_is_small_and_comes_back(token: str) -> None:
    text: str = serialize_provider(DynamicProvider(token))
    assert len(text) <= 200
    assert vars(dill.loads(base64.b64decode(text))) == {"resource": token}


def test_a_serialized_provider_is_a_reference_and_no_code() -> None:
    # Plain pickle knows importable classes only.
    assert isinstance(pickle.loads(base64.b64decode(TOGETHER_CLUSTER)), DynamicProvider)


def test_the_serialized_provider_is_not_encrypted() -> None:
    assert DynamicProvider.serialize_as_secret_always is False
