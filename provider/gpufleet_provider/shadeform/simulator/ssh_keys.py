"""The SSH keys of the simulated Shadeform: their routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from gpufleet_provider.shadeform.simulator.records import SshKey
from gpufleet_provider.shadeform.simulator.replies import ssh_key_reply
from gpufleet_provider.shadeform.simulator.requests import check_public_key, read_ssh_key
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.ledger import ledger_line
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply


class SshKeys(Store[SshKey, ShadeformSwitches]):
    """Every key; the account starts with one that Shadeform manages, the default."""

    record_type = SshKey

    def __init__(self, cloud: SimulatedCloud[ShadeformSwitches], ids_in_use: Callable[[], Iterable[str]]) -> None:
        super().__init__(cloud)
        self._ids_in_use = ids_in_use

    def load(self) -> None:
        """Load what an earlier run has saved, or create the managed key."""
        super().load()
        if not self.all:
            public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIManaged shadeform"
            self._create_record("Shadeform Managed Key", public_key, managed=True)

    def list(self, call: Call) -> Reply:
        """All keys."""
        return Reply.of({"ssh_keys": [ssh_key_reply(it, self.world.canary) for it in self.shown()]})

    def add(self, call: Call) -> Reply:
        """Names are unique in the account."""
        body = Body.of(call.body)
        fields = read_ssh_key(body)
        self.cloud.refuse_unknown(body)
        check_public_key(body, fields["public_key"])
        if any(key.name == fields["name"] for key in self.living.values()):
            raise Refusal(409, "name must be unique", "SSH_KEY_NAME_TAKEN")
        return Reply.of({"id": self._create_record(**fields).id})

    def info(self, call: Call) -> Reply:
        """One key."""
        return Reply.of(ssh_key_reply(self.find(call.params["id"]), self.world.canary))

    def set_default(self, call: Call) -> Reply:
        """The account has exactly one default key."""
        chosen = self.find(call.params["id"])
        for key in self.living.values():
            if key.is_default != (key is chosen):
                key.is_default = key is chosen
                self.touch(key)
        return Reply(200, b"")

    def delete(self, call: Call) -> Reply:
        """Refused for the managed key, the default, and a key in use."""
        key = self.find(call.params["id"])
        if key.is_managed:
            raise Refusal(409, "The Shadeform managed key cannot be deleted", "SSH_KEY_MANAGED")
        if key.is_default:
            raise Refusal(409, "The default key cannot be deleted", "SSH_KEY_DEFAULT")
        if key.id in self._ids_in_use():
            raise Refusal(409, "The key is in use", "SSH_KEY_IN_USE")
        self.end(key, "delete")
        return Reply(200, b"")

    def choose(self, key_id: str | None) -> SshKey:
        """The key with an id, or the account's default; raises `Refusal` if there is no such key."""
        if key_id is None:
            return next(key for key in self.living.values() if key.is_default)
        key = self.living.get(key_id)
        if key is None:
            raise Refusal(400, f"ssh_key_id {key_id!r} does not exist", "INVALID_SSH_KEY", "ssh_key_id")
        return key

    def ledger(self) -> list[dict[str, Any]]:
        """One line for each key that was ever created, except the managed one."""
        return [ledger_line(self.cloud.name, it, self.world.now) for it in self.all.values() if not it.is_managed]

    def _create_record(self, name: str, public_key: str, *, managed: bool = False) -> SshKey:
        stamp = self.world.stamp()
        key = SshKey(
            id=str(uuid4()),
            name=name,
            created=stamp,
            ready=stamp,
            public_key=public_key,
            is_default=managed,
            is_managed=managed,
        )
        return self.insert(key)
