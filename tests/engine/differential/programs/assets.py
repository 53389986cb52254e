"""The content of assets and archives is part of the inputs."""

from lab import pulumi
from pulumi import AssetArchive, FileArchive, FileAsset, StringAsset

STEPS = [
    "write file.txt one",
    "write tree/a.txt one",
    "up",
    "up",
    "write file.txt two",
    "preview",
    "up",
    "write tree/a.txt two",
    "up",
]
SHOWS = ["assets"]


class Files(pulumi.ComponentResource):
    def __init__(self, name, **files):
        super().__init__("lab:index:Box", name, files)


Files("a", asset=FileAsset("file.txt"), text=StringAsset("text"))
Files("b", archive=FileArchive("tree"))
Files("c", archive=AssetArchive({"f": FileAsset("file.txt"), "t": FileArchive("tree")}))
