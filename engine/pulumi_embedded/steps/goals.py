"""Goals: the resources that a program registers and reads, as the monitor passes them to the step generator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Properties, PropertyValue


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias of a resource: an earlier URN, or those of name, type, parent, stack and project that were different."""

    urn: str = ""
    name: str = ""
    type: str = ""
    parent: str = ""
    no_parent: bool = False
    stack: str = ""
    project: str = ""


@dataclass(slots=True, kw_only=True)
class Goal:
    """A resource as the program declares it. Field names are those of `ResourceState`; None means not set."""

    type: str
    name: str
    custom: bool
    properties: Properties = field(default_factory=dict[str, PropertyValue])
    parent: str = ""
    provider: str = ""
    dependencies: list[str] = field(default_factory=list[str])
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list[str])
    replace_on_changes: list[str] = field(default_factory=list[str])
    hide_diff: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    aliases: list[Alias] = field(default_factory=list[Alias])
    import_id: str = ""
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list[str])
    replacement_trigger: PropertyValue = None
    source_position: str = ""
    stack_trace: list[str] = field(default_factory=list[str])
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The names of hooks by `BeforeCreate`, `AfterCreate`, … and `OnError`."""

    def inherit(self, parent: Goal) -> None:
        """Take over the parent's options where the child does not set them; timeouts are not inherited."""
        if self.protect is None:
            self.protect = parent.protect
        if self.retain_on_delete is None:
            self.retain_on_delete = parent.retain_on_delete
        self.deleted_with = self.deleted_with or parent.deleted_with


@dataclass(slots=True, kw_only=True)
class ReadGoal:
    """An external resource that the program reads."""

    id: str
    type: str
    name: str
    properties: Properties
    parent: str = ""
    provider: str = ""
    dependencies: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    source_position: str = ""
    stack_trace: list[str] = field(default_factory=list[str])


def state_of(goal: Goal, urn: str, old: ResourceState | None, alias: str) -> ResourceState:
    """The state that the goal asks for, before a provider has checked it."""
    return ResourceState(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        inputs=goal.properties,
        parent=goal.parent,
        protect=bool(goal.protect),
        dependencies=goal.dependencies,
        property_dependencies=goal.property_dependencies,
        provider=goal.provider,
        additional_secret_outputs=goal.additional_secret_outputs,
        aliases=[alias] if alias else [],
        custom_timeouts=goal.custom_timeouts,
        import_id=goal.import_id,
        retain_on_delete=bool(goal.retain_on_delete),
        deleted_with=goal.deleted_with,
        replace_with=goal.replace_with,
        replacement_trigger=goal.replacement_trigger,
        created=old.created if old else "",
        modified=old.modified if old else "",
        source_position=goal.source_position,
        stack_trace=goal.stack_trace,
        ignore_changes=goal.ignore_changes,
        hide_diff=goal.hide_diff,
        replace_on_changes=goal.replace_on_changes,
        resource_hooks=goal.resource_hooks,
        refresh_before_update=old.refresh_before_update if old else False,
    )


def carried_over(old: ResourceState) -> ResourceState:
    """A copy of an old state for the new snapshot; the step that carries it over fills in the id."""
    return replace(old, id="")
