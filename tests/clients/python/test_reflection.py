"""Server reflection: a client that knows nothing can call everything."""

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from signalbox_client import SERVICES

# The two versions have the same messages; only the name of the service differs.
VERSIONS = "grpc.reflection.v1", "grpc.reflection.v1alpha"


def test_every_service_is_listed(client):
    database = ProtoReflectionDescriptorDatabase(client.channel)

    assert set(database.get_services()) >= {*SERVICES, "grpc.health.v1.Health"}


def test_both_versions_find_the_file_of_a_symbol(client):
    for version in VERSIONS:
        call = client.channel.stream_stream(
            f"/{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol="signalbox.v1.ClassifierService")

        (reply,) = call(iter([asked]), timeout=30)

        assert reply.file_descriptor_response.file_descriptor_proto, version


def test_an_unknown_symbol_is_not_found(client):
    """The protocol puts this error into the reply; the server's library ends the call with it instead."""
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Symbol")

    try:
        (reply,) = stub.ServerReflectionInfo(iter([asked]), timeout=30)
        code = reply.error_response.error_code
    except grpc.RpcError as error:
        code = error.code().value[0]

    assert code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_call_can_be_made_from_reflection_alone(client):
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(client.channel))

    method = pool.FindServiceByName("signalbox.v1.ClassifierService").FindMethodByName("Classify")
    request_class = message_factory.GetMessageClass(method.input_type)
    response_class = message_factory.GetMessageClass(method.output_type)
    call = client.channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=response_class.FromString,
    )

    assert call(request_class(text="Where is my order?"), timeout=30).primary_intent.name == "order.status"
