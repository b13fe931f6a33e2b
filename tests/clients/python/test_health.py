"""grpc.health.v1, as load balancers and orchestrators ask."""

import grpc
import pytest
from grpc_health.v1 import health_pb2

from signalbox_client import SERVICES, SERVING


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_a_warm_server_serves(client, service):
    request = health_pb2.HealthCheckRequest(service=service)
    watch = client.health.Watch(request, timeout=30)

    assert client.health.Check(request, timeout=30).status == SERVING
    assert next(watch).status == SERVING
    watch.cancel()


def test_an_unknown_service_is_not_found(client):
    request = health_pb2.HealthCheckRequest(service="no.such.Service")

    with pytest.raises(grpc.RpcError) as missing:
        client.health.Check(request, timeout=30)

    assert missing.value.code() == grpc.StatusCode.NOT_FOUND


def test_watching_an_unknown_service_says_so_and_stays_open(client):
    request = health_pb2.HealthCheckRequest(service="no.such.Service")
    watch = client.health.Watch(request, timeout=30)

    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    assert watch.is_active()
    watch.cancel()
