from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_embedded.errors import ProjectError, SecretsError
from pulumi_embedded.storage.project import load_project
from pulumi_embedded.storage.secrets import PassphraseCrypter
from pulumi_embedded.storage.stack_config import StackConfig


def open_config(folder: Path, text: str | None = None, declared: str = "{}") -> StackConfig:
    (folder / "Pulumi.yaml").write_text(f"name: fleet\nruntime: python\nconfig: {declared}\n")
    if text is not None:
        (folder / "Pulumi.dev.yaml").write_text(text)
    return StackConfig(load_project(folder), "dev")


def reopened(config: StackConfig) -> StackConfig:
    config.save()
    return StackConfig(load_project(config.path.parent), "dev")


def never(_: str) -> str:
    raise AssertionError("nothing had to be decrypted")


def test_comments_quotes_and_order_survive(tmp_path: Path) -> None:
    text = (
        "# the team's stack\n"
        "encryptionsalt: v1:x:v1:y:z\n"
        "config:\n"
        "  # how big\n"
        '  fleet:size: "8"  # nodes\n'
        "  fleet:zones:\n"
        "    - a\n"
        "    - b  # the new one\n"
        "  aws:region: eu\n"
    )
    config = open_config(tmp_path, text)
    config.save()
    assert config.path.read_text() == text
    config.set("size", "9", None)
    config.set("fresh", "x", None)
    config.save()
    assert config.path.read_text() == text.replace('"8"', '"9"') + "  fleet:fresh: x\n"


def test_a_first_value_makes_the_file(tmp_path: Path) -> None:
    config = open_config(tmp_path)
    assert (config.keys(), config.encryption_salt, config.path.exists()) == ([], None, False)
    config.set("size", "8", None)
    assert reopened(config).get("size", never) == "8"
    assert config.path.read_text() == 'config:\n  fleet:size: "8"\n'


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_text_survives_the_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    config = open_config(tmp_path_factory.mktemp("project"))
    config.set("value", text, None)
    config.set("inside.list[0]", "x" + text, None, path=True)
    again = reopened(config)
    assert again.get("value", never) == text
    assert again.get("inside.list[0]", never, path=True) == "x" + text


@pytest.mark.parametrize(
    "text", ["8", "1e3", "true", "null", "~", "2024-01-01", "0x1F", "1_000", "12:30:45", "yes", ""]
)
def test_text_that_looks_like_something_else_stays_text(tmp_path: Path, text: str) -> None:
    config = open_config(tmp_path)
    config.set("value", text, None)
    assert reopened(config).for_program(never).values == {"fleet:value": text}


def test_programs_get_text_and_json(tmp_path: Path, crypter: PassphraseCrypter) -> None:
    text = f"""
        config:
          fleet:size: 8
          fleet:ratio: 2.5
          fleet:on: true
          fleet:none: null
          other:config:name: old spelling
          fleet:list: [1, two, {{secure: "{crypter.encrypt("three")}"}}]
          fleet:token: {{secure: "{crypter.encrypt("t")}"}}
        """
    given = open_config(tmp_path, text).for_program(crypter.decrypt)
    assert given.values == {
        "fleet:size": "8",
        "fleet:ratio": "2.5",
        "fleet:on": "true",
        "fleet:none": "null",
        "other:name": "old spelling",
        "fleet:list": '[1,"two","three"]',
        "fleet:token": "t",
    }
    assert given.secret_keys == {"fleet:list", "fleet:token"}


def test_secrets_are_stored_encrypted(tmp_path: Path, crypter: PassphraseCrypter) -> None:
    config = open_config(tmp_path)
    config.set("token", "hush", crypter.encrypt)
    config.set("deep.er[0].token", "hush", crypter.encrypt, path=True)
    again = reopened(config)
    assert "hush" not in config.path.read_text()
    assert again.get("token", crypter.decrypt) == "hush"
    assert again.get("deep.er[0].token", crypter.decrypt, path=True) == "hush"
    assert again.get("deep", crypter.decrypt) == '{"er":[{"token":"hush"}]}'
    assert (again.is_secret("token"), again.is_secret("deep")) == (True, True)
    assert again.as_stored().keys() == {"fleet:token", "fleet:deep"}
    assert again.for_program(crypter.decrypt).secret_keys == {"fleet:token", "fleet:deep"}


