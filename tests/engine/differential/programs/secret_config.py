"""Config values, secret and not, in all their forms."""

from lab import Thing, pulumi

STEPS = [
    "config set size 3",
    "config set --secret word hush",
    "config set --path map.list[0] x",
    "config set --path --secret map.key k",
    "up",
    "config get word",
    "config get map",
    "config --json",
    "config --json --show-secrets",
    "config rm size",
    "up",
]
SHOWS = ["config"]

config = pulumi.Config()
Thing("a", size=config.get_int("size"), word=config.require_secret("word"), map=config.require_object("map"))
