"""However a program ends, its user reads their own line of code, and nothing is deleted that was not meant to be."""

import pytest

from tests.engine.conftest import PRELUDE_LINES

FIRST = PRELUDE_LINES + 1
"""The line of the program's first statement in the file."""


def _fails(project, text, *, command="up"):
    project.program('Thing("a")')
    project.up()
    project.program('Thing("a")\n' + text)
    failed = getattr(project, command)(check=False)
    assert failed.code == 1
    assert "pulumi_embedded" not in failed.text and "site-packages" not in failed.text
    assert ("Delete", "a") not in project.calls()
    assert "a" in project.resources()
    return "\n".join(failed.errors)


def test_a_program_that_raises(project):
    error = _fails(project, 'def boom():\n    raise ValueError("my mistake")\nboom()')
    assert f'__main__.py", line {FIRST + 3}, in <module>\n    boom()' in error
    assert f'__main__.py", line {FIRST + 2}, in boom\n    raise ValueError("my mistake")' in error
    assert error.endswith("ValueError: my mistake")


def test_a_program_that_raises_in_a_preview(project):
    assert "ZeroDivisionError" in _fails(project, "1 / 0", command="preview")


def test_a_program_that_raises_in_an_apply(project):
    error = _fails(project, 'b = Thing("b")\nb.status.apply(lambda s: s.nothing)')
    assert f'__main__.py", line {FIRST + 2}, in <lambda>' in error
    assert error.endswith("AttributeError: 'str' object has no attribute 'nothing'")


def test_a_program_that_raises_a_run_error(project):
    assert _fails(project, 'raise pulumi.RunError("the reason")') == "the reason"


def test_a_program_that_exits_with_an_error(project):
    error = _fails(project, "sys.exit(3)")
    assert "the program ended early, by sys.exit(3) in " in error
    assert f"__main__.py, line {FIRST + 1}" in error


def test_a_program_that_exits_without_an_error_has_ended(project):
    project.program('Thing("a")\npulumi.export("x", 1)\nsys.exit(0)')
    done = project.up()
    assert done.operations == ["create a", "create test-dev"] and "the program ended" not in done.out
    assert project.outputs() == {"x": 1}
    project.program('if True:\n    sys.exit()\nThing("a")')
    shown = project.preview()
    assert shown.operations == ["delete a"]
    assert f"the program ended by sys.exit() in {project.folder}/__main__.py, line {FIRST + 1}" in shown.out


@pytest.mark.parametrize("code", [0, 3])
def test_a_process_that_ends_early(project, code):
    error = _fails(project, f"os._exit({code})")
    assert "exited before the program ended" in error if code == 0 else "exit code: 3" in error


def test_a_program_that_is_killed(project):
    assert "the program was killed by SIGKILL" in _fails(project, "os.kill(os.getpid(), 9)")


def test_a_syntax_error(project):
    error = _fails(project, "x = = 3")
    assert f'__main__.py", line {FIRST + 1}\n    x = = 3' in error
    assert error.endswith("SyntaxError: invalid syntax")


def test_a_missing_module(project):
    error = _fails(project, "import there_is_no_such_module")
    assert f"line {FIRST + 1}" in error
    assert error.endswith("ModuleNotFoundError: No module named 'there_is_no_such_module'")


@pytest.mark.parametrize(
    "awaitable", ["asyncio.get_event_loop().create_future()", "asyncio.wait_for(asyncio.Event().wait(), None)"]
)
def test_a_program_that_waits_for_an_output_that_never_comes(project, awaitable):
    error = _fails(project, f'pulumi.export("x", Output.from_input({awaitable}))')
    assert "the program waits for an output that will never be resolved" in error
    assert f"__main__.py, line {FIRST + 1}" in error


def test_a_program_that_only_takes_its_time_is_left_alone(project):
    project.program("""
    async def later():
        await asyncio.sleep(8)
        return "here"

    pulumi.export("x", Output.from_input(later()))
    """)
    project.up()
    assert project.outputs() == {"x": "here"}


def test_a_program_that_prints_megabytes(project):
    project.program("""
    Thing("a")
    for i in range(50_000):
        print("line", i, "x" * 60)
    sys.stdout.write("y" * 3_000_000)
    sys.stderr.write("the end\\n")
    """)
    done = project.run("up", "--yes", "--skip-preview", check=True)
    assert "line 49999 " in done.out
    assert "earlier messages are not repeated" in done.out
    assert "a" in project.resources()


def test_what_is_not_supported_is_refused_by_name(project):
    error = _fails(project, 'pulumi.ComponentResource("lab:index:Remote", "r", {}, None, True)')
    assert "the remote component lab:index:Remote" in error and "not supported by pulumi-embedded" in error


def test_a_package_without_a_plugin_is_refused_by_name(project):
    project.program('pulumi.CustomResource("nobody:index:Thing", "x", {}, ResourceOptions(version="1.2.3"))')
    failed = project.up(check=False)
    assert failed.code == 1
    assert failed.errors[0].startswith("the package nobody 1.2.3 needs the plugin pulumi-resource-nobody")
    assert "pulumi plugin install resource nobody 1.2.3" in failed.errors[0]


def test_a_program_may_require_a_version(project):
    project.program('pulumi.require_pulumi_version(">=3.100.0")')
    project.up()
    error = _fails(project, 'pulumi.require_pulumi_version(">=4.0.0")')
    assert "the Pulumi version '>=4.0.0' (this engine is compatible with 3.259.0) is not supported" in error


def test_what_a_program_prints_last_is_not_lost(project):
    project.program('print("the last word")')
    assert "the last word" in project.run("up", "--yes", "--skip-preview", check=True).out


def test_policy_packs_are_refused_by_name(project):
    project.program("")
    refused = project.run("preview", "--policy-pack", "somewhere")
    assert refused.code == 1 and "policy packs are not supported" in refused.err


def test_a_python_without_the_sdk_is_named(project):
    (project.folder / "venv" / "bin").mkdir(parents=True)
    python = project.folder / "venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nexec python3 -S -E "$@"\n')
    python.chmod(0o755)
    (project.folder / "Pulumi.yaml").write_text(
        "name: test\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n"
    )
    project.program("")
    failed = project.run("up", "--yes", "--skip-preview")
    assert failed.code == 1
    assert "pip install pulumi" in failed.out
    (project.folder / "Pulumi.yaml").write_text(
        "name: test\nruntime:\n  name: python\n  options:\n    virtualenv: gone\n"
    )
    refused = project.run("preview")
    assert refused.code == 1 and "there is no Python in" in refused.err


def test_a_refused_diff_stands_under_its_resource_and_any_terminal_shows_it(project):
    text = """
    Thing("t·rn", fail="diff", size={0})
    Thing("calm")
    """
    project.program(text.format(1))
    project.up()
    project.program(text.format(2))
    refused = project.finish(project.start("preview", PYTHONIOENCODING="ascii"))
    assert refused.code == 1
    assert "  lab:index:Thing (t?rn):\n    error: the diff failed, as it was told to\n" in refused.out
    assert "    lab:index:Thing t?rn **failed** 1 error\n" in refused.out
    assert "    pulumi:pulumi:Stack test-dev **failed** 1 message\n" in refused.out
    assert refused.out.endswith("Resources:\n    2 unchanged\n    1 errored\n")
    document = project.preview(check=False).document
    errors = [diagnostic["urn"] for diagnostic in document["diagnostics"] if diagnostic["severity"] == "error"]
    assert errors == ["urn:pulumi:dev::test::lab:index:Thing::t·rn"]
