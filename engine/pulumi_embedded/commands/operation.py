"""One operation on a stack, from its lock to its entry in the history: an update, refresh, destroy or import."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import re
import signal
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from pulumi_embedded.commands.exit_codes import INTERRUPTED
from pulumi_embedded.deployment.requests import satisfies
from pulumi_embedded.deployment.run import DeploymentRun
from pulumi_embedded.deployment.target import Kind, Outcome, Target
from pulumi_embedded.deployment.toolchain import find_toolchain
from pulumi_embedded.display.event_log import event_log
from pulumi_embedded.errors import EngineError, ProjectError
from pulumi_embedded.steps.events import Events, Listener
from pulumi_embedded.steps.secret_texts import SecretTexts
from pulumi_embedded.steps.selection import unknown_targets
from pulumi_embedded.storage.history import Update
from pulumi_embedded.storage.snapshot import ENGINE_VERSION
from pulumi_embedded.storage.stack_reference import ORGANIZATION
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from pulumi_embedded.commands.workspace import Stack
    from pulumi_embedded.steps.options import Options
    from pulumi_embedded.storage.journal import Journal
    from pulumi_embedded.storage.snapshot import Snapshot


_CREDENTIAL: Final = re.compile(
    r"(?i)(api_?key|access_?key|private_?key|token|password|passphrase|secret|credentials?)$"
)
"""Config keys whose values are encrypted in the state even if the config file has them in plaintext."""


@dataclass(slots=True)
class Operation:
    """A deployment of a stack, to be previewed or executed."""

    stack: Stack
    kind: Kind
    options: Options
    listeners: list[Listener] = field(default_factory=list[Listener])
    message: str = ""
    clear_pending_creates: bool = False
    client: str = ""
    """The gRPC address of the driver that runs an inline program, if one does."""
    event_log: str = ""
    """Where every event is written to: a path, or `tcp://<host>:<port>`."""

    def preview(self) -> Outcome:
        """Run the deployment as a preview, which writes nothing. Raises EngineError."""
        options = replace(self.options, preview=True)
        snapshot = self.stack.load()
        self._refuse_unknown_targets(snapshot)
        return self._run(options, snapshot, None, None)

    def execute(self) -> Outcome:
        """Run the deployment, holding the stack's lock. Raises EngineError."""
        stack = self.stack
        options = replace(self.options, preview=False)
        with stack.backend.lock(stack.reference) as lock:
            started = int(time.time())
            snapshot = stack.load()
            self._refuse_unknown_targets(snapshot)
            # As in the CLI: without a passphrase, a secret output could only be refused after its resource was created.
            crypter = stack.crypter
            journal = stack.backend.start_journal(stack.reference, snapshot, crypter)
            if self.clear_pending_creates:
                journal.resolve()
            try:
                outcome = self._run(options, snapshot, journal, lock)
            except BaseException:
                # Only the journal knows what was done; the next command rebuilds the state from it.
                journal.close(remove=False)
                raise
            stack.backend.finish(stack.reference, journal, crypter)
            stack.backend.record(
                stack.reference,
                Update(
                    kind=self.kind,
                    start_time=started,
                    end_time=int(time.time()),
                    result="succeeded" if outcome.result == "succeeded" else "failed",
                    config=stack.config.as_stored(),
                    resource_changes=outcome.changes,
                    message=self.message,
                ),
            )
        return outcome

    def _refuse_unknown_targets(self, snapshot: Snapshot | None) -> None:
        """Refuse to refresh or destroy what is not in the state; an update may create what it targets."""
        if self.kind in ("refresh", "destroy"):
            known = [state.urn for state in snapshot.resources] if snapshot else []
            for urn in unknown_targets(self.options, known):
                raise EngineError(f"no resource named '{urn}' found; quote a URN, so that the shell keeps its $")

    def _run(self, options: Options, snapshot: Snapshot | None, journal: Journal | None, lock: Path | None) -> Outcome:
        if snapshot is not None and journal is None:
            # A preview changes states as an update does, so it gets copies.
            snapshot = copy.copy(snapshot)
            snapshot.resources = [replace(state) for state in snapshot.resources]
        with event_log(self.event_log) as log:
            target = self._target()
            events = Events([*self.listeners, *log], SecretTexts(target.secret_texts))
            deployment = DeploymentRun(target, snapshot, options, events, journal)
            return asyncio.run(_with_signals(deployment, self.kind, events, lock))

    def _target(self) -> Target:
        stack = self.stack
        project = stack.workspace.project
        if project.runtime != "python" and not self.client:
            raise ProjectError(f"{project.path}: the runtime '{project.runtime}' is not supported, only python")
        version = ENGINE_VERSION.removeprefix("v")
        if project.required_pulumi_version and not satisfies(project.required_pulumi_version, version):
            raise ProjectError(
                f"{project.path}: requiredPulumiVersion is {project.required_pulumi_version!r}, and this engine is "
                f"compatible with {version}"
            )
        config = stack.config.for_program(stack.decrypt)
        program = project.program
        directory = program if program.is_dir() else program.parent
        toolchain = find_toolchain(project.folder, directory, project.runtime_options)
        environment = toolchain.environment(os.environ)
        environment |= {"PULUMI_PROJECT": project.name, "PYTHONUNBUFFERED": "1"}
        for key, value in project.runtime_options.items():
            environment[f"PULUMI_RUNTIME_{key.upper()}"] = str(value)
        hides = stack.can_encrypt
        values: dict[str, str | Secret] = {
            key: Secret(value) if key in config.secret_keys or (hides and _CREDENTIAL.search(key)) else value
            for key, value in config.values.items()
        }
        return Target(
            stack=stack.name,
            project=project.name,
            organization=ORGANIZATION,
            config=dict(sorted(values.items())),
            root_directory=project.folder,
            program_directory=directory,
            program=program,
            toolchain=toolchain,
            environment=environment,
            stack_outputs=stack.workspace.outputs_of,
            client=self.client,
            disabled_default_providers=_disabled_default_providers(config.values),
            secret_texts=config.secret_texts,
            plugins=project.plugins,
        )


