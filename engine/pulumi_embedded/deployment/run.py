"""One deployment from start to end: an update, refresh, destroy or import, or a preview of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.deployment.callbacks import Callbacks
from pulumi_embedded.deployment.deletions import delete_in_reverse, deletion_of, providers_of_unresolved
from pulumi_embedded.deployment.executor import StepExecutor, StepFailed, Stopped
from pulumi_embedded.deployment.hooks import Hooks, refuse_delete_hooks
from pulumi_embedded.deployment.inline_program import InlineProgram
from pulumi_embedded.deployment.language import EXPLAINED_EXIT_CODE, Program
from pulumi_embedded.deployment.monitor import Services, ShutDown
from pulumi_embedded.deployment.registrations import Registrations
from pulumi_embedded.deployment.target import Kind, Outcome, Target
from pulumi_embedded.deployment.toolchain import check_types
from pulumi_embedded.deployment.transforms import Transforms
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.builtin_provider import BuiltinProvider
from pulumi_embedded.providers.plugins import PluginHost
from pulumi_embedded.providers.provider_api import Provider
from pulumi_embedded.providers.registry import ProviderRegistry
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.events import Events, Prelude, Refused, Result, Summary
from pulumi_embedded.steps.generator import StepGenerator
from pulumi_embedded.steps.goals import Goal, carried_over
from pulumi_embedded.steps.imports import PlannedImport, PlannedImports
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.reading_steps import Refresh
from pulumi_embedded.steps.selection import unknown_targets
from pulumi_embedded.steps.steps import Step, Untargeted
from pulumi_embedded.storage.ledger import without_dangling
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Properties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.storage.journal import Journal
    from pulumi_embedded.storage.snapshot import Snapshot


class DeploymentRun:
    """Runs one deployment, and is the `steps.StepContext` of its steps."""

    def __init__(
        self, target: Target, base: Snapshot | None, options: Options, events: Events, journal: Journal | None
    ) -> None:
        self.preview = options.preview
        self._target = target
        self._options = options
        self._events = events
        self._journal = journal
        self._base = base
        self._states = list(base.resources) if base else []
        builtin = BuiltinProvider(target.stack_outputs, lambda urn: self._executor.states.get(urn))
        self._host = PluginHost(
            target.toolchain.python,
            target.program_directory,
            target.environment,
            events.output,
            builtin,
            plugins=target.plugins,
        )
        self._registry = ProviderRegistry(self._host, self._states)
        self._executor = StepExecutor(self, options, events, journal)
        self._generator = self._new_generator()
        self._registrations = Registrations(
            generator=self._generator,
            executor=self._executor,
            registry=self._registry,
            options=options,
            config=target.config,
            disabled_default_providers=target.disabled_default_providers,
            events=events,
        )
        self._callbacks = Callbacks()
        self.hooks = Hooks(self._callbacks, events, preview=options.preview)
        self._services = Services(
            self._registrations,
            events,
            target.root_directory,
            target.program_directory,
            self.hooks,
            Transforms(self._callbacks),
        )
        self._canceled = False
        self._failed = False
        self._program: Program | InlineProgram | None = None

    def _new_generator(self) -> StepGenerator:
        return StepGenerator(
            stack=self._target.stack,
            project=self._target.project,
            options=self._options,
            olds={state.urn: state for state in self._states if not state.delete},
            graph=DependencyGraph(self._states),
            registry=self._registry,
            events=self._events,
        )

    # --- from start to end -------------------------------------------------------------------------------------------

    async def run(self, kind: Kind) -> Outcome:
        """Run the deployment and return its outcome; errors are reported as events."""
        started = time.monotonic()
        self._events.emit(Prelude(self._target.shown_config()))
        self._host.engine_address = await self._services.start()
        try:
            self._warn_of_pending_operations(kind)
            self._executor.only_refreshes = kind == "refresh"
            if kind == "refresh" or self._options.refresh:
                self._refuse_unknown(unknown_targets(self._options, self._known()))
                await self._refresh()
            replaces = self._options.replace_targets
            self._refuse_unknown(sorted(replaces.literals - self._known()) if replaces else [])
            if kind == "update" or (kind == "destroy" and self._options.run_program):
                await self._update()
            elif kind == "destroy":
                refuse_delete_hooks(self._states, self._events)
                await self._delete(self._states)
            elif kind == "resource-import":
                await self._import()
        except (Refused, Stopped, StepFailed, ShutDown):
            self._failed = self._failed or not self._canceled
        except EngineError as error:
            self._failed = True
            self._events.error(str(error))
        finally:
            await self._wind_up()
            await self._registry.close()
            await self._services.stop()
        result = self._result()
        if self._executor.failed or self._generator.failed or result == "canceled":
            # The refusal of a program or a goal was reported already, and needs no second line.
            self._events.error(f"{'preview' if self.preview else 'update'} {result}")
        outcome = Outcome(result, dict(self._executor.changes), time.monotonic() - started)
        if root := self._root():
            outcome.outputs = root.outputs
        self._events.emit(
            Summary(outcome.changes, outcome.duration_seconds, self.preview, result, self._executor.maybe_corrupt)
        )
        return outcome

    async def _wind_up(self) -> None:
        """Wait for operations in progress, then tell the program that the deployment is over."""
        self._executor.stop()
        await self._services.settle()
        self._registrations.finish_stack_outputs(succeeded=self._result() == "succeeded")
        # The end of the program ends its server of callbacks.
        await self._callbacks.close()
        self._registrations.over.set()

    def _result(self) -> Result:
        if self._failed or self._registrations.failed or self._executor.failed or self._generator.failed:
            return "failed"
        return "canceled" if self._canceled else "succeeded"

    def _root(self) -> ResourceState | None:
        stack, project = self._target.stack, self._target.project
        urn = urns.make(stack, project, "", urns.ROOT_TYPE, f"{project}-{stack}")
        return self._executor.states.get(urn) or self._generator.olds.get(urn)

    async def cancel(self) -> None:
        """Start no more steps, and ask the plugins to end the operations in progress."""
        if self._canceled:
            return
        self._canceled = True
        self._registrations.end()
        await self._host.cancel()

    def kill(self) -> None:
        """Kill the program and the plugins."""
        self._host.kill()
        if self._program is not None:
            self._program.kill()

    def _warn_of_pending_operations(self, kind: Kind) -> None:
        pending = self._base.pending_operations if self._base else []
        if not pending or kind == "refresh" or self.preview:
            return
        listed = "".join(f"  * {op.resource.urn}, interrupted while {op.type}\n" for op in pending)
        if kind == "destroy" and any(op.type == "creating" for op in pending):
            listed += "A destroy deletes the resources in the state, which may lack those of interrupted creates.\n"
        self._events.warning(
            f"Attempting to deploy or update resources with {len(pending)} pending operations from previous "
            f"deployment.\n{listed}These resources are in an unknown state because the engine was interrupted while "
            "waiting for changes to these resources to complete. Check with the provider whether the operations "
            "completed, then run `refresh` to read the resources again; `refresh --clear-pending-creates` removes the "
            "pending creates from the state."
        )

    def _known(self) -> set[str]:
        return {state.urn for state in self._states} | self._generator.identities.claimed

    def _refuse_unknown(self, missing: Sequence[str]) -> None:
        for urn in missing:
            # A shell replaces what follows the `$` in a URN, unless the URN is quoted.
            hint = "" if "$" in urn else " Did you forget to escape $ in your shell?"
            self._events.error(f"Target '{urn}' could not be found in the stack.{hint}")
        if missing:
            raise Refused

    # --- the program -------------------------------------------------------------------------------------------------

    async def _update(self) -> None:
        target = self._target
        await check_types(target.toolchain, target.program_directory, target.environment, self._events)
        settings = target.program_settings(self._host.engine_address, self._options)
        if target.client:
            program = InlineProgram(target.client, settings, self._events)
        else:
            program = await Program.start(target.toolchain.python, settings, target.environment, self._events)
        self._program = program
        exit_ = asyncio.ensure_future(program.wait())
        try:
            await self._run_source(exit_)
            if not self._executor.stopped and not self._failed:
                await self._services.settle()
                await self._after_program()
        finally:
            await self._wind_up()
            await (program.finish() if self._registrations.done.is_set() else program.stop())
            exit_.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await exit_

    async def _run_source(self, exit_: asyncio.Future[int]) -> None:
        """Wait until the program has declared everything, or has failed, or the deployment was stopped."""
        done = asyncio.ensure_future(self._registrations.done.wait())
        stop = asyncio.ensure_future(self._registrations.stopped.wait())
        await asyncio.wait([exit_, done, stop], return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        stop.cancel()
        if self._registrations.stopped.is_set() or self._registrations.done.is_set():
            return
        code = exit_.result()
        self._failed = True
        self._executor.stop()
        if code == 0:
            # To continue would delete everything that it had not declared yet.
            self._events.error("the program's process exited before the program ended; nothing was deleted")
        elif code < 0:
            self._events.error(f"the program was killed by {signal.Signals(-code).name}")
        elif code != EXPLAINED_EXIT_CODE:
            self._events.error(f"Program exited with non-zero exit code: {code}")

    async def _after_program(self) -> None:
        if self._options.run_program:
            # Before the stack itself is deleted.
            self._registrations.finish_stack_outputs(succeeded=True)
            await self._delete(self._registered_and_old())
            return
        targets = self._options.targets
        missing = sorted(targets.literals - self._known()) if targets else []
        kept = self._needed_by_failed()
        await self._delete([state for state in self._remaining() if state.urn not in kept])
        self._refuse_unknown(missing)

    def _registered_and_old(self) -> list[ResourceState]:
        """Everything that exists: what the program has declared, and old resources that it has not."""
        generator = self._generator
        registered = [s for s in self._executor.states.values() if s.urn not in generator.skipped_creates]
        return [*registered, *self._remaining()]

    def _remaining(self) -> list[ResourceState]:
        """The old resources that the program has not declared, and those that were replaced and still exist."""
        generator = self._generator

        def remains(state: ResourceState) -> bool:
            if state.delete:
                return id(state) not in generator.pending_deletion
            return not generator.is_operated_on(state.urn)

        return [state for state in self._states if remains(state)]

    def _needed_by_failed(self) -> set[str]:
        """The dependencies of the failed resources, which keep their old states."""
        needed: set[str] = set()
        open_ = [urn for urn in self._executor.failed_urns if urn in self._generator.olds]
        while open_:
            for urn in self._generator.olds[open_.pop()].dependency_urns:
                if urn not in needed and urn in self._generator.olds:
                    needed.add(urn)
                    open_.append(urn)
        return needed

    # --- deletions ---------------------------------------------------------------------------------------------------

    async def _delete(self, states: Sequence[ResourceState]) -> None:
        """Delete these resources; those that must stay, by `--target` or `--exclude` among others, are carried over."""
        generator = self._generator
        deletable = generator.selection.deletable(self._states, generator.graph)
        kept = providers_of_unresolved(self._base)
        steps = [deletion_of(state) for state in states if state.urn in deletable and state.urn not in kept]
        generator.deletes.update(step.urn for step in steps)
        self._refuse_unnamed(steps)
        for state in states:
            if (state.urn not in deletable or state.urn in kept) and not state.delete:
                await self._executor.run([Untargeted(state, carried_over(state))])
        await delete_in_reverse(steps, self._executor)

    def _refuse_unnamed(self, steps: Sequence[Step]) -> None:
        """Refuse to delete what `--target` does not name; a preview reports it and continues. Raises `Refused`."""
        targets = self._options.targets
        if targets is None or self._options.target_dependents:
            return
        unnamed = [step for step in steps if step.urn not in targets]
        for step in unnamed:
            self._events.error(
                f"Resource '{step.urn}' will be destroyed but was not specified in --target list.\n"
                "Either include resource in --target list or pass --target-dependents to proceed.",
                step.urn,
            )
        if unnamed and not self.preview:
            raise Refused
        self._generator.failed = self._generator.failed or bool(unnamed)

    # --- refresh -----------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        steps = [Refresh(state, state) for state in self._generator.selection.to_refresh(self._states)]
        await asyncio.gather(*(self._refresh_one(step) for step in steps))
        replaced = {id(step.old): step.new for step in steps}
        found = [new for state in self._states if (new := replaced.get(id(state), state)) is not None]
        self._states = without_dangling(found)
        for before, after in zip(found, self._states, strict=True):
            if after is not before and self._journal is not None:
                self._journal.record(after, removes=before)
        if self._executor.failed:
            raise StepFailed
        if self._canceled:
            raise Stopped
        self._generator = self._registrations.generator = self._new_generator()

    async def _refresh_one(self, step: Refresh) -> None:
        # A resource that cannot be read keeps its state, and the others are read nevertheless.
        with contextlib.suppress(StepFailed, Stopped):
            await self._executor.run([step])

    # --- imports -----------------------------------------------------------------------------------------------------

    async def _import(self) -> None:
        stack, project = self._target.stack, self._target.project
        root = self._root()
        if root is None:
            root, _ = await self._registrations.register(
                Goal(type=urns.ROOT_TYPE, name=f"{project}-{stack}", custom=False)
            )
        for state in self._states:
            if not state.delete and not urns.is_default_provider(state.urn):
                await self._executor.run([Untargeted(state, carried_over(state))])
        imports = PlannedImports(stack, project, root.urn, self._generator.olds, self._executor.states)
        for entry in self._options.imports:
            new = imports.state_of(entry, protect=self._options.protect_imports)
            if new is None:
                continue
            if new.custom and not new.provider:
                package = urns.package_of(entry.type)
                new.provider = await self._registrations.default_provider(package, entry.version, "", entry.type)
            await self._executor.run([PlannedImport(None, new, entry)])

    # --- steps.StepContext -------------------------------------------------------------------------------------------

    async def provider_of(self, state: ResourceState) -> Provider:
        """The provider of this resource, started from its old state if need be."""
        if urns.is_provider_type(state.type):
            return self._registry
        return await self._registry.ensure(state.provider)

    async def provider_is_same(self, state: ResourceState, inputs: Properties) -> None:
        """Start an unchanged provider resource with these inputs."""
        await self._registry.same(state, inputs)

    def is_deleted(self, urn: str) -> bool:
        """Whether this deployment deletes the resource."""
        return urn in self._generator.deletes

    def warn(self, message: str, urn: str) -> None:
        """Report a warning about a resource."""
        self._events.warning(message, urn)
