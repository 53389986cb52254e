"""`import --file`: imports existing resources that a JSON file lists.

    {"nameTable": {"<name>": "<urn>"},
     "resources": [{"type", "name", "id", "parent"?, "provider"?, "version"?, "properties"?, "inputs"?, "outputs"?}]}

`parent` and `provider` are keys of the name table. A resource with `outputs` is imported as it is; one without is read
from its provider. Secrets have the form that they have in a state file, with their plaintext.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from pulumi_embedded.errors import StateError
from pulumi_embedded.steps.reading_steps import Import
from pulumi_embedded.steps.steps import StepContext, new_state, now
from pulumi_embedded.values import MalformedValue, Properties, PropertyValue, from_checkpoint_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class ImportEntry:
    """One resource to import."""

    type: str
    name: str
    id: str
    parent: str = ""
    """A URN, or empty for the stack."""
    provider: str = ""
    """The URN of a provider in the state, or empty for the package's default one."""
    version: str = ""
    properties: list[str] = field(default_factory=list[str])
    """The names of the inputs to keep; empty keeps all."""
    inputs: Properties = field(default_factory=dict[str, PropertyValue])
    outputs: Properties | None = None


class PlannedImport(Import):
    """Imports a resource as an entry of an import file says."""

    entry: ImportEntry | None = None

    async def apply(self, context: StepContext) -> None:
        """Use the outputs in the file, or read the resource and add inputs that the provider does not return."""
        new = new_state(self)
        entry = self.entry
        assert entry is not None
        if entry.outputs is not None:
            new.id, new.inputs, new.outputs = entry.id, entry.inputs, entry.outputs
            new.created = new.modified = now()
        else:
            await Import.apply(self, context)
            missing = {key: value for key, value in entry.inputs.items() if new.inputs.get(key) is None}
            new.inputs = new.inputs | missing
        if entry.properties:
            new.inputs = {key: value for key, value in new.inputs.items() if key in entry.properties}
        new.import_id = ""


def parse_import_file(document: object) -> Iterator[ImportEntry]:
    """The entries of an import file, in its order. Raises StateError."""
    if not isinstance(document, dict):
        raise StateError("the import file is not a JSON object with `resources`")
    content = cast("dict[str, object]", document)
    names = content.get("nameTable")
    if names is None:
        names = dict[str, object]()
    _check(names, dict, "the nameTable of the import file")
    resources = content.get("resources")
    if not isinstance(resources, list) or not resources:
        raise StateError("the import file has no `resources`")
    for position, resource in enumerate(cast("list[object]", resources)):
        where = f"resources[{position}]"
        _check(resource, dict, f"{where} of the import file")
        yield _entry(cast("dict[str, Any]", resource), cast("dict[str, object]", names), where)


_KINDS: Final = {"type": str, "name": str, "id": str, "parent": str, "provider": str, "version": str} | {
    "properties": list,
    "inputs": dict,
    "outputs": dict,
}
_WORDS: Final = {str: "a string", list: "a list", dict: "an object"}


def _check(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise StateError(f"{what} is not {_WORDS[kind]}")


def _entry(resource: dict[str, Any], names: dict[str, object], where: str) -> ImportEntry:
    for required in ("type", "name", "id"):
        if not isinstance(resource.get(required), str) or not resource[required]:
            raise StateError(f"{where} of the import file has no {required!r}")
    if resource.get("component") or resource.get("remote"):
        raise StateError(f"{where} of the import file is a component; only custom resources can be imported")
    for key, kind in _KINDS.items():
        if resource.get(key) is not None:
            _check(resource[key], kind, f"{key!r} of {where} of the import file")
    urns: dict[str, str] = {}
    for reference in ("parent", "provider"):
        name = resource.get(reference)
        urn = names.get(name) if name else ""
        if not isinstance(urn, str):
            raise StateError(f"{where}: the {reference} {name!r} is not in the import file's nameTable")
        urns[reference] = urn
    try:
        inputs = _properties(resource.get("inputs") or {})
        outputs = None if resource.get("outputs") is None else _properties(resource["outputs"])
    except MalformedValue as error:
        raise StateError(f"{where} of the import file: {error}") from None
    return ImportEntry(
        type=resource["type"],
        name=resource["name"],
        id=resource["id"],
        parent=urns["parent"],
        provider=urns["provider"],
        version=resource.get("version") or "",
        properties=list(resource.get("properties") or []),
        inputs=inputs,
        outputs=outputs,
    )


def _properties(document: dict[str, Any]) -> Properties:
    return {key: from_checkpoint_json(value, _refuse_ciphertext) for key, value in document.items()}


def _refuse_ciphertext(_: str) -> str:
    raise MalformedValue("a secret in an import file must have its plaintext")
