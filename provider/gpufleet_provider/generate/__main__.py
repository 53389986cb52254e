"""Write the SDK's generated files: `python -m gpufleet_provider.generate [--check]`.

Per cloud, as Pulumi's own SDKs have them: `outputs.py`, `_inputs.py`, `_enums.py`, a module for each resource, and an
`__init__.py` that exports all of them and the hand-written look-ups.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import gpufleet_provider
from gpufleet_provider.clouds import cloud_of, lifecycles_of
from gpufleet_provider.generate.declarations import HEADER, OUTPUTS, CloudTypes, sorted_exports
from gpufleet_provider.generate.resource_class import declare_resource

SDK = Path(__file__).parents[3] / "sdk" / "pulumi_gpufleet"


def cloud_types(name: str) -> CloudTypes:
    """Return what the SDK declares for a cloud: its resources, and what else its look-ups return."""
    sdk = CloudTypes(name, cloud_of(name).title)
    for lifecycle in lifecycles_of(name).values():
        declare_resource(lifecycle, sdk)
    for entry in importlib.import_module(f"gpufleet_provider.{name}").CATALOGUE_TYPES:
        sdk.output(entry)
    return sdk


def package_text(sdk: CloudTypes, lookups: Sequence[str]) -> str:
    """Return a cloud's `__init__.py`; raises TypeError when two modules export one name."""
    package = f"pulumi_gpufleet.{sdk.cloud}"
    exports = {f"{package}.{module}": list(names) for module, names in sdk.modules.items() if module != OUTPUTS}
    exports |= {package: [OUTPUTS], f"{package}.lookups": list(lookups)}
    imports = "".join(
        f"from {module} import {', '.join(sorted_exports(names))}\n"
        for module, names in sorted(exports.items())
        if names
    )
    counted = Counter(name for names in exports.values() for name in names)
    if twice := [name for name, count in counted.items() if count > 1]:
        raise TypeError(f"{sdk.cloud}: {', '.join(twice)} is exported twice; rename it in lookups.py")
    listed = "".join(f"    {name!r},\n" for name in sorted_exports(counted))
    return HEADER.format(source=f"{sdk.cloud}/") + f'"""{sdk.title}."""\n\n{imports}\n__all__ = [\n{listed}]\n'


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
        types, lookups = cloud_types(name), sdk / name / "lookups.py"
        files.update({sdk / name / f"{module}.py": formatted(types.text(module)) for module in types.modules})
        by_hand = exports_of(lookups.read_text()) if lookups.exists() else []
        files[sdk / name / "__init__.py"] = formatted(package_text(types, by_hand))
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
