"""The program's Python is the one that Pulumi.yaml names, and its types are checked if Pulumi.yaml says so."""

import sys

import pytest
from pulumi_embedded.deployment.toolchain import find_toolchain
from pulumi_embedded.errors import ProjectError


def environment(folder):
    """A virtual environment, as far as the search looks at it."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return folder


def test_without_a_word_it_is_the_engines_own(tmp_path):
    found = find_toolchain(tmp_path, tmp_path, {})
    assert (found.python, found.virtualenv) == (sys.executable, None)
    assert found.environment({"PYTHONHOME": "/x"}) == {"PYTHONHOME": "/x"}


def test_a_virtual_environment_is_activated(tmp_path):
    folder = environment(tmp_path / "mine")
    found = find_toolchain(tmp_path, tmp_path / "src", {"virtualenv": "mine"})
    assert found.python == str(folder / "bin" / "python")
    activated = found.environment({"PYTHONHOME": "/x", "PATH": "/bin", "VIRTUAL_ENV": "/other"})
    assert activated == {"PATH": f"{folder / 'bin'}:/bin", "VIRTUAL_ENV": str(folder)}


@pytest.mark.parametrize("options", [{"toolchain": "uv"}, {}])
def test_uv_has_its_environment_beside_its_lock_file(tmp_path, options, monkeypatch):
    monkeypatch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
    (tmp_path / "uv.lock").touch()
    folder = environment(tmp_path / ".venv")
    assert find_toolchain(tmp_path / "app", tmp_path / "app", options).virtualenv == folder


def test_poetry_is_asked(tmp_path, monkeypatch):
    folder = environment(tmp_path / "cache" / "env")
    poetry = tmp_path / "poetry"
    poetry.write_text(f"#!/bin/sh\necho {folder}\n")
    poetry.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert find_toolchain(tmp_path, tmp_path, {"toolchain": "poetry"}).virtualenv == folder
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProjectError, match="no `poetry` on PATH"):
        find_toolchain(tmp_path, tmp_path, {"toolchain": "poetry"})


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"virtualenv": "none"}, "virtual environment none"), ({"toolchain": "uv"}, "run `uv sync`")],
)
def test_one_that_is_not_there_is_named(tmp_path, options, reason, monkeypatch):
    monkeypatch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
    with pytest.raises(ProjectError, match=reason):
        find_toolchain(tmp_path, tmp_path, options)


def test_keys_of_the_project_reach_the_deployment(project):
    """One project with all of them: the type checker, the plugin of a folder, and the refresh that comes first."""
    (project.folder / "other").mkdir()
    (project.folder / "bin" / "pulumi-resource-lab").rename(project.folder / "other" / "pulumi-resource-lab")
    checker = "import sys\nprint('I was run on', sys.argv[-1])\nsys.exit('BAD' in open('__main__.py').read())\n"
    (project.folder / "mypy.py").write_text(checker)
    (project.folder / "Pulumi.yaml").write_text(
        """
        name: test
        runtime: {name: python, options: {typechecker: mypy}}
        options: {refresh: always}
        plugins: {providers: [{name: lab, path: other}]}
        """
    )
    project.program('Thing("a")')
    done = project.up()
    assert "I was run on" in done.out
    project.forget_calls()
    project.program('Thing("a")\nBAD = 1')
    refused = project.up(check=False)
    assert project.calls() == [("Read", "a")]
    assert refused.code == 1 and any("mypy failed with exit code 1" in error for error in refused.errors)
    (project.folder / "mypy.py").unlink()
    assert any("mypy is not installed" in error for error in project.preview(check=False).errors)
    (project.folder / "Pulumi.yaml").write_text("name: test\nruntime: python\nrequiredPulumiVersion: '>=99.0.0'\n")
    refused = project.preview(check=False)
    assert refused.code == 1 and "requiredPulumiVersion is '>=99.0.0'" in refused.err
