"""One server that behaves as every cloud in `CLOUDS` does: asynchronous, stateful, billed, and failing on demand.

`running()` starts one in this process, for tests; `server.serve()` is what `gpufleet simulate` runs. It listens on
loopback only. Each cloud answers under its own prefix (`/together/v1`, `/shadeform/v1`), the controls under `/_sim`
(`controls.py`). Any key that is not empty is accepted except `wrong` (401) and `forbidden` (403); all keys share one
account.

Cloud time runs `speed` times as fast as the machine's, or moves only by hand. Every record carries its planned events,
and the ledger keeps everything that was ever created. State is committed to SQLite before a reply is sent: a simulator
that was killed and is started again on the same file has lost nothing that it had confirmed. Fault rules and request
counts are not state: they end with the process.

The clouds are written from the vendors' documents and share no code with the client: two witnesses, not one. The first
lines of each cloud's package say what it does not simulate. No cloud simulates accounts, TLS, HTTP/2, compression, real
rate limits, or anything that a GPU would do.

A cloud's simulator is a package `<cloud>/simulator` that exports its `SimulatedCloud` as `CLOUD`. Its modules:

- `cloud`: routes, keys and error bodies;
- one module per kind of resource, such as `clusters`: what each route does; `cluster_transitions`: what happens to a
  cluster afterwards;
- `requests`: request bodies, and the reasons to refuse them; `replies`: the JSON of replies; `records`: what is kept;
- `switches`: open questions about the vendor; `catalogue`: what is on offer; `stock`: how much of it is left;
  `provisioning`: phases and durations.
"""

from gpufleet_provider.simulator.database import UnusableState
from gpufleet_provider.simulator.running import RunningSimulator, running
from gpufleet_provider.simulator.simulation import DEFAULT_SPEED, BadControl, Settings, Simulation, base_urls

__all__ = [
    "DEFAULT_SPEED",
    "BadControl",
    "RunningSimulator",
    "Settings",
    "Simulation",
    "UnusableState",
    "base_urls",
    "running",
]
