"""The base of the generated resource classes: the inputs bag, the offered name, import, and unfinished waits."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pulumi
from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.model.state_properties import CREATE_FIRST, IMPORT_ID, INPUTS, OFFERED_NAME, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from pulumi.dynamic import Resource
from typing_extensions import Self

NAME_LIMIT = 60
"""The longest physical name that is offered, in characters."""

_pickler: Any = cast(Any, pickle)._Pickler
_batch_setitems = _pickler._batch_setitems


def offered_name(logical_name: str, organization: str, urn: str) -> str:
    """Return the physical name of a resource that was given none: the same on every run, on no other stack the same.

    It is `<logical name>-<8 hex digits>`, of `a` to `z`, `0` to `9` and `-` alone, at most 60 characters.
    """
    ownership = hashlib.sha256(f"{organization}\n{urn}".encode()).hexdigest()[:8]
    stem = re.sub(r"[^a-z0-9-]", "-", logical_name.lower())[: NAME_LIMIT - len(ownership) - 1]
    return f"{stem}-{ownership}"


class CloudResource(Resource):
    """A resource of a cloud, known to the provider by its token, such as `together:Cluster`.

    A subclass states in its class arguments what it is: `module` and `name` make the token, `physical_name` is the
    input that names the resource in the cloud, `secret_inputs` and `secret_outputs` hold credentials.
    """

    _token: ClassVar[str]
    _physical_name: ClassVar[str]
    _secret_inputs: ClassVar[tuple[str, ...]]
    _secret_outputs: ClassVar[tuple[str, ...]]
    _outputs: ClassVar[tuple[str, ...]]
    _resource_type_name: ClassVar[str]

    def __init_subclass__(
        cls,
        module: str = "",
        name: str = "",
        physical_name: str = "",
        secret_inputs: tuple[str, ...] = (),
        secret_outputs: tuple[str, ...] = (),
        **rest: Any,
    ) -> None:
        if module and name:
            cast(Any, super()).__init_subclass__(module=module, name=name, **rest)
            cls._token = f"{module}:{name}"
            cls._physical_name = physical_name
            cls._secret_inputs = secret_inputs
            cls._secret_outputs = secret_outputs
            cls._outputs = tuple(name for name, attribute in vars(cls).items() if isinstance(attribute, property))
        else:
            # A user's own subclass of a resource class is the same kind of resource: its type token must not change.
            inherited = cls._resource_type_name
            cast(Any, super()).__init_subclass__(**rest)
            cls._resource_type_name = inherited

    def __init__(
        self, resource_name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the resource.

        Inputs that are None are absent. `import_` among the options takes over the living resource with that id.
        """
        opts = pulumi.ResourceOptions() if opts is None else opts
        # Pulumi makes an attribute of every name in the bag; the outputs among them are None until the engine answers.
        bag: dict[str, Any] = {**dict.fromkeys(self._outputs), WAIT: None, **inputs}
        for name in self._secret_inputs:
            if bag.get(name) is not None:
                bag[name] = pulumi.Output.secret(bag[name])
        if opts.id is None and opts.urn is None:
            if bag.get(self._physical_name) is None:
                bag[OFFERED_NAME] = self._offered_name(resource_name, opts.parent)
            if opts.import_ is not None:
                bag[IMPORT_ID] = opts.import_
            if opts.delete_before_replace is False:
                bag[CREATE_FIRST] = True
        opts = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(additional_secret_outputs=[*self._secret_outputs, INPUTS])
        )
        if opts.delete_before_replace is None:
            # The provider asks for it as well, but of some replacements (--replace, a taint) it is not asked.
            opts.delete_before_replace = True
        # The engine would import by an id alone, which the plugin server of dynamic providers cannot serve.
        opts.import_ = None
        super().__init__(DynamicProvider(self._token), resource_name, bag, opts)
        # Each dynamic resource has Pulumi wrap this method once more: after some 950 pickling would recurse too deep.
        _pickler._batch_setitems = _batch_setitems
        cast("pulumi.Output[Any]", self.__dict__[WAIT]).apply(self._report_wait)

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Self:
        """Refer to a living resource by its id: read on every run, never changed and never deleted by this program."""
        found = cls.__new__(cls)
        CloudResource.__init__(
            found, resource_name, {}, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        )
        return found

    def _output(self, name: str) -> Any:
        return self.__dict__[name]

    def _offered_name(self, resource_name: str, parent: pulumi.Resource | None) -> pulumi.Output[str]:
        if parent is not None and parent.pulumi_resource_type == "pulumi:pulumi:Stack":
            parent = None
        type_token = f"pulumi-python:{self._resource_type_name}"
        # A plain future carries no dependencies: depending on a component means waiting for all of its children,
        # this resource among them.
        urn = pulumi.create_urn(resource_name, type_token, parent).future()
        organization = pulumi.get_organization()
        return pulumi.Output.from_input(urn).apply(
            lambda known: offered_name(resource_name, organization, cast(str, known))
        )

    def _report_wait(self, hidden: Mapping[str, Any] | None) -> None:
        """End the run for a resource that exists and is not ready, where the plugin server had no way to say so."""
        wait = UnfinishedWait.from_property(hidden)
        if wait is None or pulumi.runtime.is_dry_run():
            return
        outcome = {
            "pending": "is not ready yet, and the next `pulumi up` goes on waiting",
            "failed": "failed while it was set up, and the next `pulumi up` replaces it",
        }[wait.state]
        raise pulumi.RunError(f"{self._token} {self.pulumi_resource_name!r} {outcome}: {wait.message}")
