"""The Open Inference Protocol, through Triton's own client."""

import json
import queue
import shutil

import numpy as np
import pytest
import tritonclient.grpc as triton
from google.protobuf import descriptor_pb2, json_format
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import model_config_pb2, service_pb2
from tritonclient.utils import InferenceServerException

from signalbox_client import CALL_TIMEOUT_S, ROOT, Client, classifier_pb

SERVICE = "inference.GRPCInferenceService"
TEXTS = ["Where is my order 48213?", "Das ist eine Frechheit, ich will mein Geld zurück!"]
HEADS = {"primary", "intent", "polarity", "flags"}
TINY = ROOT / "tests" / "fixtures" / "tiny-bert-multihead"


@pytest.fixture
def client(server):
    """Triton's client on the shared server."""
    with triton.InferenceServerClient(server.address) as connected:
        yield connected


@pytest.fixture
def model(client):
    """Name of the default model."""
    return next(entry.name for entry in client.get_model_repository_index().models if entry.state == "READY")


def tensor(values, name="TEXT", shape=None):
    """Makes a BYTES input of shape [n, 1]."""
    array = np.array([value.encode() for value in values], dtype=np.object_).reshape(shape or (len(values), 1))
    made = triton.InferInput(name, array.shape, "BYTES")
    made.set_data_from_numpy(array)
    return made


def outputs(*names, **options):
    """Asks for outputs by name."""
    return [triton.InferRequestedOutput(name, **options) for name in names]


def labels_of(client, model, head):
    """Returns the labels of a head in the order of its outputs."""
    config = client.get_model_config(model).config
    return json.loads(config.parameters[f"{head}.labels"].string_value)


def test_the_server_is_live_and_ready_and_says_what_it_is(client, model):
    metadata = client.get_server_metadata()

    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(model)
    assert not client.is_model_ready("no-such-model") and not client.is_model_ready(model, "0")
    assert metadata.name == "signalbox" and metadata.version
    assert {"classification", "model_repository", "statistics"} <= set(metadata.extensions)


def test_metadata_and_configuration_agree(client, model):
    metadata = client.get_model_metadata(model)
    config = client.get_model_config(model, as_json=True)["config"]

    assert (metadata.name, metadata.platform) == (model, "signalbox")
    assert metadata.versions
    assert [tensor.name for tensor in metadata.inputs] == [tensor["name"] for tensor in config["input"]]
    assert {f"{head}_probabilities" for head in HEADS} <= {tensor.name for tensor in metadata.outputs}
    for head in HEADS:
        (described,) = [tensor for tensor in metadata.outputs if tensor.name == f"{head}_logits"]
        assert list(described.shape) == [-1, len(labels_of(client, model, head))]
    assert config["max_batch_size"] > 1
    assert "optional" not in config["input"][0] and all(tensor["optional"] for tensor in config["input"][1:])
    thresholds = json.loads(config["parameters"]["flags.thresholds"]["string_value"])
    assert len(thresholds) == len(labels_of(client, model, "flags"))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_probabilities_are_those_of_the_native_api(server, client, model, shape):
    result = client.infer(model, [tensor(TEXTS, shape=shape)], request_id="r1")

    reply = result.get_response()
    assert (reply.id, reply.model_name) == ("r1", model)
    assert {output.name for output in reply.outputs} == {f"{head}_probabilities" for head in HEADS}
    primary = result.as_numpy("primary_probabilities")
    assert primary.shape == (2, len(labels_of(client, model, "primary"))) and primary.dtype == np.float32
    np.testing.assert_allclose(primary.sum(axis=1), 1.0, atol=1e-4)
    with server.channel() as channel:
        for row, text in enumerate(TEXTS):
            native = Client(channel).classify(text)
            steps = [step.probability for step in native.polarity.probabilities]
            np.testing.assert_allclose(result.as_numpy("polarity_probabilities")[row], steps, atol=1e-6)
            flags = [flag.probability for flag in native.flags]
            np.testing.assert_allclose(result.as_numpy("flags_probabilities")[row], flags, atol=1e-6)
            leading = labels_of(client, model, "primary")[primary[row].argmax()]
            assert leading == native.primary_intent.name


def test_the_native_reply_comes_along(client, model):
    inputs = [tensor(TEXTS), tensor(["chat", "email"], "CHANNEL"), tensor(["", "Order 55-1"], "SUBJECT")]

    result = client.infer(model, inputs, outputs=outputs("RESPONSE", "ABSTENTION"))

    replies = [json_format.Parse(row[0], classifier_pb.ClassifyResponse()) for row in result.as_numpy("RESPONSE")]
    assert [reply.language.tag for reply in replies] == ["en", "de"]
    assert replies[0].entities[0].value == "48213"
    assert all(reply.routing.queue and reply.primary_intent.name for reply in replies)
    assert result.as_numpy("ABSTENTION").shape == (2, 1)


