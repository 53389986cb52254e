"""`import --file` takes components, and what is below them, into the state; what is there already stays."""

from lab import Box, ResourceOptions

STEPS = [
    'write import.json \'{"resources": ['
    '{"type": "lab:index:Box", "name": "inner", "component": true, "parent": "box"}, '
    '{"type": "lab:index:Box", "name": "box", "logicalName": "crate", "component": true}]}\'',
    "import --file import.json",
    "import --file import.json",
    "up",
    'write import.json \'{"resources": [{"type": "lab:index:Box", "name": "x", "component": true, "id": "x"}]}\'',
    "import --file import.json",
    "import --file nobody.json",
]
SHOWS = ["import"]

Box("inner", ResourceOptions(parent=Box("crate")))
