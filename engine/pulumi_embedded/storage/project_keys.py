"""The keys of Pulumi.yaml: which there are below each other, and those that this engine refuses by name.

As in the Pulumi CLI, a key at the top that nobody knows is left alone, and one further down is an error. Keys that
describe the project to people (`author`, `website`, `license`, `template`) have no effect on a deployment in the CLI
either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pulumi_embedded.errors import ProjectError

_KEYS: Final = {
    "runtime": frozenset({"name", "options"}),
    "backend": frozenset({"url"}),
    "options": frozenset({"refresh"}),
    "template": frozenset({"displayName", "description", "quickstart", "important", "metadata", "config"}),
    "plugins": frozenset({"providers", "analyzers", "languages"}),
}
_PLUGIN_KEYS: Final = frozenset({"name", "path", "version"})
_PACKAGE_KEYS: Final = frozenset({"source", "version", "parameters", "pluginDownloadURL", "checksums", "extensions"})
CONFIG_DECLARATION_KEYS: Final = frozenset({"type", "items", "description", "secret", "default", "value"})
_TOOLCHAINS: Final = ("pip", "poetry", "uv")
_TYPECHECKERS: Final = ("mypy", "pyright")


@dataclass(frozen=True)
class ProjectPlugin:
    """A provider plugin that Pulumi.yaml names, which goes before every other one of its package."""

    name: str
    folder: Path
    version: str
    """Empty for any version."""


def check_keys(path: Path, document: dict[str, Any]) -> None:
    """Raise ProjectError for a key that is unknown, malformed, or refused because this engine does not support it."""
    for key, known in _KEYS.items():
        value: object = document.get(key)
        if isinstance(value, dict):
            refuse_unknown(path, key, cast("dict[str, Any]", value), known)
        elif value is not None and not (key == "runtime" and isinstance(value, str)):
            raise ProjectError(f"{path}: {key} must be a mapping")
    refresh = _mapping(document, "options").get("refresh")
    if refresh not in (None, "always"):
        raise ProjectError(f"{path}: options.refresh can only be 'always', not {refresh!r}")
    plugins = _mapping(document, "plugins")
    for kind in ("analyzers", "languages"):
        if plugins.get(kind):
            raise ProjectError(f"{path}: plugins.{kind} is not supported by pulumi-embedded; use the Pulumi CLI")
    options = _mapping(_mapping(document, "runtime"), "options")
    for key, known in (("toolchain", _TOOLCHAINS), ("typechecker", _TYPECHECKERS)):
        if options.get(key) not in (None, *known):
            raise ProjectError(f"{path}: runtime.options.{key} is {options[key]!r}; known are {', '.join(known)}")
    virtualenv: object = options.get("virtualenv")
    if not isinstance(virtualenv, str | None):
        raise ProjectError(f"{path}: runtime.options.virtualenv must be a string")


def refuse_unknown(path: Path, where: str, value: dict[str, Any], known: frozenset[str]) -> None:
    """Raise ProjectError for the first key that is not known."""
    for key in value:
        if key not in known:
            raise ProjectError(f"{path}: {where} has the unknown key '{key}'; known are {', '.join(sorted(known))}")


def project_plugins(path: Path, document: dict[str, Any]) -> tuple[ProjectPlugin, ...]:
    """The plugins of `plugins.providers`, and of the `packages` whose source is a folder. Raises ProjectError.

    Other packages tell `pulumi install` what to install, and have no effect on a deployment.
    """
    found: list[ProjectPlugin] = []
    entries: object = _mapping(document, "plugins").get("providers") or []
    if not isinstance(entries, list):
        raise ProjectError(f"{path}: plugins.providers must be a list")
    for entry in cast("list[Any]", entries):
        fields = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        refuse_unknown(path, "plugins.providers", fields, _PLUGIN_KEYS)
        name, folder, version = (str(fields.get(key) or "") for key in ("name", "path", "version"))
        if not name or not folder:
            raise ProjectError(f"{path}: an entry of plugins.providers needs a name and a path")
        found.append(_plugin(path, f"plugins.providers, {name}", name, folder, version))
    packages: object = document.get("packages") or {}
    if not isinstance(packages, dict):
        raise ProjectError(f"{path}: packages must be a mapping")
    for name, package in cast("dict[str, Any]", packages).items():
        fields = cast("dict[str, Any]", package) if isinstance(package, dict) else {"source": package}
        refuse_unknown(path, f"packages.{name}", fields, _PACKAGE_KEYS)
        source: object = fields.get("source")
        if not isinstance(source, str) or not source:
            raise ProjectError(f"{path}: packages.{name} needs a source")
        if source.startswith(("./", "../", "/")):
            found.append(_plugin(path, f"packages.{name}", name, source, ""))
    return tuple(found)


def _plugin(path: Path, where: str, name: str, folder: str, version: str) -> ProjectPlugin:
    plugin = ProjectPlugin(name, path.parent / folder, version)
    if not plugin.folder.is_dir():
        raise ProjectError(f"{path}: {where}: there is no folder {plugin.folder}")
    if not (plugin.folder / f"pulumi-resource-{name}").is_file():
        raise ProjectError(
            f"{path}: {where}: {plugin.folder} has no pulumi-resource-{name}; plugins that are run from their source "
            "are not supported by pulumi-embedded"
        )
    return plugin


def _mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    value: object = document.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
