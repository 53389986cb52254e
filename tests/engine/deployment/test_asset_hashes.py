"""Assets and archives have the hashes that the Pulumi CLI gives them, and a changed file is a change."""

import asyncio
import hashlib
import tarfile
import zipfile

import pytest
from pulumi_embedded.deployment.asset_hashes import with_hashes
from pulumi_embedded.providers.provider_api import ProviderError
from pulumi_embedded.values import ARCHIVE, ASSET, SIGNATURE, Secret, equal

# Recorded from the Pulumi CLI, of what `tree` makes.
RECORDED = {
    "text": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
    "empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "uml": "d353a2671b67afff0941ae456e5c76e9394bd6579774ae7542a6185fb9843384",
    "file": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    "uri": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    "folder": "6dbcd496da2adb15ee4c79c7636ea3785a8818a09fa0084dccd738d0764e906f",
    "deep": "28c0dad6a3ea721f1b483d036b19172494e5935264f16965bd0d6bc82eebf2b2",
    "uni": "4a3df83f9cdc6db2e4c7619860b5827e0268158ae72845eed224c91f8687c02e",
    "long": "461b32bafd022870c1eea86e778b94251c5c0488762fc01ef1a3afed70f5a320",
    "map": "3ef58e8734df123c0bc32b6d84ed2d9539021f1eedacbe15f93181f18232a428",
    "none": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
}


def asset(**fields):
    return {SIGNATURE: ASSET, **fields}


def archive(**fields):
    return {SIGNATURE: ARCHIVE, **fields}


def hashed(folder, value):
    return asyncio.run(with_hashes({"it": value}, folder))["it"]


@pytest.fixture
def tree(tmp_path):
    """Files, links, and names that do not fit into a tar header."""
    files = {
        "d/a.txt": "hello\n",
        "d/a": "y\n",
        "d/sub/b.txt": "x\n",
        "d/.pulumi/z": "z\n",
        f"deep/{'/'.join(['p' * 40] * 4)}/q.txt": "q\n",
        "uni/größe.txt": "u\n",
        f"long/{'n' * 120}": "l\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "d" / "link").symlink_to("a.txt")
    (tmp_path / "d" / "dirlink").symlink_to("sub")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name in ("a.txt", "sub/b.txt"):
            file.write(tmp_path / "d" / name, name)
    for name, members in (("x.tar", ("a.txt", "sub")), ("x.tar.gz", ("sub", "a.txt"))):
        with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as file:
            for member in members:
                file.add(tmp_path / "d" / member, member)
    return tmp_path


def test_hashes_are_those_of_the_cli(tree):
    members = {
        "b": asset(text="b"),
        "a": asset(path="d/a.txt"),
        "sub": archive(path="d"),
        "z": archive(path="x.zip"),
        "t": archive(path="x.tar"),
        "g": archive(path="x.tar.gz"),
        "in/ner": archive(assets={"x": asset(text="x")}),
    }
    values = {
        "text": asset(text="hi"),
        "empty": asset(text=""),
        "uml": asset(text="größe"),
        "file": asset(path="d/a.txt"),
        "uri": asset(uri=f"file://{tree}/d/a.txt"),
        "folder": archive(path="d"),
        "deep": archive(path="deep"),
        "uni": archive(path="uni"),
        "long": archive(path="long"),
        "map": archive(assets=members),
        "none": archive(assets={}),
    }
    result = asyncio.run(with_hashes(values, tree))
    assert {key: value["hash"] for key, value in result.items()} == RECORDED
    assert result["empty"] == asset(hash=RECORDED["empty"])
    assert result["map"]["assets"]["a"] == asset(path="d/a.txt", hash=RECORDED["file"])
    for name in ("x.zip", "x.tar", "x.tar.gz"):
        whole = hashlib.sha256((tree / name).read_bytes()).hexdigest()
        assert hashed(tree, archive(path=name))["hash"] == hashed(tree, archive(uri=f"file://{tree}/{name}"))["hash"]
        assert hashed(tree, archive(path=name))["hash"] == whole


def test_they_are_found_wherever_they_are(tree):
    inside = hashed(tree, Secret({"list": [asset(path="d/a.txt")]}))
    assert inside == Secret({"list": [asset(path="d/a.txt", hash=RECORDED["file"])]})
    plain = {"it": {"list": [1]}}
    assert asyncio.run(with_hashes(plain, tree)) is plain


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (asset(path="nothing"), "No such file or directory"),
        (asset(path="d"), "is a folder; use an archive"),
        (archive(path="d/a.txt"), "is neither a folder nor one of"),
        (archive(path="nowhere"), "No such file or directory"),
        (asset(uri="ftp://host/x"), "only the URI schemes"),
        (archive(uri="file:///x"), "not a recognized archive format"),
        (archive(assets={"x": archive(path="broken.zip")}), "not a zip file"),
    ],
)
def test_what_cannot_be_read_is_named(tree, value, reason):
    (tree / "broken.zip").write_text("no")
    with pytest.raises(ProviderError, match="'it'") as refused:
        hashed(tree, value)
    assert reason in str(refused.value)


def test_only_the_content_counts():
    assert equal(asset(path="a", hash="1"), asset(text="b", hash="1"))
    assert not equal(asset(path="a", hash="1"), asset(path="a", hash="2"))
    assert not equal(asset(path="a", hash="1"), archive(path="a", hash="1"))
    # A state of an engine that made no hashes.
    assert equal(asset(path="a"), asset(path="a", hash="2"))
    assert not equal(asset(path="a"), asset(path="b", hash="2"))


def test_a_changed_file_is_an_update(project):
    project.program('Thing("a", file=pulumi.FileAsset("it.txt"))')
    file = project.folder / "it.txt"
    file.write_text("one")
    project.up()
    assert project.preview().operations == []
    file.write_text("two")
    assert project.preview().operations == ["update a"]
    file.unlink()
    refused = project.preview(check=False)
    assert refused.code != 0 and any("No such file or directory" in error for error in refused.errors)
