"""Projects: finds and reads Pulumi.yaml, and reads and writes which stack is selected."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pulumi_embedded.errors import ProjectError
from pulumi_embedded.storage.durable import make_private_folder, write_atomically
from pulumi_embedded.storage.markup import plain, read_mapping
from pulumi_embedded.storage.project_keys import (
    CONFIG_DECLARATION_KEYS,
    ProjectPlugin,
    check_keys,
    project_plugins,
    refuse_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE_NAMES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_TYPE_NAMES: Final = ("string", "boolean", "integer", "array", "object")


@dataclass(frozen=True)
class ConfigDeclaration:
    """The declaration of one config key in Pulumi.yaml. `default` and `value` are None if not declared."""

    type: Literal["string", "boolean", "integer", "array", "object"] | None
    items: dict[str, Any] | None
    secret: bool
    default: Any
    value: Any


@dataclass(frozen=True)
class Project:
    """One Pulumi.yaml."""

    path: Path
    name: str
    runtime: str
    runtime_options: dict[str, Any]
    """For Python: `virtualenv`, `toolchain`, `typechecker`."""
    main: str
    description: str
    backend_url: str | None
    stack_config_folder: Path
    config: dict[str, ConfigDeclaration]
    """By key as in the file: `size`, or `aws:region` with a namespace."""
    refresh_always: bool = False
    """`options.refresh: always`: every deployment reads the resources first."""
    plugins: tuple[ProjectPlugin, ...] = ()
    required_pulumi_version: str = ""
    """A range of versions; empty for any."""

    @property
    def folder(self) -> Path:
        """The folder of Pulumi.yaml; the program's working directory unless `main` names another one."""
        return self.path.parent

    @property
    def program(self) -> Path:
        """The file or folder of the program."""
        return (self.folder / self.main).resolve() if self.main else self.folder

    def stack_config_path(self, stack: str) -> Path:
        """`Pulumi.<stack>.yaml`."""
        return self.stack_config_folder / f"Pulumi.{stack}{self.path.suffix}"


def load_project(start: Path) -> Project:
    """The project of this folder or of the nearest parent that has one. Raises ProjectError."""
    for folder in (start.absolute(), *start.absolute().parents):
        for name in _FILE_NAMES:
            if (folder / name).is_file():
                return _parse(folder / name)
    raise ProjectError(f"no Pulumi.yaml project file found (searching upwards from {start.absolute()})")


def _parse(path: Path) -> Project:
    document = cast("dict[str, Any]", plain(read_mapping(path)))
    check_keys(path, document)
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise ProjectError(f"{path}: project is missing a 'name' attribute")
    runtime: object = document.get("runtime")
    options: object = None
    if isinstance(runtime, dict):
        entries = cast("dict[str, Any]", runtime)
        runtime, options = entries.get("name"), entries.get("options")
    if not isinstance(runtime, str) or not runtime:
        raise ProjectError(f"{path}: runtime must be a string, or a mapping with `name` and `options`")
    if options is not None and not isinstance(options, dict):
        raise ProjectError(f"{path}: runtime.options must be a mapping")
    declarations: object = document.get("config") or {}
    config_folder: object = document.get("stackConfigDir")
    if isinstance(declarations, str):
        # `config: <folder>` is the earlier spelling of `stackConfigDir`.
        if config_folder:
            raise ProjectError(f"{path}: use only stackConfigDir, not config as well, to name the stack config folder")
        declarations, config_folder = cast("object", {}), declarations
    if not isinstance(declarations, dict):
        raise ProjectError(f"{path}: config must be a mapping")
    backend: object = document.get("backend")
    backend_url: object = cast("dict[str, Any]", backend).get("url") if isinstance(backend, dict) else None
    return Project(
        path=path,
        name=name,
        runtime=runtime,
        runtime_options=cast("dict[str, Any]", options or {}),
        main=str(document.get("main") or ""),
        description=str(document.get("description") or ""),
        backend_url=str(backend_url) if backend_url else None,
        stack_config_folder=(path.parent / str(config_folder)) if config_folder else path.parent,
        config={
            key: _declaration(path, name, key, value) for key, value in cast("dict[str, Any]", declarations).items()
        },
        refresh_always=cast("dict[str, Any]", document.get("options") or {}).get("refresh") == "always",
        plugins=project_plugins(path, document),
        required_pulumi_version=str(document.get("requiredPulumiVersion") or ""),
    )


