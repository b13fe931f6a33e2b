"""A repository of models: versions come, go and are labelled while the server answers."""

import pathlib
import shutil
import threading

import grpc
import pytest

from signalbox_client import ROOT, Client, model_pb, violations, wait_until

TINY = ROOT / "tests/fixtures/tiny-bert-multihead"
READY = model_pb.MODEL_VERSION_STATE_READY


def add(repository: pathlib.Path, version: str) -> None:
    """Puts a version of the model "shop" in place at once."""
    part = repository / "shop" / f".{version}"
    shutil.copytree(TINY, part)
    part.rename(repository / "shop" / version)


def settings(repository: pathlib.Path, *more: str) -> list[str]:
    """Flags of a server that serves a repository and lets calls change it."""
    given = (f'models.repository="{repository}"', "models.allow_control=true", 'models.quiet_period="0s"', *more)
    return [part for setting in given for part in ("--set", setting)]


def states(client: Client) -> dict[str, int]:
    """Where each version of the model stands."""
    versions = client.models.ListModelVersions(model_pb.ListModelVersionsRequest(name="shop")).versions
    return {version.version: version.state for version in versions}


def answered_by(client: Client, **fields) -> str:
    """Which version answers a message."""
    return client.classify("Where is my order?", **fields).revisions.model_version


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "models"
    (folder / "shop").mkdir(parents=True)
    add(folder, "1")
    return folder


def test_versions_are_loaded_labelled_and_unloaded_by_call(start_server, repository):
    with start_server(*settings(repository)).channel() as channel:
        client = Client(channel)
        assert answered_by(client) == "1"
        add(repository, "2")
        loaded = client.models.LoadModel(model_pb.LoadModelRequest(name="shop"))
        assert loaded.model.version == "2" and answered_by(client) == "2"

        label = model_pb.SetModelLabelRequest(name="shop", label="stable", version="1")
        client.models.SetModelLabel(label)
        assert answered_by(client) == "1"
        assert answered_by(client, model="shop", model_version="stable") == "1"
        with pytest.raises(grpc.RpcError) as refused:
            client.models.UnloadModel(model_pb.UnloadModelRequest(name="shop", version="1"))
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert '"stable" points to it' in refused.value.details()

        client.models.RemoveModelLabel(model_pb.RemoveModelLabelRequest(name="shop", label="stable"))
        client.models.UnloadModel(model_pb.UnloadModelRequest(name="shop", version="1"))
        assert answered_by(client) == "2"
        with pytest.raises(grpc.RpcError) as gone:
            answered_by(client, model="shop", model_version="1")
        assert gone.value.code() is grpc.StatusCode.NOT_FOUND


def test_calls_without_their_fields_are_refused_with_each_of_them(start_server, repository):
    with start_server(*settings(repository)).channel() as channel:
        client = Client(channel)
        with pytest.raises(grpc.RpcError) as refused:
            client.models.SetModelLabel(model_pb.SetModelLabelRequest(label="stable"))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert set(violations(refused.value)) == {"name", "version"}


def test_a_server_without_control_lists_and_refuses_changes(start_server, repository):
    flags = settings(repository)
    flags[flags.index("models.allow_control=true")] = "models.allow_control=false"
    with start_server(*flags).channel() as channel:
        client = Client(channel)
        assert states(client) == {"1": READY}
        with pytest.raises(grpc.RpcError) as refused:
            client.models.LoadModel(model_pb.LoadModelRequest(name="shop"))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "models.allow_control" in refused.value.details()


def test_new_files_are_taken_up_while_calls_are_answered(start_server, repository):
    with start_server(*settings(repository, 'models.poll_interval="50ms"')).channel() as channel:
        client = Client(channel)
        seen, stop = [], threading.Event()

        def ask() -> None:
            while not stop.is_set():
                seen.append(answered_by(client))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for version in ("2", "3", "4"):
                add(repository, version)
                wait_until(lambda version=version: version in seen[-1:], 60.0, f"version {version}")
        finally:
            stop.set()
            asking.join()
        # Versions only ever rise, and no call failed.
        assert seen == sorted(seen) and set(seen) == {"1", "2", "3", "4"}


def test_labels_survive_a_kill(start_server, repository, tmp_path):
    flags = settings(repository, f'models.state_path="{tmp_path / "models.json"}"', 'models.version_policy="all"')
    add(repository, "2")
    first = start_server(*flags)
    with first.channel() as channel:
        label = model_pb.SetModelLabelRequest(name="shop", label="stable", version="1")
        Client(channel).models.SetModelLabel(label)
    first.kill()

    with start_server(*flags).channel() as channel:
        assert answered_by(Client(channel)) == "1"
