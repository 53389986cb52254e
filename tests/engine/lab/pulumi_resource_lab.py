"""A provider plugin for tests: the package `lab`, whose every resource is a record in a folder.

It does what its inputs tell it: `zone` replaces, `name` replaces with the delete first, all else changes in place.
`fail` names a method that fails, or `partial` (a create or update that leaves a resource that is not ready), or `die`.
A create with `hold` waits until a file of that name exists, or until it is cancelled, which leaves a partial failure.
Every call becomes a line in `$LAB_FOLDER/calls.jsonl`.
"""

import json
import os
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import any_pb2, empty_pb2, json_format, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

FOLDER = Path(os.environ["LAB_FOLDER"])
KEPT = ("id", "status")


def as_dict(struct):
    return json_format.MessageToDict(struct)


def as_struct(value):
    struct = struct_pb2.Struct()
    struct.update(value)
    return struct


class Lab(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.cancelled = threading.Event()
        self.waiting = 0
        self.config = {}

    def log(self, method, request, **more):
        entry = {"method": method, "name": request.urn.rpartition("::")[2] if hasattr(request, "urn") else "", **more}
        with self.lock, (FOLDER / "calls.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def Handshake(self, request, context):
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request, context):
        news = as_dict(request.news)
        failures = []
        if news.get("endpoint") == "nowhere":
            failures = [provider_pb2.CheckFailure(property="endpoint", reason="there is nothing there")]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request, context):
        olds, news = as_dict(request.olds), as_dict(request.news)
        changed = [key for key in {*olds, *news} if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key == "region"]
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, replaces=replaces, diffs=changed)

    def Configure(self, request, context):
        self.config = as_dict(request.args)
        self.log("Configure", request, config=self.config)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, supportsPreview=True, acceptOutputs=False
        )

    def Check(self, request, context):
        news = as_dict(request.news)
        failures = []
        if "invalid" in news:
            failures = [provider_pb2.CheckFailure(property="invalid", reason="must not be there")]
        if news.get("fail") == "check-all":
            failures.append(provider_pb2.CheckFailure(property="", reason="nothing is right"))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request, context):
        olds, news = as_dict(request.old_inputs), as_dict(request.news)
        self.misbehave(news, "diff", context)
        changed = sorted(key for key in {*olds, *news} if olds.get(key) != news.get(key))
        changed = [key for key in changed if key not in request.ignoreChanges]
        replaces = [key for key in changed if key in ("zone", "name")]
        kinds = provider_pb2.PropertyDiff
        detailed = {
            key: kinds(
                kind=kinds.ADD if key not in olds else kinds.DELETE if key not in news else kinds.UPDATE, inputDiff=True
            )
            for key in changed
        }
        for key in replaces:
            detailed[key].kind = kinds.UPDATE_REPLACE
        self.log("Diff", request, changed=changed)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=replaces,
            diffs=changed,
            deleteBeforeReplace="name" in replaces,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request, context):
        inputs = as_dict(request.properties)
        if request.preview:
            outputs = {**inputs, "status": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
            return provider_pb2.CreateResponse(id="", properties=as_struct(outputs))
        self.log("Create", request, timeout=request.timeout, inputs=inputs)
        with self.lock:
            self.waiting += 1
        self.misbehave(inputs, "create", context)
        id_ = f"{request.urn.rpartition('::')[2]}-{time.time_ns()}"
        ready = self.hold(inputs)
        outputs = {
            **inputs,
            "id": id_,
            "status": "ready" if ready else "pending",
            "greeting": self.config.get("word", ""),
        }
        (FOLDER / f"{id_}.json").write_text(json.dumps(outputs))
        if inputs.get("fail") == "partial" or not ready:
            self.fail_partly(context, id_, outputs, inputs, ["not ready yet"] if ready else ["cancelled while waiting"])
        return provider_pb2.CreateResponse(id=id_, properties=as_struct(outputs))

    def Update(self, request, context):
        news = as_dict(request.news)
        olds = as_dict(request.olds)
        outputs = {**news, "id": request.id, "status": "ready", "greeting": olds.get("greeting", "")}
        if request.preview:
            return provider_pb2.UpdateResponse(properties=as_struct(outputs))
        self.log("Update", request, timeout=request.timeout, inputs=news)
        self.misbehave(news, "update", context)
        (FOLDER / f"{request.id}.json").write_text(json.dumps(outputs))
        if news.get("fail") == "partial":
            self.fail_partly(context, request.id, outputs, news, ["still not ready"])
        return provider_pb2.UpdateResponse(properties=as_struct(outputs))

    def Read(self, request, context):
        self.log("Read", request, id=request.id)
        path = FOLDER / f"{request.id}.json"
        if not path.exists():
            return provider_pb2.ReadResponse(id="")
        outputs = json.loads(path.read_text())
        if outputs.get("fail") == "read":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the cloud does not answer")
        inputs = {key: value for key, value in outputs.items() if key not in (*KEPT, "greeting")}
        return provider_pb2.ReadResponse(id=request.id, properties=as_struct(outputs), inputs=as_struct(inputs))

    def Delete(self, request, context):
        self.log("Delete", request, timeout=request.timeout)
        self.misbehave(as_dict(request.properties), "delete", context)
        (FOLDER / f"{request.id}.json").unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Invoke(self, request, context):
        args = as_dict(request.args)
        if "fail" in args:
            context.abort(grpc.StatusCode.UNKNOWN, "no answer to that")
        return provider_pb2.InvokeResponse(
            **{"return": as_struct({"echo": args.get("say", ""), "word": self.config.get("word", "")})}
        )

    def Cancel(self, request, context):
        self.cancelled.set()
        return empty_pb2.Empty()

    def misbehave(self, inputs, method, context):
        if inputs.get("fail") == "die" and method == "create":
            os._exit(9)
        if inputs.get("fail") == method:
            context.abort(grpc.StatusCode.UNKNOWN, f"the {method} failed, as it was told to")

    def hold(self, inputs):
        """Whether what the resource waits for came, before a cancellation did."""
        together = inputs.get("together")
        while together and not self.cancelled.is_set():
            with self.lock:
                if self.waiting >= together:
                    break
            time.sleep(0.01)
        name = inputs.get("hold")
        while name and not (FOLDER / name).exists():
            if self.cancelled.wait(0.02):
                return False
        return True

    def fail_partly(self, context, id_, outputs, inputs, reasons):
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=id_, properties=as_struct(outputs), inputs=as_struct(inputs), reasons=reasons
            )
        )
        status = status_pb2.Status(code=2, message="init failed", details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, "init failed")


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=300))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Lab(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    print("the lab is open", file=sys.stderr, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
