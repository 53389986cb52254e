"""Which key and address a cloud is spoken to with."""

from collections.abc import Callable, Iterator

import pytest
from gpufleet_provider.http import accounts
from gpufleet_provider.http.accounts import base_url_for, client_for
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import Invalid, MissingKey

KEY = "canary-5f0c2a9e41"


def normalise(url: str) -> str:
    url = url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def cloud(name: str = "acme") -> Cloud:
    return Cloud(
        name=name,
        title="Acme",
        base_url="https://api.acme.test",
        authorization=lambda key: {"X-API-KEY": key},
        normalise_base_url=normalise,
        read_error=lambda reply: ("", ""),
    )


def config(**values: str) -> Callable[[str], str | None]:
    return {f"acme:{name}": value for name, value in values.items()}.get


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACME_API_KEY", "ACME_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(accounts, "_clients", {})
    yield


def test_config_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("ACME_BASE_URL", "http://environment.test")
    from_environment = client_for(cloud(), config())
    assert from_environment.base_url == "http://environment.test/v1"
    from_config = client_for(cloud(), config(apiKey="other-key-123", baseUrl="http://config.test/v1/"))
    assert from_config.base_url == "http://config.test/v1"
    # Blank config is silent config.
    assert client_for(cloud(), config(apiKey="  ", baseUrl="")) is from_environment


def test_one_account_has_one_client():
    one = client_for(cloud(), config(apiKey=KEY))
    assert client_for(cloud(), config(apiKey=f" {KEY}\n")) is one
    assert client_for(cloud(), config(apiKey=KEY, baseUrl="https://api.acme.test/v1/")) is one
    assert client_for(cloud(), config(apiKey="another-key-1")) is not one
    assert client_for(cloud(), config(apiKey=KEY, baseUrl="https://eu.acme.test")) is not one
    assert client_for(cloud("other"), {"other:apiKey": KEY}.get) is not one


def test_no_key_says_where_to_put_one():
    with pytest.raises(MissingKey) as raised:
        client_for(cloud(), config())
    assert "acme:apiKey" in str(raised.value) and "ACME_API_KEY" in str(raised.value)


def test_the_default_address_is_normalised_as_well():
    assert base_url_for(cloud(), config()) == "https://api.acme.test/v1"


@pytest.mark.parametrize(
    "url",
    ["api.acme.test", "ftp://api.acme.test", "https://", "http://:80", "https://a b", "http://[::1", "http://x:y"],
)
def test_what_is_no_address_is_refused_by_its_name(url: str):
    with pytest.raises(Invalid) as raised:
        client_for(cloud(), config(apiKey=KEY, baseUrl=url))
    assert "acme:baseUrl" in str(raised.value) and "https://" in str(raised.value)


def test_no_error_shows_the_key():
    with pytest.raises(Invalid) as raised:
        client_for(cloud(), config(apiKey=f"{KEY} {KEY}"))
    assert KEY not in str(raised.value)
