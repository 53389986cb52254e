"""One server that behaves as every cloud in `CLOUDS` does: asynchronous, stateful, billed, and failing on demand.

`running()` starts one in this process, for tests; `server.serve()` is what `gpufleet simulate` runs. It listens on
loopback only. Together answers under `/together/v1`, Shadeform under `/shadeform/v1`, the controls under `/_sim`
(`controls.py`). Any non-empty key will do except `wrong` (401) and `forbidden` (403); all keys share one account.

What happens by itself happens in cloud time, which runs `speed` times as fast as the machine's, or only when it is told
to. Every record carries its own future; the ledger keeps all that ever was. State is committed to SQLite before an
answer is sent, so that a killed simulator that is started again on the same file has lost nothing that was answered.
Fault rules and request counts are not state: they end with the process.

The clouds are written from the vendors' documents and share no code with the client: two witnesses, not one. What each
does not simulate stands in the first lines of its own package. Common to both: accounts, TLS, HTTP/2, compression,
real rate limits, and anything that a GPU would do.
"""

from gpufleet_provider.simulator.running import RunningSimulator, running
from gpufleet_provider.simulator.simulation import DEFAULT_SPEED, BadControl, Settings, Simulation
from gpufleet_provider.simulator.store import StateInUse

__all__ = ["DEFAULT_SPEED", "BadControl", "RunningSimulator", "Settings", "Simulation", "StateInUse", "running"]