def _declaration(path: Path, project: str, key: str, declared: Any) -> ConfigDeclaration:
    own = ":" not in key or key.startswith(f"{project}:")
    if not isinstance(declared, dict):
        # A bare value is the default of the project's own key, and the value of any other.
        return ConfigDeclaration(None, None, False, declared if own else None, None if own else declared)
    entries = cast("dict[str, Any]", declared)
    refuse_unknown(path, f"config.{key}", entries, CONFIG_DECLARATION_KEYS)
    type_, default, value = entries.get("type"), entries.get("default"), entries.get("value")
    items = cast("dict[str, Any]", entries["items"]) if isinstance(entries.get("items"), dict) else None
    problem = None
    if default is not None and value is not None:
        problem = "has both a 'default' and a 'value'"
    elif not own and (type_ is not None or default is not None):
        problem = "is not in the namespace of this project and can only have a 'value'"
    elif not own and value is None:
        problem = "is namespaced and must have a 'value'"
    elif type_ is not None and type_ not in _TYPE_NAMES:
        problem = f"has the unknown type {type_!r}; known are {', '.join(_TYPE_NAMES)}"
    elif type_ == "array" and items is None:
        problem = "is an array and must have 'items'"
    elif type_ is not None and default is not None and not fits(type_, items, default):
        problem = f"has a default that is not of its type '{type_}'"
    if problem:
        raise ProjectError(f"{path}: the config key '{key}' {problem}")
    return ConfigDeclaration(type_, items, entries.get("secret") is True, default, value)


def fits(type_: str, items: dict[str, Any] | None, value: Any) -> bool:
    """Whether a config value has a declared type; `"8"` counts as an integer, `"true"` as a boolean."""
    if type_ == "string":
        return isinstance(value, str)
    if type_ == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if type_ == "integer":
        if isinstance(value, str):
            return value.removeprefix("-").isdecimal() and value.isascii()
        return not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
    if type_ == "object":
        return isinstance(value, dict)
    return (
        isinstance(value, list)
        and items is not None
        and all(fits(str(items.get("type")), items.get("items"), item) for item in cast("list[Any]", value))
    )


# --- the selected stack -----------------------------------------------------------------------------------------------


def selected_stack(project: Project, backend_url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """PULUMI_STACK, or the stack that `stack select` of either engine has selected; None if there is none."""
    if name := environment.get("PULUMI_STACK"):
        return name
    settings = _read_settings(_settings_path(project, environment))
    stacks: object = settings.get("stacks")
    chosen: object = cast("dict[str, Any]", stacks).get(backend_url) if isinstance(stacks, dict) else None
    chosen = chosen or settings.get("stack")
    return chosen if isinstance(chosen, str) and chosen else None


def select_stack(
    project: Project, backend_url: str, name: str | None, environment: Mapping[str, str] = os.environ
) -> None:
    """Select the stack in the CLI's own settings file; None selects no stack. Raises StorageFull."""
    path = _settings_path(project, environment)
    settings = _read_settings(path)
    stacks = dict(cast("dict[str, Any]", settings.get("stacks") or {}))
    if name is None:
        stacks.pop(backend_url, None)
        settings.pop("stack", None)
    else:
        # An older CLI reads `stack` only, a newer one prefers `stacks`.
        stacks[backend_url] = settings["stack"] = name
    settings.pop("stacks", None)
    if stacks:
        settings["stacks"] = stacks
    if settings:
        make_private_folder(path.parent)
        write_atomically(path, json.dumps(settings, indent=4).encode())
    else:
        path.unlink(missing_ok=True)


def _settings_path(project: Project, environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    digest = hashlib.sha1(str(project.path).encode(), usedforsecurity=False).hexdigest()
    return home / "workspaces" / f"{project.name}-{digest}-workspace.json"


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings: object = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    return cast("dict[str, Any]", settings) if isinstance(settings, dict) else {}
