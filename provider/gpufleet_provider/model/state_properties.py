"""The hidden properties in users' state; a newer version reads those of every older one, so none is ever renamed."""

from __future__ import annotations

OFFERED_NAME = "__offered_name"
"""The hidden input with the physical name that the resource class offers."""
IMPORT_ID = "__import_id"
"""The hidden input with the id of a living resource to take over instead of creating one."""
CREATE_FIRST = "__create_first"
"""The hidden input of a resource whose program wants a replacement created before what it replaces is deleted."""
ENDED = "__ended"
"""The hidden input that a read leaves behind when a prepaid resource is gone: what became of its term."""
INPUTS = "__inputs"
"""The hidden output with the inputs that the resource was last brought to (a diff is given old outputs only)."""
WAIT = "__wait"
"""The hidden output of a resource that is not ready: `{"state": "pending" | "failed", "words": ..., "during": ...}`.

`during` is `create` until the resource has been ready once, `update` afterwards.
"""
ACCOUNT = "__account"
"""The hidden output that tells accounts apart: what another key does not see is not gone."""
ACCEPTED_UNIX_SECONDS = "accepted_unix_seconds"
"""Under `__wait`, when the create was accepted of a resource that the cloud has not shown since."""
PROVIDER = "__provider"
"""The property that holds the pickled provider; it is the server's, and comes and goes with every bag."""
