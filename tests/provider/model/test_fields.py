"""Marks where they are declared, and what the inputs that replies show are derived from."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from gpufleet_provider.model.comparing import corrected, differences
from gpufleet_provider.model.fields import (
    Body,
    ComparedBy,
    Info,
    Instant,
    Lines,
    MatchedBy,
    Secret,
    ShownAs,
    Unreadable,
    Version,
    mark,
    marked,
    parse_instant,
    same_version,
)
from gpufleet_provider.model.readable import readable_fields, readable_inputs
from gpufleet_provider.model.replies import parse_info


class Disk(Body):
    size_tib: int
    label: str | None = None


class MachineCreate(Body):
    name: str
    place: Annotated[str, ShownAs("site.place")]
    wanted: Annotated[int | None, ShownAs("desired")] = None
    driver: Version | None = None
    ends: Instant | None = None
    script: Lines | None = None
    password: Annotated[str | None, Secret()] = None
    disk: Disk | None = None
    disks: list[Disk] | None = None
    tags: dict[str, str] | None = None
    on: bool | None = None
    size: Annotated[str | None, Unreadable("replies have the size of something else under that name")] = None


class Site(Info):
    place: str | None


class DiskInfo(Info):
    size_tib: int | None
    label: str | None
    status: str | None


class MachineInfo(Info):
    id: str | None
    name: str | None
    site: Site | None
    desired: int | None
    driver: str | None
    disk: DiskInfo | None
    disks: list[DiskInfo] | None
    tags: dict[str, str] | None
    on: bool | None
    size: str | None


def shown(reply: dict[str, Any], **declared: Any) -> dict[str, Any]:
    return readable_inputs(MachineCreate, parse_info(MachineInfo, reply), declared)


def test_a_mark_is_found_inside_and_outside_of_an_optional_type() -> None:
    assert mark(MachineCreate, "ends", ComparedBy) == ComparedBy(parse_instant)
    assert mark(MachineCreate, "driver", MatchedBy) == MatchedBy(same_version)
    assert marked(MachineCreate, Secret) == ("password",)
    assert mark(MachineCreate, "no_such_field", Secret) is None


def test_readable_fields_are_those_that_both_bodies_have() -> None:
    assert readable_fields(MachineCreate, MachineInfo) == {
        "name": "name",
        "place": "site.place",
        "wanted": "desired",
        "driver": "driver",
        "disk": "disk",
        "disks": "disks",
        "tags": "tags",
        "on": "on",
    }


@pytest.mark.parametrize(
    ("reply", "declared", "inputs"),
    [
        ({}, {}, {}),
        ({"name": "a", "id": "m-1", "size": "L"}, {}, {"name": "a"}),
        ({"site": {"place": "here"}, "desired": 8}, {}, {"place": "here", "wanted": 8}),
        ({"site": {"place": None}}, {}, {}),
        ({"site": None}, {"place": "here"}, {}),
        ({"name": "", "desired": 0, "on": False}, {}, {}),
        (
            {"name": "", "desired": 0, "on": False, "disks": [], "disk": {}},
            {"name": "a", "wanted": 8, "on": True, "disks": [], "disk": {}},
            {"wanted": 0, "on": False, "disks": []},
        ),
        ({"disk": {"size_tib": 0, "label": "", "status": "bound"}}, {}, {"disk": {"size_tib": 0}}),
        ({"disks": [{"size_tib": 1, "label": "x", "status": "bound"}]}, {}, {"disks": [{"size_tib": 1, "label": "x"}]}),
        # The values of a mapping are the user's own, empty ones as well.
        ({"tags": {"a": "", "b": "1"}}, {}, {"tags": {"a": "", "b": "1"}}),
    ],
)
def test_a_reply_shows_the_fields_of_the_create_body(reply: Any, declared: Any, inputs: Any) -> None:
    assert shown(reply, **declared) == inputs


@pytest.mark.parametrize(
    ("name", "one", "other", "equal"),
    [
        ("ends", "2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", True),
        ("ends", "2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z", False),
        ("ends", "soon", "later", False),
        ("script", "#!/bin/sh\n", "\n#!/bin/sh", True),
        ("script", "#!/bin/sh", "#!/bin/bash", False),
        ("name", "a", "a ", False),
    ],
)
def test_texts_are_compared_by_what_their_mark_makes_of_them(name: str, one: str, other: str, equal: bool) -> None:
    assert (differences(MachineCreate, {name: one}, {name: other}) == {}) is equal
    assert corrected(MachineCreate, {name: one}, {name: other}) == {name: one if equal else other}


@pytest.mark.parametrize(
    ("declared", "reply", "kept"),
    [
        ("12.6", "12.6.3", True),
        ("12.6.3", "12.6", True),
        ("12.6-ubuntu-22.04", "12.6", True),
        ("12.6", "12.7", False),
        ("12.6", "12", True),
        ("newest", "12.6", False),
    ],
)
def test_a_version_that_a_reply_shows_in_full_is_no_drift_but_an_edit_of_one_is_an_edit(
    declared: str, reply: str, kept: bool
) -> None:
    assert corrected(MachineCreate, {"driver": declared}, {"driver": reply}) == {"driver": declared if kept else reply}
    assert differences(MachineCreate, {"driver": declared}, {"driver": reply}) != {}
