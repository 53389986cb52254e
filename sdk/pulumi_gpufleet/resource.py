"""The base of the generated resource classes: the inputs bag, the offered name, import, and unfinished waits."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pulumi
from gpufleet_provider.clouds import lifecycle_of
from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.model.names import NAME_LIMIT
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import CREATE_FIRST, IMPORT_ID, INPUTS, OFFERED_NAME, STATE, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from pulumi._types import is_input_type
from pulumi.dynamic import Resource
from pulumi.runtime.rpc import UNKNOWN, translate_output_properties
from typing_extensions import Self

from pulumi_gpufleet.lookups import unknown
from pulumi_gpufleet.state_mark import state_mark

_pickler: Any = cast(Any, pickle)._Pickler
_batch_setitems = _pickler._batch_setitems


def offered_name(logical_name: str, organization: str, urn: str) -> str:
    """Return what is offered as the name of a resource that was given none: on no other stack is it the same.

    It is `<logical name>-<8 hex digits>`, of `a` to `z`, `0` to `9` and `-` alone, at most 60 characters. What tells
    states of that stack apart is added by check.
    """
    ownership = hashlib.sha256(f"{organization}\n{urn}".encode()).hexdigest()[:8]
    stem = re.sub(r"[^a-z0-9-]", "-", logical_name.lower())[: NAME_LIMIT - len(ownership) - 1]
    return f"{stem}-{ownership}"


class CloudResource(Resource):
    """A resource of a cloud, known to the provider by its token, such as `together:Cluster`.

    A subclass states in its class arguments what it is: `module` and `name` make the token, `args_type` is the class of
    its arguments, `physical_name` is the input that names the resource in the cloud, `secret_inputs` and
    `secret_outputs` hold credentials.
    """

    _token: ClassVar[str]
    _args_type: ClassVar[type[Any]]
    _physical_name: ClassVar[str]
    _secret_inputs: ClassVar[tuple[str, ...]]
    _secret_outputs: ClassVar[tuple[str, ...]]
    _resource_type_name: ClassVar[str]
    _given: Mapping[str, Any] | None
    """The inputs that the program gave; None for a resource that it only refers to."""

    def __init_subclass__(
        cls,
        module: str = "",
        name: str = "",
        args_type: type[Any] = object,
        physical_name: str = "",
        secret_inputs: tuple[str, ...] = (),
        secret_outputs: tuple[str, ...] = (),
        **rest: Any,
    ) -> None:
        if module and name:
            cast(Any, super()).__init_subclass__(module=module, name=name, **rest)
            cls._token = f"{module}:{name}"
            cls._args_type = args_type
            cls._physical_name = physical_name
            cls._secret_inputs = secret_inputs
            cls._secret_outputs = secret_outputs
        else:
            # A user's own subclass of a resource class is the same kind of resource: its type token must not change.
            inherited = cls._resource_type_name
            cast(Any, super()).__init_subclass__(**rest)
            cls._resource_type_name = inherited

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Create the resource from keywords, or from all arguments as one `args`; `opts` is the last by position.

        Arguments that are None count as not given. `import_` among the options takes over the living resource with that
        id. Raises pulumi.RunError for an argument that is missing or unknown.
        """
        inputs, opts = self._constructor_arguments(resource_name, args, kwargs)
        self._register(resource_name, {name: value for name, value in inputs.items() if value is not None}, opts)

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Self:
        """Get an existing resource's state with the given name and id.

        It is read on every run, and never changed or deleted by this program.

        :param str resource_name: The unique name of the resulting resource.
        :param pulumi.Input[str] id: The unique id of the resource to look up, as its cloud has it.
        :param pulumi.ResourceOptions opts: Options for the resource.
        """
        found = cls.__new__(cls)
        found._register(resource_name, None, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)))
        return found

    @classmethod
    def _constructor_arguments(
        cls, resource_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Mapping[str, Any], pulumi.ResourceOptions | None]:
        """Return the inputs and the options of a constructor's call, in either of its forms."""

        def refusal(reason: str) -> pulumi.RunError:
            return pulumi.RunError(f"{cls._token} {resource_name!r}: {reason}")

        positional, keywords = list(args), dict(kwargs)
        for name, kind in (("args", cls._args_type), ("opts", pulumi.ResourceOptions)):
            if positional and (isinstance(positional[0], kind) or positional[0] is None):
                if name in keywords:
                    raise refusal(f"{name} is given twice, by position and as a keyword")
                keywords[name] = positional.pop(0)
            given = keywords.get(name)
            if given is not None and not isinstance(given, kind):
                raise refusal(f"{name} must be {kind.__name__}, not {type(given).__name__}")
        if positional:
            raise refusal(
                f"the name is followed by {cls._args_type.__name__}, pulumi.ResourceOptions or keywords, not by "
                f"{type(positional[0]).__name__}; unpack a dictionary of arguments with `**`"
            )
        given, opts = keywords.pop("args", None), keywords.pop("opts", None)
        if given is not None and keywords:
            raise refusal(f"{', '.join(keywords)}: give all arguments in args, or all as keywords")
        try:
            arguments = cls._args_type(**keywords) if given is None else given
        except TypeError as error:
            raise refusal(str(error).partition("__init__() ")[2]) from None
        return cast("dict[str, Any]", vars(arguments)), opts

    def _register(
        self, resource_name: str, inputs: Mapping[str, Any] | None, opts: pulumi.ResourceOptions | None
    ) -> None:
        """Register the resource; without inputs, read the one whose id is among the options."""
        opts = pulumi.ResourceOptions() if opts is None else opts
        # Pulumi makes an attribute of every name in the bag; the outputs among them are None until the engine answers.
        # An input that was not given is not in it: `_input` makes its attribute when it is asked for.
        outputs = dict.fromkeys(lifecycle_of(self._token).info_body.model_fields)
        bag: dict[str, Any] = {**outputs, WAIT: None, **(inputs or {})}
        for name in self._secret_inputs:
            if bag.get(name) is not None:
                bag[name] = pulumi.Output.secret(bag[name])
        self._given = None if inputs is None else {name: bag[name] for name in inputs}
        if opts.id is None and opts.urn is None:
            if bag.get(self._physical_name) is None:
                bag[OFFERED_NAME] = self._offered_name(resource_name, opts.parent)
                bag[STATE] = _state()
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

    # --- Attributes ---------------------------------------------------------------------------------------------------

    def _output(self, name: str) -> Any:
        """Return an output as the engine answers it."""
        return self.__dict__[name]

    def _input(self, name: str, kind: Any) -> Any:
        """Return an input that is not among the outputs: what the program gave, else what the outputs show of it."""
        if self._given is None:
            value = self._observed(name)
        elif name in self._given and not pulumi.runtime.is_dry_run():
            return self.__dict__[name]
        else:
            # To a preview the engine says what stands in the state, and that is outputs alone.
            value = pulumi.Output.from_input(self._given.get(name))
        # With the URN it depends on the resource, as every attribute does.
        return pulumi.Output.all(value, self.urn).apply(
            lambda known: translate_output_properties(_plain(known[0]), lambda key: key, kind, True)
        )

    def _observed(self, name: str) -> pulumi.Output[Any]:
        lifecycle = lifecycle_of(self._token)
        fields = lifecycle.info_body.model_fields.keys() & self.__dict__.keys() - set(self._secret_outputs)
        # A plain future is None where an output is unknown: to a preview that is each one that the cloud left out.
        # With the id they are unknown all the same when it is not known yet what to read.
        shown = pulumi.Output.all(**{field: self.__dict__[field].future() for field in fields})
        return pulumi.Output.all(shown, self.id).apply(
            lambda known: lifecycle.observed(
                parse_info(
                    lifecycle.info_body, {field: value for field, value in known[0].items() if value is not None}
                )
            ).get(name)
        )

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


def _state() -> pulumi.Output[Any]:
    """Return the mark of the state; unknown in a preview of one that does not exist yet."""
    return pulumi.Output.from_input(cast(Any, state_mark())).apply(lambda mark: unknown() if mark == UNKNOWN else mark)


def _plain(value: Any) -> Any:
    """Return a known input as the engine would: argument classes as dictionaries, without what is None."""
    plain = cast(Any, vars(value) if is_input_type(cast("type[Any]", type(value))) else value)
    if isinstance(plain, dict):
        entries = cast("dict[str, Any]", plain).items()
        return {key: _plain(entry) for key, entry in entries if entry is not None}
    if isinstance(plain, list | tuple):
        return [_plain(entry) for entry in cast("list[Any]", plain)]
    return plain
