"""First on a plugin's PYTHONPATH, this runs Pulumi's plugin server from a copy whose servicer has another name.

Everything else is the server as it was installed. The provider recognises it no more and lives on the plain contract.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

_SERVER = "pulumi.dynamic.__main__"
_RECOGNISED_BY = "DynamicResourceProviderServicer"


class _Renamed(importlib.machinery.SourceFileLoader):
    def get_data(self, path: str) -> bytes:
        return super().get_data(path).replace(_RECOGNISED_BY.encode(), b"PlainServicer")

    def get_code(self, fullname: str) -> CodeType:
        # Not from the cache, which holds the original.
        return self.source_to_code(self.get_data(self.path), self.path)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _SERVER:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if found is None or found.origin is None:
            return found
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=_Renamed(fullname, found.origin))


sys.meta_path.insert(0, _Finder())
