"""`import --file`: imports existing resources that a JSON file lists.

    {"nameTable": {"<name>": "<urn>"},
     "resources": [{"type", "name", "id", "logicalName"?, "parent"?, "provider"?, "version"?, "properties"?, "inputs"?,
                    "outputs"?},
                   {"type", "name", "component": true, "parent"?, "inputs"?, "outputs"?}]}

`parent` is a key of the name table or the name of another resource in the file, `provider` a key of the name table. A
resource with `outputs` is imported as it is; a custom one without is read from its provider. Secrets have the form that
they have in a state file, with their plaintext.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from pulumi_embedded import urn as urns
from pulumi_embedded.errors import EngineError, StateError
from pulumi_embedded.providers.plugins import DYNAMIC_PACKAGE
from pulumi_embedded.steps.reading_steps import Import
from pulumi_embedded.steps.steps import StepContext, new_state, now
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import MalformedValue, Properties, PropertyValue, from_checkpoint_json

if TYPE_CHECKING:
    from collections.abc import Container, Mapping


@dataclass(slots=True)
class ImportEntry:
    """One resource to import."""

    type: str
    name: str
    id: str
    """Empty for a component."""
    label: str = ""
    """How other entries name it as their parent."""
    parent: str = ""
    """A URN, the label of an earlier entry, or empty for the stack."""
    provider: str = ""
    """The URN of a provider in the state, or empty for the package's default one."""
    version: str = ""
    properties: list[str] = field(default_factory=list[str])
    """The names of the inputs to keep; empty keeps all."""
    inputs: Properties = field(default_factory=dict[str, PropertyValue])
    outputs: Properties | None = None
    component: bool = False


@dataclass(slots=True)
class PlannedImport(Import):
    """Imports a resource as an entry of an import file says."""

    entry: ImportEntry

    async def apply(self, context: StepContext) -> None:
        """Use the outputs in the file, or read the resource and add inputs that the provider does not return."""
        new, entry = new_state(self), self.entry
        if entry.component or entry.outputs is not None:
            new.id, new.inputs, new.outputs = entry.id, entry.inputs, entry.outputs or {}
            new.created = new.modified = now()
        else:
            await Import.apply(self, context)
            missing = {key: value for key, value in entry.inputs.items() if new.inputs.get(key) is None}
            new.inputs = new.inputs | missing
        if entry.properties:
            new.inputs = {key: value for key, value in new.inputs.items() if key in entry.properties}
        new.import_id = ""


class PlannedImports:
    """The states that the entries of one import file lead to; `olds` and `news` are those of the stack, by URN."""

    def __init__(
        self, stack: str, project: str, root: str, olds: Mapping[str, ResourceState], news: Container[str]
    ) -> None:
        self._stack, self._project, self._root = stack, project, root
        self._olds = olds
        self._news = news
        self._urns: dict[str, str] = {}
        """The URNs of the entries so far, by their labels."""

    def state_of(self, entry: ImportEntry, *, protect: bool) -> ResourceState | None:
        """The state that is to be imported; None if it was imported before. Raises EngineError."""
        parent = self._urns.get(entry.parent, entry.parent) or self._root
        if parent not in self._olds and parent not in self._news:
            raise EngineError(f"the parent {parent} of {entry.name!r} is not in the state")
        urn = urns.make(self._stack, self._project, parent, entry.type, entry.name)
        if urn in self._urns.values():
            raise EngineError(f"duplicate import '{entry.name}' of type '{entry.type}'")
        self._urns[entry.label] = urn
        if (old := self._olds.get(urn)) is not None:
            if entry.id == (old.import_id or old.id):
                return None
            raise EngineError(f"resource '{urn}' already exists")
        provider = self._olds.get(entry.provider)
        if entry.provider and provider is None:
            raise EngineError(f"the provider {entry.provider} of '{urn}' is not in the state")
        return ResourceState(
            urn=urn,
            type=entry.type,
            custom=not entry.component,
            import_id=entry.id,
            parent=parent,
            protect=protect,
            provider=urns.reference(provider.urn, provider.id) if provider else "",
        )


def import_document(
    type_: str, name: str, id_: str, parent: str | None, provider: str | None, properties: str
) -> dict[str, Any]:
    """An import file with one resource; `parent` and `provider` are `NAME=URN`. Raises EngineError."""
    if urns.package_of(type_) == DYNAMIC_PACKAGE:
        raise EngineError(
            f"{type_} is a dynamic resource, which cannot be read by its id alone: import it with --file and its "
            "inputs and outputs; for GPU clusters, `gpufleet import` writes that file"
        )
    table: dict[str, str] = {}
    resource: dict[str, Any] = {"type": type_, "name": name, "id": id_}
    for key, value in (("parent", parent), ("provider", provider)):
        if value is not None:
            label, equals, urn = value.partition("=")
            if not equals or not urn:
                raise EngineError(f"--{key} must be in the form NAME=URN")
            table[label] = urn
            resource[key] = label
    resource["properties"] = [part for part in properties.split(",") if part]
    return {"nameTable": table, "resources": [resource]}


