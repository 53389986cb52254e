"""What every cloud is called in stack configs and environments: these names stand in users' files and never change."""

from __future__ import annotations

import pytest
from gpufleet_provider.clouds import cloud_of


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("together", ("together:apiKey", "together:baseUrl", "TOGETHER_API_KEY", "TOGETHER_BASE_URL")),
        ("shadeform", ("shadeform:apiKey", "shadeform:baseUrl", "SHADEFORM_API_KEY", "SHADEFORM_BASE_URL")),
    ],
)
def test_settings_are_named_by_the_cloud(name: str, settings: tuple[str, ...]) -> None:
    cloud = cloud_of(name)
    assert settings == (
        cloud.api_key_config,
        cloud.base_url_config,
        cloud.api_key_environment,
        cloud.base_url_environment,
    )
