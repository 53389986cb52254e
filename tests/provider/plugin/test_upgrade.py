"""Which servers are recognised; what becomes of the recognised is shown on real ones, in `plugin_servers`."""

from __future__ import annotations

import re
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from gpufleet_provider.plugin import engine_log, serving, upgrade

SERVER = """
from typing import Any

_CACHE = {}

def get_provider(props, config):
    return _CACHE["provider"]

def _abort_with_traceback(fn):
    def wrapper(self, request, context):
        return fn(self, request, context)
    return wrapper

class DynamicResourceProviderServicer:
    _config: dict[str, Any] = {}

    def Cancel(self, request, context):
        return None
"""
METHODS = "".join(
    f"""
    @_abort_with_traceback
    def {name}(self, request, context):
        return get_provider(request, self._config).{method}()
"""
    for name, method in upgrade._CALLS.items()
)


def main_of(source: str) -> types.ModuleType:
    module = types.ModuleType("main")
    exec(source, vars(module))
    return module


@pytest.mark.parametrize("source", [SERVER + METHODS, re.sub(r"    @_abort_with_traceback\n", "", SERVER + METHODS)])
def test_both_shapes_are_recognised_down_to_the_real_handlers(source: str) -> None:
    handlers = upgrade._recognised(main_of(source))
    assert handlers is not None
    assert {name: handler.__name__ for name, handler in handlers.items()} == {name: name for name in handlers}
    assert set(handlers) == {*upgrade._CALLS, "Cancel"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class DynamicResourceProviderServicer", "class Servicer"),
        ("def get_provider(props, config)", "def get_provider(props, config, urn)"),
        ("def get_provider", "def load_provider"),
        ("_config: dict[str, Any] = {}", "_settings = {}"),
        ("def Cancel(self, request, context)", "def Cancel(self, request, context, why)"),
        ("def Cancel(self, request, context)", "async def Stop(self, request, context)"),
        (").create()", ").make()"),
        ("def Read(self, request, context)", "def Read(self, context, request)"),
    ],
)
def test_whatever_looks_different_is_left_alone(old: str, new: str) -> None:
    source = SERVER + METHODS
    assert old in source
    assert upgrade._recognised(main_of(source.replace(old, new))) is None


def test_a_wrapper_with_more_than_the_handler_inside_is_unknown() -> None:
    source = (SERVER + METHODS).replace("def _abort_with_traceback(fn):", "def _abort_with_traceback(fn, more=1):")
    source = source.replace("return fn(self, request, context)", "return more and fn(self, request, context)")
    assert upgrade._recognised(main_of(source)) is None


def test_the_pool_is_found_from_one_of_its_threads() -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert pool.submit(upgrade._pool).result() is pool
    assert upgrade._pool() is None


def test_outside_a_plugin_process_nothing_is_touched() -> None:
    assert engine_log.engine_address() is None
    upgrade.install()
    assert upgrade._done is False
    assert serving.stock_call() is None