def test_classification_names_the_best_labels(client, model):
    asked = outputs("primary_probabilities", class_count=3)

    best = client.infer(model, [tensor(TEXTS)], outputs=asked).as_numpy("primary_probabilities")
    values = client.infer(model, [tensor(TEXTS)]).as_numpy("primary_probabilities")

    assert best.shape == (2, 3)
    for row, expected in zip(best, values, strict=True):
        fields = [entry.decode().split(":") for entry in row]
        positions = [int(position) for _, position, _ in fields]
        assert positions == sorted(range(len(expected)), key=lambda index: (-expected[index], index))[:3]
        assert [label for *_, label in fields] == [labels_of(client, model, "primary")[index] for index in positions]
        for value, position, _ in fields:
            assert float(value) == pytest.approx(expected[int(position)], abs=1e-6)


def test_calls_run_side_by_side(client, model):
    done = queue.Queue()
    for number in range(8):
        client.async_infer(
            model,
            [tensor(TEXTS[: 1 + number % 2])],
            callback=lambda result, error: done.put((result, error)),
            request_id=str(number),
        )

    answers = [done.get(timeout=CALL_TIMEOUT_S) for _ in range(8)]

    assert all(error is None for _, error in answers)
    assert {result.get_response().id for result, _ in answers} == {str(number) for number in range(8)}


def test_a_stream_answers_in_order_and_outlives_a_bad_request(client, model):
    done = queue.Queue()
    client.start_stream(callback=lambda result, error: done.put((result, error)))
    for number in range(10):
        name = "TEXT" if number != 4 else "TXET"
        client.async_stream_infer(
            model, [tensor(TEXTS, name)], request_id=str(number), enable_empty_final_response=True
        )
    answers = [done.get(timeout=CALL_TIMEOUT_S) for _ in range(10)]
    client.stop_stream()

    for number, (result, error) in enumerate(answers):
        if number == 4:
            assert result is None and '"TXET", known are TEXT' in error.message()
        else:
            reply = result.get_response()
            assert reply.id == str(number) and error is None
            assert reply.parameters["triton_final_response"].bool_param


def test_priority_and_timeout_are_taken(client, model):
    for priority in (0, 1, 2):
        client.infer(model, [tensor(TEXTS)], priority=priority, timeout=60_000_000)

    assert_refused(
        lambda: client.infer(model, [tensor(TEXTS)], priority=3),
        "INVALID_ARGUMENT",
        "parameters.priority is 3, must lie between 0 and 2",
    )
    assert_refused(lambda: client.infer(model, [tensor(TEXTS)], timeout=1), "DEADLINE_EXCEEDED", "deadline")


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_requests_may_be_compressed(client, model, algorithm):
    plain = client.infer(model, [tensor(TEXTS)])

    packed = client.infer(model, [tensor(TEXTS)], compression_algorithm=algorithm)

    for head in HEADS:
        name = f"{head}_probabilities"
        np.testing.assert_allclose(packed.as_numpy(name), plain.as_numpy(name), atol=1e-6)


def too_many(client):
    """Makes one message more than a request may bring."""
    return [tensor(["hello"] * (client.get_model_config("").config.max_batch_size + 1))]


