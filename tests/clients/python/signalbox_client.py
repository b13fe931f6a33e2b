"""The server as a child process, and stock gRPC stubs for it."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("SIGNALBOX_BIN", ROOT / "target" / "debug" / "signalbox"))

sys.path.insert(0, str(ROOT / "proto"))
classifier_pb, classifier_services = grpc.protos_and_services("signalbox/v1/classifier_service.proto")
feedback_pb, feedback_services = grpc.protos_and_services("signalbox/v1/feedback_service.proto")
policy_pb, policy_services = grpc.protos_and_services("signalbox/v1/policy_service.proto")
taxonomy_pb, taxonomy_services = grpc.protos_and_services("signalbox/v1/taxonomy_service.proto")
model_pb, model_services = grpc.protos_and_services("signalbox/v1/model_service.proto")
server_pb, server_services = grpc.protos_and_services("signalbox/v1/server_service.proto")
error_pb = grpc.protos("signalbox/v1/error.proto")
message_pb = grpc.protos("signalbox/v1/message.proto")
triage_pb = grpc.protos("signalbox/v1/triage.proto")

SERVICES = (
    "inference.GRPCInferenceService",
    "signalbox.v1.ClassifierService",
    "signalbox.v1.FeedbackService",
    "signalbox.v1.ModelService",
    "signalbox.v1.PolicyService",
    "signalbox.v1.ServerService",
    "signalbox.v1.TaxonomyService",
)
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# Settings of whoever runs the tests must not reach the server.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}

# A debug build needs a while for its model; nothing waits that long when all is well.
START_TIMEOUT_S = 120.0
CALL_TIMEOUT_S = 60.0
# A busy machine leaves the mood of a conversation out rather than keep a reply waiting; tests wait.
PATIENT = ("--set", 'thread.max_wait="30s"')


def wait_until(condition, timeout_s: float, what: str):
    """Polls until `condition` returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.02)


class Server:
    """One running `signalbox serve`."""

    def __init__(self, folder: pathlib.Path, *flags: str, listen: str = "127.0.0.1:0") -> None:
        self.log_path = folder / "signalbox.log"
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        command = [str(BINARY), "serve", "--listen", listen, "--port-file", str(port_file), *flags]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT
            )
        try:
            self.address = wait_until(lambda: self._read_address(port_file), START_TIMEOUT_S, "listening")
        except BaseException:
            self.kill()
            raise

    def _read_address(self, port_file: pathlib.Path) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"server ended with {self.process.returncode}: {self.log()}")
        line = port_file.read_text() if port_file.exists() else ""
        return line.strip() if line.endswith("\n") else None

    def channel(self, *options: tuple[str, object]) -> grpc.Channel:
        """Opens a connection of its own; the largest replies are raw outputs of whole batches."""
        defaults = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
        return grpc.insecure_channel(self.address, options=(*defaults, *options))

    def wait_serving(self) -> None:
        """Waits until health says SERVING."""
        with self.channel() as channel:
            health = health_pb2_grpc.HealthStub(channel)

            def serving() -> bool:
                assert self.process.poll() is None, self.log()
                request = health_pb2.HealthCheckRequest()
                return health.Check(request, timeout=5, wait_for_ready=True).status == SERVING

            wait_until(serving, START_TIMEOUT_S, "SERVING")

    def log(self) -> str:
        """Returns the end of the server's log."""
        return self.log_path.read_text(errors="replace")[-4000:]

    def terminate(self) -> None:
        """Asks the server to stop, as an orchestrator does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Waits for the end and returns the exit status."""
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """Stops the server at once, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Client:
    """Stubs of every service on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.classifier = classifier_services.ClassifierServiceStub(channel)
        self.feedback = feedback_services.FeedbackServiceStub(channel)
        self.models = model_services.ModelServiceStub(channel)
        self.policies = policy_services.PolicyServiceStub(channel)
        self.server = server_services.ServerServiceStub(channel)
        self.taxonomies = taxonomy_services.TaxonomyServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def classify(self, text: str = "", *, timeout: float = CALL_TIMEOUT_S, **fields):
        """Classifies one message."""
        return self.classifier.Classify(request(text, **fields), timeout=timeout)

    def classify_batch(self, requests, *, timeout: float = CALL_TIMEOUT_S):
        """Classifies many messages in one call."""
        batch = classifier_pb.ClassifyBatchRequest(requests=requests)
        return self.classifier.ClassifyBatch(batch, timeout=timeout)

    def classify_stream(self, requests, *, timeout: float = CALL_TIMEOUT_S):
        """Opens a stream; `requests` may be endless."""
        items = (classifier_pb.ClassifyStreamRequest(request=item) for item in requests)
        return self.classifier.ClassifyStream(items, timeout=timeout)

    def list_policies(self):
        """Returns the policies in force, and the files that were refused."""
        return self.policies.ListPolicies(policy_pb.ListPoliciesRequest(), timeout=CALL_TIMEOUT_S)

    def get_policy(self, tenant: str = ""):
        """Returns the policy that decides for a tenant, with its text."""
        return self.policies.GetPolicy(policy_pb.GetPolicyRequest(tenant=tenant), timeout=CALL_TIMEOUT_S)

    def get_taxonomy(self, **fields):
        """Returns the labels of a model."""
        asked = taxonomy_pb.GetTaxonomyRequest(**fields)
        return self.taxonomies.GetTaxonomy(asked, timeout=CALL_TIMEOUT_S)

    def counters(self):
        """Returns what became of every message so far."""
        return self.server.GetStatus(server_pb.GetStatusRequest(), timeout=CALL_TIMEOUT_S).counters

    def limits(self):
        """Returns the limits in force."""
        return self.server.GetStatus(server_pb.GetStatusRequest(), timeout=CALL_TIMEOUT_S).limits


def run(*arguments: object, stdin: str = "", timeout_s: float = START_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    command = [str(BINARY), *map(str, arguments)]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout_s, env=ENVIRONMENT
    )


def timestamp(text: str) -> Timestamp:
    """Makes a point in time of RFC 3339."""
    made = Timestamp()
    made.FromJsonString(text)
    return made


def request(text: str = "", **fields):
    """Makes a `ClassifyRequest`."""
    return classifier_pb.ClassifyRequest(text=text, **fields)


def options(**fields):
    """Makes `ClassifyOptions`."""
    return message_pb.ClassifyOptions(**fields)


def detail(error: grpc.RpcError, kind: type[Message]) -> Message:
    """Returns the detail of this kind from `grpc-status-details-bin`."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no grpc-status-details-bin: {error}"
    assert status.code == error.code().value[0]
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    raise AssertionError(f"no {kind.DESCRIPTOR.full_name} in {status}")


def violations(error: grpc.RpcError) -> dict[str, str]:
    """Returns field → description of the `BadRequest` that an INVALID_ARGUMENT carries."""
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    found = detail(error, error_details_pb2.BadRequest).field_violations
    return {violation.field: violation.description for violation in found}