def _disabled_default_providers(config: Mapping[str, str]) -> frozenset[str]:
    """The packages in `pulumi:disable-default-providers`, a JSON list; `*` stands for all."""
    text = config.get("pulumi:disable-default-providers", "")
    try:
        packages: object = json.loads(text) if text else []
    except ValueError:
        packages = None
    if not isinstance(packages, list):
        raise ProjectError("the config pulumi:disable-default-providers is not a JSON list of packages")
    return frozenset(str(package).strip() for package in cast("list[object]", packages))


async def _with_signals(deployment: DeploymentRun, kind: Kind, events: Events, lock: Path | None) -> Outcome:
    """Run the deployment; the first interrupt cancels it, the second exits at once."""
    loop = asyncio.get_running_loop()
    cancellations: set[asyncio.Task[None]] = set()

    def interrupt() -> None:
        if cancellations:
            deployment.kill()
            if lock is not None:
                lock.unlink(missing_ok=True)
            # The journal lists the operations in progress; the next command reads it.
            os._exit(INTERRUPTED)
        events.warning(
            "Cancellation requested: waiting for operations in progress, starting no others; "
            "interrupt again to exit at once, which may leave resources that are not in the state"
        )
        cancellations.add(loop.create_task(deployment.cancel()))

    with _handling(loop, interrupt):
        return await deployment.run(kind)


@contextlib.contextmanager
def _handling(loop: asyncio.AbstractEventLoop, handler: Callable[[], None]) -> Generator[None]:
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        for name in names:
            loop.add_signal_handler(name, handler)
    except (NotImplementedError, RuntimeError, ValueError):
        # No signal handlers on this platform or in this thread: an interrupt ends the process; the journal remains.
        yield
        return
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)
