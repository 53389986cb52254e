"""What the clouds' catalogues have now: prices of machines, and whether what is to be created is offered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.shadeform.cluster_types import list_cluster_types

from pulumi_gpufleet.cli.accounts.running import clients, shown
from pulumi_gpufleet.cli.report.capacity import token_of
from pulumi_gpufleet.cli.report.previews import Preview
from pulumi_gpufleet.cli.report.risks import Risk, catalogue_of, catalogue_risks


class Catalogues:
    """The catalogues of the accounts whose keys are in the environment; each is read once."""

    def __init__(self) -> None:
        """Connect; raises MissingKey where no cloud has a key."""
        no_config: dict[str, str] = {}
        self._clients: dict[str, CloudClient] = {client.cloud.name: client for client in clients((), [no_config.get])}
        self._read: dict[str, Any] = {}

    def machine_cents(self) -> dict[tuple[str | None, str | None], int]:
        """Return the price in cents per hour of each type of machine in each region; raises CloudError."""
        client = self._clients.get("shadeform")
        found: dict[tuple[str | None, str | None], int] = {}
        for offer in list_cluster_types(client) if client is not None else ():
            if offer.availability is not None and offer.cluster_type is not None:
                price = offer.cluster_type.hourly_price
                if price is not None:
                    place = f"{offer.cloud} {offer.availability.region}"
                    found[place, offer.cluster_type.shade_instance_type] = price
        return found

    def risks(self, previews: Iterable[Preview]) -> list[list[Risk]]:
        """Return, for each preview, which of its creates and replacements are not offered; raises CloudError."""
        return [self._risks(preview) for preview in previews]

    def _risks(self, preview: Preview) -> list[Risk]:
        found: list[Risk] = []
        for step in preview.steps:
            token = token_of(step.type)
            client = self._clients.get(token.partition(":")[0]) if token else None
            if token is None or client is None or step.new is None or step.operation not in ("create", "replace"):
                continue
            if token not in self._read:
                self._read[token] = catalogue_of(token, client)
            found += catalogue_risks(token, shown(step.name), step.new.inputs, self._read[token])
        return found
