"""What look-ups share: the account from the program's configuration, a thread for each call, typed results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

import pulumi
from gpufleet_provider.clouds import cloud_of, lifecycle_of
from gpufleet_provider.http.accounts import client_for
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import CloudError, MissingKey
from gpufleet_provider.model.fields import Info, Properties
from gpufleet_provider.model.replies import parse_info
from pulumi.runtime.rpc import translate_output_properties

ResultT = TypeVar("ResultT")
AskedT = TypeVar("AskedT")


def ask(cloud: Cloud, question: Callable[[CloudClient], ResultT]) -> ResultT:
    """Ask a cloud from the program: key and address from the stack's configuration, else from the environment.

    Raises pulumi.RunError with one line when there is no key or no answer.
    """
    try:
        return question(client_for(cloud, _setting))
    except CloudError as refused:
        raise pulumi.RunError(str(refused)) from None


def ask_later(
    cloud: Cloud, asked: pulumi.Input[AskedT], look_up: Callable[[AskedT], ResultT]
) -> pulumi.Output[ResultT]:
    """Look up once the arguments are known, without holding up the rest of the program.

    A preview needs no key: where none is set, what a look-up would find is unknown to it.
    """

    def answer(known: AskedT) -> pulumi.Input[ResultT]:
        if pulumi.runtime.is_dry_run():
            try:
                client_for(cloud, _setting)
            except MissingKey as missing:
                pulumi.log.warn(f"{missing}; until then the preview does not know what a look-up finds")
                return cast("pulumi.Output[ResultT]", unknown())
            except CloudError as refused:
                raise pulumi.RunError(str(refused)) from None
        return asyncio.to_thread(look_up, known)

    return pulumi.Output.from_input(asked).apply(cast("Callable[[Any], pulumi.Input[ResultT]]", answer))


def resource_of(token: str, id: str) -> Properties:
    """Return the outputs of a living resource by its id; `token` names its kind, such as `together:Cluster`."""
    lifecycle, cloud = lifecycle_of(token), cloud_of(token.partition(":")[0])
    return ask(cloud, lambda client: lifecycle.outputs(parse_info(lifecycle.info_body, lifecycle.get(client, id))))


def get_resource(token: str, id: str, result: type[ResultT]) -> ResultT:
    """Return a living resource by its id, as the type that its outputs have; raises pulumi.RunError."""
    return typed(result, resource_of(token, id))


def get_resource_output(token: str, id: pulumi.Input[str], result: type[ResultT]) -> pulumi.Output[ResultT]:
    """Return a living resource by its id; the answer is secret if the id is."""
    # `Output.secret` of the answer would make plain dictionaries of its types.
    cloud = cloud_of(token.partition(":")[0])
    return ask_later(cloud, id, lambda known: get_resource(token, known, result))


def typed(kind: type[ResultT], found: Info | Properties) -> ResultT:
    """Return a reply as an output type of the SDK, nested ones included."""
    properties = found if isinstance(found, dict) else found.model_dump(mode="json", exclude_none=True)
    return cast(ResultT, translate_output_properties(properties, lambda name: name, kind, True))


def _setting(key: str) -> str | None:
    namespace, _, name = key.partition(":")
    return pulumi.Config(namespace).get(name)


def unknown() -> pulumi.Output[Any]:
    """Return a value that is not known before the run."""

    def known_to_be(value: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    return pulumi.Output(known_to_be(set[pulumi.Resource]()), known_to_be(None), known_to_be(False))
