"""A value that looks like a secret is not stored without `--secret` or `--plaintext`."""

STEPS = [
    "config set apiToken ghp_Zx81kQ0aLw93JpVt6RyUbNe5TcMs2HdGf4Xo",
    "config set apiToken ghp_Zx81kQ0aLw93JpVt6RyUbNe5TcMs2HdGf4Xo --plaintext",
    "config set dbPassword hunter2",
    "config get apiToken",
]
SHOWS = ["config", "secrets"]
