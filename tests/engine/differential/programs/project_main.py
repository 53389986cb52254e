"""`main` in Pulumi.yaml is where the program is; `description` and others are no matter."""

STEPS = ['write app/__main__.py \'import pulumi; pulumi.export("here", "app")\'', "up", "stack output here"]
SHOWS = ["keys of Pulumi.yaml"]
PROJECT = {"main": "app", "description": "d", "author": "a", "website": "w", "license": "l", "stackConfigDir": ""}
