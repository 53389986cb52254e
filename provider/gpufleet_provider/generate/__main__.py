"""Write the SDK's generated files: `python -m gpufleet_provider.generate [--check]`.

One module for each of the provider's modules that declare a resource (`sdk_resource.py`) or types (`sdk_types.py`), and
one `__init__.py` per cloud that exports them and the hand-written look-ups.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

import gpufleet_provider
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.generate.declarations import HEADER, CloudTypes, camel_case, sorted_exports
from gpufleet_provider.generate.resource_class import declare_resource
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Info

SDK = Path(__file__).parents[3] / "sdk" / "pulumi_gpufleet"


def cloud_types(cloud: Cloud, modules: Iterable[ModuleType]) -> CloudTypes:
    """Return what the SDK declares for a cloud: its resources, and the entries of its catalogues.

    A catalogue is a module named for what it lists, such as `regions`, that has a model of the name in the singular.
    """
    sdk = CloudTypes(cloud.name)
    for lifecycle in lifecycles_of(cloud.name).values():
        declare_resource(lifecycle, sdk)
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        entry = getattr(module, camel_case(name.removesuffix("s")), None)
        if name.endswith("s") and isinstance(entry, type) and issubclass(entry, Info):
            sdk.output(entry)
    return sdk


def package_text(cloud: Cloud, exports: dict[str, list[str]]) -> str:
    """Return a cloud's `__init__.py`; `exports` lists what each module exports."""
    imports = "".join(
        f"from pulumi_gpufleet.{cloud.name}.{module} import {', '.join(sorted_exports(names))}\n"
        for module, names in sorted(exports.items())
    )
    listed = "".join(
        f"    {name!r},\n" for name in sorted_exports(name for names in exports.values() for name in names)
    )
    return HEADER.format(source=f"{cloud.name}/") + f'"""{cloud.title}."""\n\n{imports}\n__all__ = [\n{listed}]\n'


def formatted(text: str) -> str:
    """Return source as `ruff format` has it; raises CalledProcessError when it is no Python."""
    line_length = "line-length=120"
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--config", line_length, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def exports_of(text: str) -> list[str]:
    """Return what a module's source lists in `__all__`."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return cast("list[str]", ast.literal_eval(statement.value))
    return []


def generated_files(sdk: Path = SDK) -> dict[Path, str]:
    """Return every generated file of the SDK: path to text; a cloud's hand-written `lookups.py` is exported as well."""
    files: dict[Path, str] = {}
    for name in gpufleet_provider.CLOUDS:
        package = importlib.import_module(f"gpufleet_provider.{name}")
        cloud: Cloud = package.CLOUD
        modules = [
            importlib.import_module(f"gpufleet_provider.{name}.{found.name}")
            for found in pkgutil.iter_modules(package.__path__)
            if not found.ispkg
        ]
        types = cloud_types(cloud, modules)
        exports = {module: list(declarations) for module, declarations in types.modules.items()}
        files.update({sdk / name / f"{module}.py": formatted(types.text(module)) for module in exports})
        if (lookups := sdk / name / "lookups.py").exists():
            exports["lookups"] = exports_of(lookups.read_text())
        files[sdk / name / "__init__.py"] = formatted(package_text(cloud, exports))
    return files


def main(arguments: Sequence[str] | None = None, *, sdk: Path = SDK) -> int:
    """Write what is stale and remove what is left over; with `--check`, list it and return 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m gpufleet_provider.generate", description=inspect.getdoc(main))
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    options = parser.parse_args(arguments)
    files = generated_files(sdk)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    left_over = [
        path for path in sdk.glob("*/*.py") if path not in files and path.read_text().startswith(HEADER.split("{")[0])
    ]
    for path in (*stale, *left_over):
        verb = "left over" if path in left_over else "stale"
        print(f"{verb if options.check else f'{verb}, put right'}: {path.relative_to(sdk.parents[1])}")
    if options.check:
        if stale or left_over:
            print("run `make sdk` and commit what it changes", file=sys.stderr)
        return 1 if stale or left_over else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    for path in left_over:
        path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
