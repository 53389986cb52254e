"""Flags that steer the display alone, and booleans with a value."""

from lab import Thing

STEPS = [
    "up --refresh=true --suppress-outputs --suppress-permalink=true",
    "up --debug=false --non-interactive --show-sames",
    "preview --refresh=false --show-reads --show-replacement-steps --show-secrets=false",
    "--non-interactive up --yes --skip-preview",
    "preview -j -p 2 --suppress-progress",
]
SHOWS = ["flags"]

Thing("a")
