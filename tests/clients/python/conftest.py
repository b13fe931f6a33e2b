"""Fixtures: one server for the session, with the model that the binary carries."""

import pytest

from signalbox_client import PATIENT, Client, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A warm server that all tests share."""
    running = Server(tmp_path_factory.mktemp("server"), *PATIENT)
    try:
        running.wait_serving()
        yield running
        assert running.process.poll() is None, f"the server did not survive: {running.log()}"
        running.terminate()
        assert running.wait() == 0, running.log()
    finally:
        running.kill()


@pytest.fixture
def client(server):
    """Stubs on a connection of their own."""
    with server.channel() as channel:
        yield Client(channel)


@pytest.fixture
def start_server(tmp_path):
    """Starts servers that belong to one test."""
    running = []

    def start(*flags: str, listen: str = "127.0.0.1:0") -> Server:
        running.append(Server(tmp_path, *flags, listen=listen))
        running[-1].wait_serving()
        return running[-1]

    yield start
    for one in running:
        one.kill()
