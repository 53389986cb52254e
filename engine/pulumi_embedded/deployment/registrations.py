"""Answers the requests of a program (`monitor.Deployment`): resources, reads, function calls and providers.

A failure is reported to the user and ends the deployment; the program only learns that the deployment is over.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_embedded import urn as urns
from pulumi_embedded.deployment.executor import StepExecutor, StepFailed, Stopped
from pulumi_embedded.deployment.monitor import ShutDown
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.plugins import BUILTIN_PACKAGE, DYNAMIC_PACKAGE
from pulumi_embedded.providers.provider_api import Invoked, ProviderError
from pulumi_embedded.providers.registry import ProviderRegistry, with_plugin
from pulumi_embedded.steps.events import Refused
from pulumi_embedded.steps.generator import StepGenerator
from pulumi_embedded.steps.goals import Goal, ReadGoal
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.reading_steps import Import
from pulumi_embedded.steps.steps import CreateReplacement, DeleteForReplacement, SkippedCreate, Step, Untargeted
from pulumi_embedded.values import Properties, PropertyValue, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from pulumi_embedded.steps.events import Events
    from pulumi_embedded.storage.snapshot import ResourceState

_SILENCE_SECONDS: Final = 0.25
"""How long a program says nothing before it is taken to have said all that it can without an answer."""


@dataclass(slots=True)
class Registrations:
    """The requests of the program of one deployment, and what has become of them."""

    generator: StepGenerator
    executor: StepExecutor
    registry: ProviderRegistry
    options: Options
    config: Mapping[str, str | Secret]
    disabled_default_providers: frozenset[str]
    events: Events
    failed: bool = False
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the program need not continue."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the program has declared everything."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """To be set when the deployment is over, which the program waits for."""
    _requests: int = 0
    """How many requests have come."""
    _in_progress: int = 0
    _stack_outputs: tuple[str, Properties] | None = None
    _default_providers: dict[tuple[str, str, str], asyncio.Task[str]] = field(
        default_factory=dict[tuple[str, str, str], "asyncio.Task[str]"]
    )

    # --- resources ----------------------------------------------------------------------------------------------------

    async def register(self, goal: Goal) -> tuple[ResourceState, str]:
        """Bring a resource to its goal; returns its state and `success`, `failed`, `skipped` or `unknown`."""
        async with self._ending_on_failure(self._urn_of(goal)):
            new, steps = await self.generator.register(goal)
            for step in steps:
                self.generator.check_skipped(step)
            if any(urn in self.executor.failed_urns for urn in new.dependency_urns):
                self.executor.failed_urns.add(new.urn)
                return new, "skipped"
            await self._await_deletions(steps)
            try:
                await self._run(steps)
                if steps and isinstance(steps[0], Import):
                    new, steps = await self.generator.after_import(goal, new)
                    await self.executor.run(steps)
            except StepFailed:
                if self.options.continue_on_error:
                    return new, "failed"
                raise
            skipped = any(isinstance(step, SkippedCreate) for step in steps)
            carried = next((s.new for s in reversed(steps) if isinstance(s, Untargeted) and s.new), None)
            return carried or new, "unknown" if skipped else "success"

    async def _run(self, steps: Sequence[Step]) -> None:
        try:
            await self.executor.run(steps)
        finally:
            for step in steps:
                if isinstance(step, DeleteForReplacement):
                    self.generator.pending_deletion[id(step.old)].set()

    async def _await_deletions(self, steps: Sequence[Step]) -> None:
        """Wait until the old resources that another replacement deletes are gone, before replacing them."""
        own = {id(step.old) for step in steps if isinstance(step, DeleteForReplacement)}
        for step in steps:
            deletion = self.generator.pending_deletion.get(id(step.old))
            if isinstance(step, CreateReplacement) and deletion is not None and id(step.old) not in own:
                await deletion.wait()

    async def read(self, goal: ReadGoal) -> ResourceState:
        """Read an external resource."""
        async with self._ending_on_failure(self._urn_of(goal)):
            new, steps = self.generator.read(goal)
            await self.executor.run(steps)
            return new

    # --- outputs ------------------------------------------------------------------------------------------------------

    async def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Record the outputs of a component, or keep those of the stack for `finish_stack_outputs`."""
        if urns.type_of(urn) == urns.ROOT_TYPE:
            self._stack_outputs = (urn, outputs)
        elif self.executor.stopped:
            raise ShutDown
        else:
            step = self.executor.register_outputs(urn, outputs)
            if not step.resource.custom:
                # The hooks after a component's own creation or update wait for its children.
                await self.executor.run_after_hooks(step)

    def finish_stack_outputs(self, *, succeeded: bool) -> None:
        """Record the outputs of the stack; after a failure, merged with the old ones."""
        if self._stack_outputs is None:
            return
        (urn, outputs), self._stack_outputs = self._stack_outputs, None
        old = self.generator.olds.get(urn)
        if not succeeded and old is not None:
            # An output that a failed program did not export is not one that the program no longer has.
            outputs = old.outputs | outputs
        with contextlib.suppress(ProviderError):
            self.executor.register_outputs(urn, outputs)

    # --- functions and providers --------------------------------------------------------------------------------------

    async def invoke(self, token: str, args: Properties, provider: str, version: str, download_url: str) -> Invoked:
        """Call a function of a package. Raises `ProviderError`."""
        if self.executor.stopped:
            raise ShutDown
        package = urns.package_of(token)
        reference = provider or await self.default_provider(package, version, download_url, token)
        instance = await self.registry.ensure(reference)
        try:
            return await instance.invoke(token, args, self.options.preview)
        except ProviderError as error:
            raise ProviderError(f"invocation of {token} returned an error: {error}") from None

    async def default_provider(self, package: str, version: str, download_url: str, user: str) -> str:
        """The reference of the package's default provider, which is created if need be."""
        disabled = self.disabled_default_providers
        if package != BUILTIN_PACKAGE and ("*" in disabled or package in disabled):
            async with self._ending_on_failure():
                raise ProviderError(
                    f"Default provider for '{package}' disabled. '{user}' must use an explicit provider."
                )
        key = (package, version, download_url)
        if key not in self._default_providers:
            self._default_providers[key] = asyncio.ensure_future(self._create_default_provider(*key))
        return await asyncio.shield(self._default_providers[key])

    async def _create_default_provider(self, package: str, version: str, download_url: str) -> str:
        goal = Goal(
            type=urns.provider_type(package),
            name=urns.default_provider_name(version, download_url),
            custom=True,
            properties=with_plugin(self._package_config(package), version, download_url),
        )
        state, _ = await self.register(goal)
        return urns.reference(state.urn, state.id)

    def _package_config(self, package: str) -> dict[str, PropertyValue]:
        config: dict[str, PropertyValue] = {}
        for key, value in sorted(self.config.items()):
            namespace, _, name = key.partition(":")
            if package == DYNAMIC_PACKAGE:
                config[key] = value
            elif namespace == package:
                config[name] = value
        return config

    # --- the end ------------------------------------------------------------------------------------------------------

    async def program_is_done(self) -> None:
        """The program has declared everything; returns when the deployment is over."""
        self.done.set()
        await self.over.wait()

    def crash(self, error: Exception) -> None:
        """Report an exception that no request expects, and end the deployment."""
        self.failed = True
        own = "" if isinstance(error, EngineError) else f"internal error of pulumi-embedded: {type(error).__name__}: "
        self.events.error(f"{own}{error}")
        self.end()

    def end(self) -> None:
        """Start no more steps, and tell the program to stop."""
        self.executor.stop()
        self.stopped.set()

    def _urn_of(self, goal: Goal | ReadGoal) -> str:
        return urns.make(self.generator.stack, self.generator.project, goal.parent, goal.type, goal.name)

    @contextlib.asynccontextmanager
    async def _ending_on_failure(self, urn: str = "") -> AsyncGenerator[None]:
        """Report what the provider of the resource with this URN refuses, and end the deployment."""
        if self.executor.stopped:
            raise ShutDown
        self._requests += 1
        self._in_progress += 1
        try:
            yield
        except (Refused, StepFailed, Stopped):
            if self.executor.failed or not self.executor.stopped:
                self.failed = True
        except ProviderError as error:
            self.failed = True
            self.events.error(str(error), urn)
        else:
            return
        finally:
            self._in_progress -= 1
        if self.options.preview:
            await self._hear_the_rest()
        self.end()
        raise ShutDown

    async def _hear_the_rest(self) -> None:
        """Wait until the program declares nothing more, so that one preview names all mistakes and not the first.

        Nothing is changed meanwhile. The program cannot be asked whether it has more to say: it waits for answers.
        """
        requests = 0
        while (self._in_progress or requests != self._requests) and not self.executor.stopped:
            requests = self._requests
            await asyncio.sleep(_SILENCE_SECONDS)
