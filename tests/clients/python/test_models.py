"""ModelService: what is loaded."""

import grpc
import pytest
from google.rpc import error_details_pb2

from invariants import DIGEST
from signalbox_client import detail, model_pb

EVERY_HEAD = {
    "primary": "single_label",
    "intent": "multi_label",
    "polarity": "ordinal",
    "flags": "multi_label",
}


def test_the_default_model_is_listed_first_and_ready(client):
    models = client.models.ListModels(model_pb.ListModelsRequest()).models

    assert models[0].is_default
    assert [model.is_default for model in models].count(True) == 1
    assert {model.state for model in models} == {model_pb.MODEL_STATE_READY}


def test_a_model_is_described_in_full(client):
    model = client.models.GetModel(model_pb.GetModelRequest()).model

    assert model.is_default and model.name and model.version and model.architecture
    assert {head.name: head.kind for head in model.heads} == EVERY_HEAD
    for head in model.heads:
        assert head.labels and len(set(head.labels)) == len(head.labels)
        assert head.temperature > 0
        assert len(head.thresholds) == (len(head.labels) if head.kind == "multi_label" else 0)
        assert all(0.0 <= threshold <= 1.0 for threshold in head.thresholds)
    assert {"en", "de", "tr", "ja", "zh"} <= set(model.languages)
    assert model.max_tokens > 0
    assert model.pooling in ("mean", "cls", "pooler")
    for name in ("model", "weights", "tokenizer", "config", "taxonomy"):
        assert DIGEST.fullmatch(getattr(model.digests, name)), name
    assert model.engine.name and model.engine.device == "cpu" and model.engine.compute_type
    assert model.engine.instances > 0 and model.engine.max_batch_tokens > 0
    assert model.parameter_count > 0 and model.weights_bytes > 0


def test_a_model_is_found_by_name_and_version(client):
    listed = client.models.ListModels(model_pb.ListModelsRequest()).models

    for model in listed:
        asked = model_pb.GetModelRequest(name=model.name, version=model.version)
        assert client.models.GetModel(asked).model == model


@pytest.mark.parametrize("fields", [{"name": "no-such-model"}, {"version": "no-such-version"}])
def test_an_unknown_model_is_not_found(client, fields):
    with pytest.raises(grpc.RpcError) as missing:
        client.models.GetModel(model_pb.GetModelRequest(**fields))

    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    resource = detail(missing.value, error_details_pb2.ResourceInfo)
    assert resource.resource_type
    assert next(iter(fields.values())) in resource.resource_name