def parse_import_file(document: object) -> list[ImportEntry]:
    """The entries of an import file, in its order but with parents first. Raises StateError."""
    if not isinstance(document, dict):
        raise StateError("the import file is not a JSON object with `resources`")
    content = cast("dict[str, object]", document)
    table = content.get("nameTable")
    if table is None:
        table = dict[str, object]()
    _check(table, dict, "the nameTable of the import file")
    names = cast("dict[str, object]", table)
    resources = content.get("resources")
    if not isinstance(resources, list) or not resources:
        raise StateError("the import file has no `resources`")
    listed = cast("list[object]", resources)
    for position, resource in enumerate(listed):
        _check(resource, dict, f"resources[{position}] of the import file")
    entries = cast("list[dict[str, Any]]", listed)
    known = {label: label for entry in entries if isinstance(label := _label(entry), str)} | names
    return _parents_first([_entry(entry, known, f"resources[{position}]") for position, entry in enumerate(entries)])


def _parents_first(entries: list[ImportEntry]) -> list[ImportEntry]:
    labels = Counter(entry.label for entry in entries)
    by_label = {entry.label: entry for entry in entries}
    ordered: dict[int, ImportEntry] = {}
    for entry in entries:
        if labels[entry.parent] > 1:
            raise StateError(f"the parent {entry.parent!r} of {entry.label!r} is the name of several resources")
        line = {id(entry): entry}
        parent = by_label.get(entry.parent)
        while parent is not None and id(parent) not in ordered:
            if id(parent) in line:
                raise StateError(f"the import file's resource {parent.label!r} is among its own parents")
            line[id(parent)] = parent
            parent = by_label.get(parent.parent)
        ordered |= reversed(line.items())
    return list(ordered.values())


def _label(resource: dict[str, Any]) -> object:
    return resource.get("name") or resource.get("logicalName")


_KINDS: Final = (
    dict.fromkeys(("type", "name", "logicalName", "id", "parent", "provider", "version"), str)
    | dict.fromkeys(("inputs", "outputs"), dict)
    | {"properties": list, "component": bool, "remote": bool}
)
_WORDS: Final = {str: "a string", list: "a list", dict: "an object", bool: "true or false"}


def _check(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise StateError(f"{what} is not {_WORDS[kind]}")


def _entry(resource: dict[str, Any], names: dict[str, object], where: str) -> ImportEntry:
    for key, kind in _KINDS.items():
        if resource.get(key) is not None:
            _check(resource[key], kind, f"{key!r} of {where} of the import file")
    if not resource.get("type"):
        raise StateError(f"{where} of the import file has no 'type'")
    label = cast("str", _label(resource))
    if not label:
        raise StateError(f"{where} of the import file has no 'name'")
    if urns.is_provider_type(resource["type"]):
        raise StateError(f"{where} of the import file is a provider, which pulumi-embedded does not import")
    component = bool(resource.get("component"))
    if resource.get("remote"):
        what = "a remote component, which pulumi-embedded cannot import" if component else "remote, but as no component"
        raise StateError(f"{where} of the import file is marked as {what}")
    if component and resource.get("id"):
        raise StateError(f"{where} of the import file has an 'id', but is marked as a component")
    if not component and not resource.get("id"):
        raise StateError(f"{where} of the import file has no 'id'")
    references: dict[str, str] = {}
    for reference in ("parent", "provider"):
        name = resource.get(reference)
        urn = names.get(name) if name else ""
        if not isinstance(urn, str):
            raise StateError(f"{where}: the {reference} {name!r} is not in the import file's nameTable")
        references[reference] = urn
    try:
        inputs = _properties(resource.get("inputs") or {})
        outputs = None if resource.get("outputs") is None else _properties(resource["outputs"])
    except MalformedValue as error:
        raise StateError(f"{where} of the import file: {error}") from None
    return ImportEntry(
        type=resource["type"],
        name=resource.get("logicalName") or label,
        id=resource.get("id") or "",
        label=label,
        parent=references["parent"],
        provider=references["provider"],
        version=resource.get("version") or "",
        properties=list(resource.get("properties") or []),
        inputs=inputs,
        outputs=outputs,
        component=component,
    )


def _properties(document: dict[str, Any]) -> Properties:
    return {key: from_checkpoint_json(value, _refuse_ciphertext) for key, value in document.items()}


def _refuse_ciphertext(_: str) -> str:
    raise MalformedValue("a secret in an import file must have its plaintext")
