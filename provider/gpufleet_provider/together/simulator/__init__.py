"""The simulated Together: every route of its cluster API, its errors, and how its resources change over time.

Written from the vendor's documents alone; it shares no model and no code with the client. `switches.py` lists what the
documents leave open. Prices, durations and stock are made up, in `catalogue.py` and `provisioning.py`.

Sold out by default: region `us-west-2`, and B300_SXM in `us-east-1`.

Not simulated: `/v3/whoami`, projects, billing usage, key-based SSH and its key store, quotas, rate limits (except as
faults), capacity pools as objects (any id is accepted, with any number of GPUs), slurm images and start-up scripts
(accepted, not run), and workloads: nobody uses the GPUs, so the autoscaler only moves when
`/_sim/clusters/{id}/autoscale` says so.
"""

from gpufleet_provider.together.simulator.cloud import Together as CLOUD

__all__ = ["CLOUD"]
