"""After an engine was killed, the next one says what was under way, and a refresh clears it."""

from lab import Thing

STEPS = ["hold b", "kill up", "release b", "cancel --yes", "preview", "up", "refresh --clear-pending-creates"]
SHOWS = ["interruption", "pending operations"]

a = Thing("a")
Thing("b", of=a.serial)
