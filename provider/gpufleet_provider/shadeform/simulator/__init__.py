"""The simulated Shadeform: clusters, instances, SSH keys and volumes, and how they change over time.

Written from the vendor's documents alone; it shares no model and no code with the client. `switches.py` lists what the
documents leave open. Prices, durations and stock are made up, in `catalogue.py` and `provisioning.py`.

Sold out by default: `voltagepark` in `culpeper-usa-1` (listed as unavailable), `massedcompute` in `desmoines-usa-1` for
clusters (listed as available, refused at create), single A6000 of `hyperstack` in `norway-1`.

Not simulated: templates (a `template_id` is accepted and ignored), linked cloud accounts, e-mail alerts, spot
reclamation, containers and scripts on machines, the random order of unsorted types, rate limits (except as faults).
"""

from gpufleet_provider.shadeform.simulator.cloud import Shadeform as CLOUD

__all__ = ["CLOUD"]
