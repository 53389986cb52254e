"""SSH keys of the simulated Shadeform."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from gpufleet_provider.shadeform.simulator.records import SshKey
from gpufleet_provider.shadeform.simulator.replies import ssh_key_reply
from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.simulator.world import SimulatedCloud

_KEY_TYPES = ("ssh-rsa", "ssh-ed25519", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


class SshKeys:
    """Every key by id; the account begins with one that Shadeform manages, the default."""

    def __init__(self, cloud: SimulatedCloud, ids_in_use: Callable[[], Iterable[str]]) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._ids_in_use = ids_in_use
        self.all: dict[str, SshKey] = {}

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(SshKey, self._cloud)
        if not self.all:
            self._add("Shadeform Managed Key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIManaged shadeform", managed=True)

    def list(self, call: Call) -> Reply:
        """All keys."""
        return Reply.of({"ssh_keys": [ssh_key_reply(it, self._world.canary) for it in self._living()]})

    def add(self, call: Call) -> Reply:
        """Names are unique in the account."""
        body = Body.of(call.body)
        name, public_key = body.need_text("name"), body.need_text("public_key")
        self._cloud.refuse_unknown(body)
        if not public_key.startswith(_KEY_TYPES) or len(public_key.split()) < 2:
            raise body.bad("public_key", "is not an OpenSSH public key")
        if any(key.name == name for key in self._living()):
            raise Refusal(409, "name must be unique", "SSH_KEY_NAME_TAKEN")
        return Reply.of({"id": self._add(name, public_key).id})

    def info(self, call: Call) -> Reply:
        """One key."""
        return Reply.of(ssh_key_reply(self._find(call.params["id"]), self._world.canary))

    def set_default(self, call: Call) -> Reply:
        """There is always exactly one."""
        chosen = self._find(call.params["id"])
        for key in self._living():
            if key.is_default != (key is chosen):
                key.is_default = key is chosen
                self._world.touch(self._cloud, key)
        return Reply(200, b"")

    def delete(self, call: Call) -> Reply:
        """Not the managed one, not the default, none that is in use."""
        key = self._find(call.params["id"])
        if key.is_managed:
            raise Refusal(409, "The Shadeform managed key cannot be deleted", "SSH_KEY_MANAGED")
        if key.is_default:
            raise Refusal(409, "The default key cannot be deleted", "SSH_KEY_DEFAULT")
        if key.id in self._ids_in_use():
            raise Refusal(409, "The key is in use", "SSH_KEY_IN_USE")
        self.end(key, "delete")
        return Reply(200, b"")

    def choose(self, key_id: str | None) -> SshKey:
        """The key of a machine: the one asked for, or the account's default."""
        if key_id is None:
            return next(key for key in self._living() if key.is_default)
        key = self.all.get(key_id)
        if key is None or key.gone is not None:
            raise Refusal(400, f"ssh_key_id {key_id!r} does not exist", "INVALID_SSH_KEY", "ssh_key_id")
        return key

    def end(self, key: SshKey, reason: str) -> None:
        """It is no more."""
        key.gone = self._world.stamp()
        key.gone_because = reason
        self._world.touch(self._cloud, key)

    def ledger(self) -> list[dict[str, Any]]:
        """Every key that ever was, but the managed one."""
        now = self._world.now
        return [entry(self._cloud.name, it, "active", now) for it in self.all.values() if not it.is_managed]

    def _living(self) -> list[SshKey]:
        return [key for key in self.all.values() if key.gone is None]

    def _find(self, key_id: str) -> SshKey:
        key = self.all.get(key_id)
        if key is None or key.gone is not None:
            raise Refusal(404, f"ssh key {key_id} not found", "NOT_FOUND")
        return key

    def _add(self, name: str, public_key: str, *, managed: bool = False) -> SshKey:
        stamp = self._world.stamp()
        key = SshKey(
            id=str(uuid4()),
            name=name,
            created=stamp,
            ready=stamp,
            public_key=public_key,
            is_default=managed,
            is_managed=managed,
        )
        self.all[key.id] = key
        self._world.touch(self._cloud, key)
        return key
