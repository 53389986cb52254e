import json
from pathlib import Path

import pytest
from pulumi_embedded.errors import ProjectError
from pulumi_embedded.storage.project import Project, load_project, select_stack, selected_stack


def project(folder: Path, text: str) -> Project:
    (folder / "Pulumi.yaml").write_text(text)
    return load_project(folder)


def test_the_short_form(tmp_path: Path) -> None:
    loaded = project(tmp_path, "name: fleet\nruntime: python\n")
    assert (loaded.name, loaded.runtime, loaded.runtime_options) == ("fleet", "python", {})
    assert loaded.program == loaded.folder == tmp_path
    assert loaded.stack_config_path("dev") == tmp_path / "Pulumi.dev.yaml"


def test_the_long_form(tmp_path: Path) -> None:
    loaded = project(
        tmp_path,
        """
        name: fleet
        description: GPU clusters   # for the team
        runtime:
          name: python
          options: {virtualenv: .venv, toolchain: uv}
        main: src/program
        stackConfigDir: stacks
        backend: {url: "file://~/state"}
        """,
    )
    assert loaded.runtime_options == {"virtualenv": ".venv", "toolchain": "uv"}
    assert loaded.program == tmp_path / "src" / "program"
    assert loaded.stack_config_path("dev") == tmp_path / "stacks" / "Pulumi.dev.yaml"
    assert (loaded.backend_url, loaded.description) == ("file://~/state", "GPU clusters")


def test_the_nearest_project_above_is_found(tmp_path: Path) -> None:
    project(tmp_path, "name: fleet\nruntime: python\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load_project(inner).name == "fleet"
    (inner / "Pulumi.json").write_text('{"name": "inner", "runtime": "python"}')
    assert load_project(inner).stack_config_path("dev").name == "Pulumi.dev.json"
    with pytest.raises(ProjectError, match=r"no Pulumi\.yaml project file found"):
        load_project(Path("/proc"))


def test_an_earlier_spelling_of_the_config_folder(tmp_path: Path) -> None:
    loaded = project(tmp_path, "name: fleet\nruntime: python\nconfig: stacks\n")
    assert loaded.stack_config_folder == tmp_path / "stacks"
    with pytest.raises(ProjectError, match="use only stackConfigDir"):
        project(tmp_path, "name: fleet\nruntime: python\nconfig: stacks\nstackConfigDir: other\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("runtime: python", "missing a 'name'"),
        ("name: fleet", "runtime must be"),
        ("name: fleet\nruntime: {options: {}}", "runtime must be"),
        ("name: fleet\nruntime: {name: python, options: [a]}", "options must be a mapping"),
        ("[]", "found a "),
        ("name: 'x", "Pulumi.yaml: "),
        ("name: f\nruntime: python\nconfig: [a]", "config must be a mapping"),
        ("name: f\nruntime: python\nconfig: {a: {type: number}}", "'a' has the unknown type 'number'"),
        ("name: f\nruntime: python\nconfig: {a: {type: array}}", "'a' is an array"),
        (
            "name: f\nruntime: python\nconfig: {a: {type: integer, default: x}}",
            "'a' has a default that is not of its type",
        ),
        ("name: f\nruntime: python\nconfig: {a: {default: 1, value: 2}}", "'a' has both"),
        (
            "name: f\nruntime: python\nconfig: {'aws:r': {default: 1}}",
            "'aws:r' is not in the namespace of this project",
        ),
        ("name: f\nruntime: python\nconfig: {'aws:r': {}}", "'aws:r' is namespaced"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ProjectError) as caught:
        project(tmp_path, text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_selected_stack_is_kept_where_the_cli_keeps_it(tmp_path: Path) -> None:
    loaded = project(tmp_path, "name: fleet\nruntime: python\n")
    environment = {"PULUMI_HOME": str(tmp_path / "home")}
    url = "file:///srv/state"
    assert selected_stack(loaded, url, environment) is None
    select_stack(loaded, url, "dev", environment)
    (settings,) = (tmp_path / "home" / "workspaces").iterdir()
    assert json.loads(settings.read_bytes()) == {"stack": "dev", "stacks": {url: "dev"}}
    assert selected_stack(loaded, url, environment) == "dev"
    assert selected_stack(loaded, url, environment | {"PULUMI_STACK": "other"}) == "other"
    # A newer CLI writes a name for each backend, an older one a name for all.
    settings.write_text(json.dumps({"stack": "old", "stacks": {url: "organization/fleet/new"}}))
    assert selected_stack(loaded, url, environment) == "organization/fleet/new"
    assert selected_stack(loaded, "file:///elsewhere", environment) == "old"
    settings.write_text("{")
    assert selected_stack(loaded, url, environment) is None
    select_stack(loaded, url, None, environment)
    assert not settings.exists()
