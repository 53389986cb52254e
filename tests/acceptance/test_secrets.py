"""Keys and kubeconfigs stand nowhere in the clear: no state, journal, output, event, pickle or process listing."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from gpufleet_provider.simulator import running

from .processes import Running, end_all, marked_environment, processes_of, stock_server_environment, wait_until
from .stacks import Stack
from .state_files import loaded

REPLY_CANARY = "CanaryThatACloudReplied"
KEY_CANARY = "CanaryThatIsAnApiKey"

PROGRAM = """
    train = together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND",
        num_gpus={gpus}, cuda_version="{cuda}", nvidia_driver_version="{driver}",
        shared_volume={{"volume_name": "data", "size_tib": 1, "region": "us-central-8"}}, confirm_data_loss=True)
    burst = shadeform.Cluster("burst", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8",
        num_instances=2)
    pulumi.export("kubeconfig", train.kube_config)
    pulumi.export("hint", train.kube_config.apply(lambda text: text[-90:]))
    pulumi.export("instances", burst.instances)
"""
FIRST = PROGRAM.format(gpus=8, cuda="12.6", driver="560")
UPDATED = PROGRAM.format(gpus=16, cuda="12.6", driver="560")
REPLACED = PROGRAM.format(gpus=16, cuda="12.8", driver="570")

LEAKY_WORDS = f"key {KEY_CANARY} refused; kube_config: {base64.b64encode(REPLY_CANARY.encode() * 8).decode()}"


def _shapes(canary: str) -> Generator[bytes]:
    """The canary as it is, and within base64 of anything, at each of the three alignments."""
    yield canary.encode()
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + canary.encode())
        # The first and the last group depend on what stands around.
        yield encoded[4:-4]


def canaries_in(data: bytes, *canaries: str) -> list[str]:
    return [canary for canary in canaries if any(shape in data for shape in _shapes(canary))]


class Watch:
    """Looks for canaries wherever a run could leave one."""

    def __init__(self, stack: Stack, key_is_secret: bool) -> None:
        self.stack = stack
        self.key_is_secret = key_is_secret
        self.command_lines: set[bytes] = set()
        self._over = threading.Event()

    def _listing(self) -> None:
        while not self._over.is_set():
            self.command_lines.update(processes_of(self.stack).values())
            time.sleep(0.05)

    @contextlib.contextmanager
    def process_listing(self) -> Iterator[None]:
        thread = threading.Thread(target=self._listing)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._over.clear()

    def run(self, *command: str, ends_well: bool | None = True) -> str:
        """Run a command and look everywhere."""
        with self.process_listing():
            run = self.stack.run(*command, "--stack", self.stack.name)
        if ends_well is not None:
            assert (run.exit_code == 0) is ends_well, run.output
        assert not canaries_in(run.output.encode(), REPLY_CANARY, KEY_CANARY), f"in the output of {command}"
        self.look()
        return run.output

    def look(self) -> None:
        """Look at every file of the project, and at every command line that was seen."""
        assert any(b"pulumi" in line for line in self.command_lines)
        for line in self.command_lines:
            assert not canaries_in(line, REPLY_CANARY, KEY_CANARY), line
        for path in self.stack.directory.rglob("*"):
            if not path.is_file():
                continue
            # A key that the user has put there in the clear stands in the config, and in its copies in the history.
            is_config = path.name == f"Pulumi.{self.stack.name}.yaml" or path.name.endswith(".history.json")
            # The Pulumi CLI writes it into the state as well.
            is_config = is_config or (self.stack.engine == "pulumi" and ".state" in path.parts)
            keys = [] if is_config and not self.key_is_secret else [KEY_CANARY]
            assert not canaries_in(path.read_bytes(), REPLY_CANARY, *keys), path
        for resource in loaded(self.stack):
            for bag in (resource.get("inputs", {}), resource.get("outputs", {})):
                if "__provider" in bag:
                    pickled = base64.b64decode(bag["__provider"])
                    assert len(bag["__provider"]) <= 200
                    assert not canaries_in(pickled, REPLY_CANARY, KEY_CANARY)


@pytest.fixture
def watch(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> Iterator[Watch]:
    with running(speed=1200, canary=REPLY_CANARY) as simulator:
        folder = tmp_path / "project"
        (folder / "tmp").mkdir(parents=True)
        # Whatever anybody writes to a temporary file is looked at as well.
        environment = {**marked_environment(), "TMPDIR": str(folder / "tmp")}
        if request.param == "secret, stock server":
            environment |= stock_server_environment()
        stack = Stack(folder, simulator, engine, environment).init()
        keys = ("together:apiKey", "shadeform:apiKey")
        key_is_secret = request.param != "plain"
        if key_is_secret:
            stack.configure(**dict.fromkeys(keys, ""))
            for key in keys:
                assert stack.run("config", "set", "--secret", key, KEY_CANARY, "--stack", stack.name).exit_code == 0
        else:
            stack.configure(**dict.fromkeys(keys, KEY_CANARY))
        yield Watch(stack, key_is_secret)
        end_all(stack)


UP = ("up", "--yes", "--skip-preview")


@pytest.mark.parametrize("watch", ["plain", "secret"], indirect=True)
def test_through_a_whole_life(watch: Watch) -> None:
    stack = watch.stack
    stack.write(FIRST)
    watch.run("preview", "--diff")
    watch.run(*UP)
    shown = stack.outputs(show_secrets=True)
    assert REPLY_CANARY in shown["kubeconfig"] and REPLY_CANARY in shown["hint"], "the canary was never there"
    watch.run("stack", "output", "--json")
    watch.run("stack", "export")
    stack.write(UPDATED)
    watch.run("preview", "--json")
    watch.run(*UP, "--json")
    stack.write(REPLACED)
    watch.run("preview", "--diff")
    watch.run(*UP, "--diff")
    watch.run("refresh", "--yes", "--skip-preview", "--json")
    watch.run("destroy", "--yes", "--skip-preview", "--json")
    assert stack.live_clusters() == []


@pytest.mark.parametrize(
    "watch", ["plain", pytest.param("secret, stock server", marks=pytest.mark.slow)], indirect=True
)
def test_through_failures(watch: Watch) -> None:
    stack, fault = watch.stack, watch.stack.simulator.fault
    leaks = {"error": {"message": LEAKY_WORDS, "code": "leak"}}
    stack.write(FIRST)
    fault("status", method="POST", status=400, body=leaks, times=0)
    output = watch.run(*UP, ends_well=False)
    assert "400" in output
    stack.simulator.clear_faults()
    fault("status", method="GET", status=401, body=LEAKY_WORDS, times=0)
    assert "401" in watch.run(*UP, "--json", ends_well=False)
    stack.simulator.clear_faults()
    fault("provisioning_failed", cloud="shadeform", times=1)
    watch.run(*UP, ends_well=False)
    watch.run("preview", "--diff", "--json")
    watch.run(*UP)
    stack.write(UPDATED)
    fault("status", method="PUT", status=409, body=leaks, times=0)
    watch.run(*UP, "--diff", ends_well=False)
    stack.simulator.clear_faults()
    fault("truncated", method="GET", times=1)
    fault("garbage", method="GET", times=1)
    watch.run("refresh", "--yes", "--skip-preview", "--json", ends_well=None)
    fault("status", method="DELETE", status=403, body=leaks, times=1)
    watch.run("destroy", "--yes", "--skip-preview", ends_well=False)
    stack.simulator.clear_faults()
    watch.run("destroy", "--yes", "--skip-preview")
    assert stack.live_clusters() == []


@pytest.mark.parametrize("watch", ["plain", "secret"], indirect=True)
def test_in_what_a_killed_run_leaves(watch: Watch) -> None:
    stack = watch.stack
    stack.write(FIRST)
    # One cluster is ready and in the journal, secrets and all, while the other never comes.
    stack.simulator.fault("stuck", cloud="shadeform")
    killed = Running(stack, *UP, "--stack", stack.name)
    with watch.process_listing():
        assert wait_until(lambda: "Cluster train created" in killed.output), killed.output
    killed.end()
    killed.wait()
    journals = list(stack.directory.rglob("*.journal"))
    assert stack.engine != "embedded" or [path for path in journals if b"kube_config" in path.read_bytes()]
    watch.look()
    stack.simulator.clear_faults()
    stack.run("cancel", "--yes", "--stack", stack.name)
    assert any(it["type"].endswith("together:Cluster") for it in loaded(stack))
    for cluster in stack.live_clusters():
        if cluster["cloud"] == "shadeform":
            stack.simulator.intervene(cluster["id"], "vanish")
    watch.run(*UP)
    watch.run("destroy", "--yes", "--skip-preview")


def test_the_looking_finds_what_there_is() -> None:
    document = json.dumps({"text": base64.b64encode(f"apiVersion: {REPLY_CANARY}".encode()).decode()}).encode()
    assert canaries_in(document, REPLY_CANARY, KEY_CANARY) == [REPLY_CANARY]
    assert canaries_in(re.sub(rb"[a-z]", b"_", document), REPLY_CANARY) == []
