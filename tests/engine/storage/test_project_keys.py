"""Every key of Pulumi.yaml and Pulumi.<stack>.yaml that the Pulumi CLI knows is honoured or refused by its name."""

from pathlib import Path
from typing import Any

import pytest
from pulumi_embedded.errors import ProjectError, SecretsError
from pulumi_embedded.storage.project import Project, load_project
from pulumi_embedded.storage.stack_config import StackConfig
from ruamel.yaml import YAML

# Every key path of the published JSON schema of Pulumi.yaml, and `requiredPulumiVersion`, which the CLI reads as well.
# `*` stands for any name, `[]` for the items of a list.
SCHEMA = """
name description author website license main stackConfigDir requiredPulumiVersion
runtime runtime.name runtime.options
config config.*.type config.*.items config.*.description config.*.secret config.*.default config.*.value
backend backend.url options options.refresh
template template.displayName template.description template.quickstart template.important template.metadata
template.config
packages packages.*.source packages.*.version packages.*.parameters packages.*.pluginDownloadURL packages.*.checksums
packages.*.extensions
plugins plugins.providers plugins.providers[].name plugins.providers[].path plugins.providers[].version
plugins.analyzers plugins.languages
""".split()  # noqa: SIM905
# The options of the Python runtime, of which the schema only says that there may be some.
RUNTIME_OPTIONS = ["runtime.options.virtualenv", "runtime.options.toolchain", "runtime.options.typechecker"]
# The keys of Pulumi.<stack>.yaml, which has no schema of its own.
STACK = ["config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider"]

EVERYTHING: dict[str, Any] = {
    "name": "fleet",
    "description": "GPU clusters",
    "author": "me",
    "website": "https://example.com",
    "license": "Apache-2.0",
    "main": "src",
    "stackConfigDir": "stacks",
    "requiredPulumiVersion": ">=3.200.0",
    "runtime": {"name": "python", "options": {"virtualenv": ".venv", "toolchain": "uv", "typechecker": "mypy"}},
    "config": {
        "sizes": {"type": "array", "items": {"type": "integer"}, "description": "sizes", "default": [8]},
        "token": {"type": "string", "secret": True},
        "lab:zone": {"value": "here"},
    },
    "backend": {"url": "file://~/state"},
    "options": {"refresh": "always"},
    "template": {
        "displayName": "Fleet",
        "description": "a template",
        "quickstart": "run it",
        "important": True,
        "metadata": {"cloud": "none"},
        "config": {"size": {"default": 8}},
    },
    "packages": {
        "short": "short@1.0.0",
        "long": {
            "source": "long",
            "version": "1.0.0",
            "parameters": ["a"],
            "pluginDownloadURL": "https://example.com",
            "checksums": {"linux-amd64": "00"},
            "extensions": ["b"],
        },
        "near": {"source": "./near"},
    },
    "plugins": {"providers": [{"name": "lab", "path": "bin", "version": "1.0.0"}]},
}
HONOURED = {
    "name": lambda p: p.name == "fleet",
    "description": lambda p: p.description == "GPU clusters",
    "main": lambda p: p.program.name == "src",
    "stackConfigDir": lambda p: p.stack_config_folder.name == "stacks",
    "requiredPulumiVersion": lambda p: p.required_pulumi_version == ">=3.200.0",
    "runtime": lambda p: p.runtime == "python",
    "runtime.name": lambda p: p.runtime == "python",
    "runtime.options": lambda p: len(p.runtime_options) == 3,
    "runtime.options.virtualenv": lambda p: p.runtime_options["virtualenv"] == ".venv",
    "runtime.options.toolchain": lambda p: p.runtime_options["toolchain"] == "uv",
    "runtime.options.typechecker": lambda p: p.runtime_options["typechecker"] == "mypy",
    "config": lambda p: {*p.config} == {"sizes", "token", "lab:zone"},
    "config.*.type": lambda p: p.config["sizes"].type == "array",
    "config.*.items": lambda p: p.config["sizes"].items == {"type": "integer"},
    "config.*.secret": lambda p: p.config["token"].secret,
    "config.*.default": lambda p: p.config["sizes"].default == [8],
    "config.*.value": lambda p: p.config["lab:zone"].value == "here",
    "backend": lambda p: p.backend_url,
    "backend.url": lambda p: p.backend_url == "file://~/state",
    "options": lambda p: p.refresh_always,
    "options.refresh": lambda p: p.refresh_always,
    "packages": lambda p: len(p.plugins) == 2,
    "packages.*.source": lambda p: (p.plugins[1].name, p.plugins[1].folder.name) == ("near", "near"),
    "plugins": lambda p: p.plugins,
    "plugins.providers": lambda p: p.plugins,
    "plugins.providers[].name": lambda p: p.plugins[0].name == "lab",
    "plugins.providers[].path": lambda p: p.plugins[0].folder.name == "bin",
    "plugins.providers[].version": lambda p: p.plugins[0].version == "1.0.0",
}
# What only describes the project to people, and what only `pulumi install` and `pulumi new` read.
WITHOUT_EFFECT = {
    "author", "website", "license", "config.*.description",
    "template", "template.displayName", "template.description", "template.quickstart", "template.important",
    "template.metadata", "template.config",
    "packages.*.version", "packages.*.parameters", "packages.*.pluginDownloadURL", "packages.*.checksums",
    "packages.*.extensions",
}  # fmt: skip
REFUSED = {
    "plugins.analyzers": {"plugins": {"analyzers": [{"name": "policy", "path": "bin"}]}},
    "plugins.languages": {"plugins": {"languages": [{"name": "python", "path": "bin"}]}},
}


