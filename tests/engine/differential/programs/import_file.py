"""`import --file` with inputs and outputs takes a resource into the state."""

STEPS = [
    'write import.json \'{"resources": [{"type": "lab:index:Box", "name": "box", "component": true}]}\'',
    "import --file import.json",
    "import --file nobody.json",
]
SHOWS = ["import"]
