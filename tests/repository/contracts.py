"""A contract for import-linter: the modules of a folder import that folder and what is listed, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from importlinter import Contract, ContractCheck, fields, output

CLOUD = "{cloud}"
"""Stands for every folder beside the others that has a `simulator` folder: a new cloud is covered as it comes."""


class MayImport(Contract):
    """`modules` import themselves, what is below them, `may_import` and the standard library.

    A name covers the module and all that is below it, but for a root package, which covers its `__init__` alone.
    Modules below a name in `apart_from` belong to another contract, and are not to be imported either.
    """

    type_name = "may_import"
    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    apart_from = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        """Look at every direct import of the folder's modules."""
        wrong: list[str] = []
        for pattern in self.modules:
            for folder, cloud in _expanded(pattern, graph):
                allowed = [name.replace(CLOUD, cloud) for name in (folder, *self.may_import)]
                apart = [name.replace(CLOUD, cloud) for name in self.apart_from]
                for importer in sorted(graph.modules):
                    if not _within(importer, [folder], graph) or _within(importer, apart, graph):
                        continue
                    for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                        is_standard = imported.partition(".")[0] in sys.stdlib_module_names
                        if is_standard or (_within(imported, allowed, graph) and not _within(imported, apart, graph)):
                            continue
                        details = graph.get_import_details(importer=importer, imported=imported)
                        lines = ", ".join(f"l.{detail['line_number']}" for detail in details)
                        wrong.append(f"{importer} -> {imported} ({lines})")
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print every import that is not allowed."""
        for line in check.metadata["wrong"]:
            output.print_error(line)


def _expanded(pattern: str, graph: Any) -> Iterable[tuple[str, str]]:
    """The folders that a pattern names, each with the cloud that it belongs to or an empty string."""
    before, found, after = pattern.partition(CLOUD)
    if not found:
        return [(pattern, "")]
    children = graph.find_children(before.rstrip("."))
    clouds = [child.rpartition(".")[2] for child in sorted(children) if f"{child}.simulator" in graph.modules]
    return [(f"{before}{cloud}{after}", cloud) for cloud in clouds]


def _within(module: str, names: Iterable[str], graph: Any) -> bool:
    return any(
        module == name or (module.startswith(f"{name}.") and ("." in name or graph.is_module_squashed(name)))
        for name in names
        if name in graph.modules
    )