REFUSED = {
    "no such model": (lambda client, _: client.infer("none", [tensor(TEXTS)]), "NOT_FOUND", '"none"'),
    "no such version": (lambda client, model: client.infer(model, [tensor(TEXTS)], "7"), "NOT_FOUND", '"7"'),
    "too many messages": (
        lambda client, model: client.infer(model, too_many(client)),
        "INVALID_ARGUMENT",
        "TEXT has 1025 items, at most 1024 are accepted",
    ),
    "too long a message": (
        lambda client, model: client.infer(model, [tensor(["fine", "a" * 65_537])]),
        "INVALID_ARGUMENT",
        "TEXT[1] has 65537 characters, at most 65536 are accepted",
    ),
    "no such output": (
        lambda client, model: client.infer(model, [tensor(TEXTS)], outputs=outputs("logits")),
        "INVALID_ARGUMENT",
        'outputs[0].name is "logits", known are primary_probabilities',
    ),
    "no texts": (
        lambda client, model: client.infer(model, [tensor(["de"], "LANGUAGE")]),
        "INVALID_ARGUMENT",
        "TEXT is missing",
    ),
    "shared memory": (
        lambda client, _: client.get_system_shared_memory_status(),
        "UNIMPLEMENTED",
        "not in shared memory",
    ),
    "log settings": (lambda client, _: client.get_log_settings(), "UNIMPLEMENTED", "log"),
    "loading without leave": (
        lambda client, model: client.load_model(model),
        "PERMISSION_DENIED",
        "models.allow_control is false",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_error_says_what_is_wrong(client, model, case):
    call, code, message = REFUSED[case]

    assert_refused(lambda: call(client, model), code, message)


def assert_refused(call, code: str, message: str) -> None:
    """Checks how a call fails."""
    with pytest.raises(InferenceServerException) as refused:
        call()
    assert refused.value.status() == f"StatusCode.{code}"
    assert message in refused.value.message()


def test_statistics_grow_with_the_messages(client, model):
    def counted():
        (statistics,) = client.get_inference_statistics(model).model_stats
        return statistics

    before = counted()
    client.infer(model, [tensor(TEXTS * 3)])
    after = counted()

    assert after.inference_count - before.inference_count == 6
    assert after.inference_stats.success.count == after.inference_count
    for stage in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert getattr(after.inference_stats, stage).ns > getattr(before.inference_stats, stage).ns, stage
    assert after.last_inference >= before.last_inference > 0


def test_models_are_loaded_and_unloaded(start_server, tmp_path):
    repository = tmp_path / "models"
    for name in ("first", "second"):
        shutil.copytree(TINY, repository / name / "1")
    settings = (f'models.repository="{repository}"', "models.allow_control=true", 'models.default="first"')
    running = start_server(*(flag for setting in settings for flag in ("--set", setting)))
    with triton.InferenceServerClient(running.address) as client:
        client.unload_model("second")
        unloaded = client.is_model_ready("second")
        client.load_model("second")

        index = {entry.name: entry.state for entry in client.get_model_repository_index().models}
        assert not unloaded and index == {"first": "READY", "second": "READY"}
        assert client.infer("second", [tensor(TEXTS)]).get_response().model_version == "1"
        assert_refused(lambda: client.unload_model("first"), "FAILED_PRECONDITION", "default model")
        assert_refused(lambda: client.load_model("third"), "NOT_FOUND", "third")
        assert_refused(lambda: client.load_model("first", config="{}"), "INVALID_ARGUMENT", '"config"')


def messages_of(file):
    """Returns every message and enum of a file by its full name, nested ones as well."""
    found = {}

    def add(prefix, message):
        found[f"{prefix}.{message.name}"] = message
        for nested in (*message.nested_type, *message.enum_type):
            if isinstance(nested, descriptor_pb2.DescriptorProto):
                add(f"{prefix}.{message.name}", nested)
            else:
                found[f"{prefix}.{message.name}.{nested.name}"] = nested

    for message in file.message_type:
        add(file.package, message)
    for enum in file.enum_type:
        found[f"{file.package}.{enum.name}"] = enum
    return found


def methods_of(file):
    """Returns what each method of a file takes and gives."""
    return {
        method.name: (method.input_type, method.output_type, method.client_streaming, method.server_streaming)
        for service in file.service
        for method in service.method
    }


def test_every_definition_is_tritons(server):
    """Names, numbers, types and labels of what is declared are those that the client was compiled from."""
    theirs, methods = {}, {}
    for module in (service_pb2, model_config_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        theirs |= messages_of(file)
        methods |= methods_of(file)
    with server.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        service_file = database.FindFileContainingSymbol(SERVICE)
        config_file = database.FindFileContainingSymbol("inference.ModelConfig")

    ours = messages_of(service_file) | messages_of(config_file)
    assert methods_of(service_file) == methods
    assert set(ours) <= set(theirs)
    for name, message in ours.items():
        if isinstance(message, descriptor_pb2.EnumDescriptorProto):
            values = [(value.name, value.number) for value in message.value]
            assert values == [(value.name, value.number) for value in theirs[name].value]
            continue
        fields = {field.number: field for field in theirs[name].field}
        for field in message.field:
            other = fields[field.number]
            assert (field.name, field.type, field.type_name, field.label) == (
                other.name,
                other.type,
                other.type_name,
                other.label,
            ), name
            assert field.HasField("oneof_index") == other.HasField("oneof_index"), name
    complete = set(messages_of(service_file))
    assert all(len(ours[name].field) == len(theirs[name].field) for name in complete)
