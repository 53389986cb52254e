"""What a program asks for, as the monitor hands it to the step generator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Properties, PropertyValue


@dataclass(frozen=True, slots=True)
class Alias:
    """An earlier name of a resource: a whole URN, or what of name, type, parent, stack and project was different."""

    urn: str = ""
    name: str = ""
    type: str = ""
    parent: str = ""
    no_parent: bool = False
    stack: str = ""
    project: str = ""


@dataclass(slots=True, kw_only=True)
class Goal:
    """A resource as the program declares it. Field names are those of `ResourceState`; None is "not said"."""

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

    def inherit(self, parent: Goal) -> None:
        """Take over from the parent what a child has unless it says otherwise; timeouts are not among it."""
        if self.protect is None:
            self.protect = parent.protect
        if self.retain_on_delete is None:
            self.retain_on_delete = parent.retain_on_delete
        self.deleted_with = self.deleted_with or parent.deleted_with


@dataclass(slots=True, kw_only=True)
class ReadGoal:
    """A resource of somebody else's that the program refers to."""

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
    """The state that the goal asks for, before any provider has seen it."""
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
        refresh_before_update=old.refresh_before_update if old else False,
    )


def carried_over(old: ResourceState) -> ResourceState:
    """A copy of an old state to stand in the new snapshot."""
    return replace(old, id="")