def project(folder: Path, document: dict[str, Any]) -> Project:
    for name in ("lab", "near"):
        binary = folder / {"lab": "bin"}.get(name, name) / f"pulumi-resource-{name}"
        binary.parent.mkdir(exist_ok=True)
        binary.touch()
    with (folder / "Pulumi.yaml").open("w") as file:
        YAML(typ="safe").dump(document, file)  # pyright: ignore[reportUnknownMemberType]
    return load_project(folder)


def test_every_key_of_the_schema_is_decided() -> None:
    assert {*HONOURED, *WITHOUT_EFFECT, *REFUSED} == {*SCHEMA, *RUNTIME_OPTIONS}


def test_every_key_that_is_honoured_is(tmp_path: Path) -> None:
    loaded = project(tmp_path, EVERYTHING)
    assert [key for key, holds in HONOURED.items() if not holds(loaded)] == []


@pytest.mark.parametrize("key", REFUSED)
def test_others_are_refused_by_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(ProjectError, match=key):
        project(tmp_path, EVERYTHING | REFUSED[key])


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"runtime": {"name": "python", "option": {}}}, "runtime has the unknown key 'option'"),
        ({"backend": {"uri": "x"}}, "backend has the unknown key 'uri'"),
        ({"options": {"refresh": "never"}}, "options.refresh can only be 'always', not 'never'"),
        ({"options": {"refesh": "always"}}, "options has the unknown key 'refesh'"),
        ({"options": "always"}, "options must be a mapping"),
        ({"template": {"name": "x"}}, "template has the unknown key 'name'"),
        ({"runtime": {"name": "python", "options": {"toolchain": "conda"}}}, "known are pip, poetry, uv"),
        ({"runtime": {"name": "python", "options": {"typechecker": "ty"}}}, "known are mypy, pyright"),
        ({"runtime": {"name": "python", "options": {"virtualenv": 3}}}, "virtualenv must be a string"),
        ({"config": {"size": {"type": "integer", "defualt": 8}}}, "config.size has the unknown key 'defualt'"),
        ({"plugins": {"provider": []}}, "plugins has the unknown key 'provider'"),
        ({"plugins": {"providers": [{"name": "lab"}]}}, "needs a name and a path"),
        ({"plugins": {"providers": [{"name": "lab", "path": "none"}]}}, "there is no folder"),
        ({"plugins": {"providers": [{"name": "other", "path": "bin"}]}}, "has no pulumi-resource-other"),
        ({"packages": {"far": {"version": "1"}}}, "packages.far needs a source"),
        ({"packages": {"far": {"source": "x", "sha": "1"}}}, "packages.far has the unknown key 'sha'"),
    ],
)
def test_mistakes_in_them_are_named(tmp_path: Path, part: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProjectError) as refused:
        project(tmp_path, EVERYTHING | part)
    assert reason in str(refused.value)


def test_keys_at_the_top_that_nobody_knows_are_left_alone(tmp_path: Path) -> None:
    assert project(tmp_path, EVERYTHING | {"x-team": {"a": 1}}).name == "fleet"


@pytest.mark.parametrize("key", STACK)
def test_every_key_of_a_stack_is_honoured_or_refused_by_name(tmp_path: Path, key: str) -> None:
    loaded = project(tmp_path, {"name": "fleet", "runtime": "python"})
    value = {"config": "{size: 8}", "environment": "[base]", "secretsprovider": "awskms://alias/key"}.get(key, "v1:a:b")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"{key}: {value}\n")
    if key == "config":
        assert StackConfig(loaded, "dev").keys() == ["fleet:size"]
    elif key == "encryptionsalt":
        assert StackConfig(loaded, "dev").encryption_salt == "v1:a:b"
    else:
        with pytest.raises((ProjectError, SecretsError), match="awskms" if key == "secretsprovider" else key):
            StackConfig(loaded, "dev").crypter()