def test_paths(tmp_path: Path) -> None:
    config = open_config(tmp_path)
    for key, value in {
        "a.b[0]": "8",
        "a.b[1]": "08",
        "a.c": "true",
        'a["d.e"]': "-3",
        "aws:x.y": "z",
        "plain": "8",
    }.items():
        config.set(key, value, None, path=True)
    assert config.as_stored() == {
        "fleet:a": {"b": [8, "08"], "c": True, "d.e": -3},
        "aws:x": {"y": "z"},
        "fleet:plain": "8",
    }
    assert config.get("a.b[7]", never, path=True) is None
    assert config.get("a.b.c", never, path=True) is None
    assert config.remove("a.b[0]", path=True)
    assert config.remove("aws:x.y", path=True)
    assert not config.remove("a.nothing.here", path=True)
    assert reopened(config).as_stored()["fleet:a"]["b"] == ["08"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a.b[5]", "not an index of a list of 1"),
        ("a.b.c", "not an index"),
        ("a[0]", "an object, not a list"),
        ("a.text.inner", "neither an object nor a list"),
        ("new.secure", "reserved"),
        ("a.b[", "not a property path"),
        ("x:y:z", "not a config key"),
        (":", "not a config key"),
    ],
)
def test_paths_that_lead_nowhere_are_refused_and_change_nothing(tmp_path: Path, key: str, reason: str) -> None:
    text = "config:\n  fleet:a:\n    b:\n      - 1\n    text: x\n"
    config = open_config(tmp_path, text)
    with pytest.raises(ProjectError, match=reason):
        config.set(key, "v", None, path=True)
    assert config.as_stored() == {"fleet:a": {"b": [1], "text": "x"}}


def test_removing(tmp_path: Path) -> None:
    config = open_config(tmp_path, "config:\n  fleet:config:a: x\n")
    assert not config.remove("b")
    assert config.remove("a")
    assert config.keys() == []
    config.save()
    assert config.path.read_text() == ""


DECLARED = """
  {size: 8, zone: {type: string, default: a}, count: {type: integer}, list: {type: array, items: {type: integer}},
   token: {type: string, secret: true, default: none}, 'aws:region': eu}
"""


def test_what_the_project_declares(tmp_path: Path, crypter: PassphraseCrypter) -> None:
    config = open_config(tmp_path, "config: {'fleet:count': '3', 'fleet:list': [1, 2]}", DECLARED)
    assert config.for_program(crypter.decrypt).values == {
        "fleet:count": "3",
        "fleet:list": "[1,2]",
        "fleet:size": "8",
        "fleet:zone": "a",
        "fleet:token": "none",
        "aws:region": "eu",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "missing configuration 'count', 'list'.*config set"),
        ("{'fleet:count': x, 'fleet:list': [1]}", "'count' must be of type 'integer'"),
        ("{'fleet:count': 1, 'fleet:list': [x]}", "'list' must be of type 'array'"),
        ("{'fleet:count': 1, 'fleet:list': [], 'fleet:token': open}", "'token' must be a secret.*--secret"),
    ],
)
def test_what_the_project_forbids(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=reason):
        open_config(tmp_path, f"config: {text}", DECLARED).for_program(never)


def test_the_salt_is_the_files_else_the_states_else_new(tmp_path: Path, crypter: PassphraseCrypter) -> None:
    config = open_config(tmp_path)
    assert config.crypter(crypter.salt_state).decrypt(crypter.encrypt("x")) == "x"
    assert reopened(config).encryption_salt == crypter.salt_state
    fresh = open_config(tmp_path, "")
    assert fresh.crypter().salt_state == reopened(fresh).encryption_salt != crypter.salt_state


def test_another_secrets_provider_is_refused_without_its_address(tmp_path: Path) -> None:
    config = open_config(tmp_path, "secretsprovider: awskms://alias/key?token=hush\n")
    with pytest.raises(SecretsError, match="'awskms' is not supported") as caught:
        config.crypter()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ["environment: [a]", "config: [a]", "- a", "a: [", "config: 'x"])
def test_files_that_cannot_be_used_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectError, match=r"Pulumi\.dev\.yaml: ") as caught:
        open_config(tmp_path, text)
    assert "\n" not in str(caught.value)
