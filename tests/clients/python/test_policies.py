"""PolicyService, and policies that change while the server runs."""

import contextlib
import hashlib
import os
import threading
import time

import grpc
import pytest

from invariants import DIGEST
from policies import faulty_policy, shop_policy, write
from signalbox_client import ROOT, Client, options, run, wait_until

# Starts in no time; what it says does not matter here.
TINY = ROOT / "tests/fixtures/tiny-bert-multihead"
QUICK = ("--model", str(TINY), "--set", 'policy.reload_interval="200ms"')
RELOAD_TIMEOUT_S = 20.0


def digest_of(text: str) -> str:
    """Returns the digest of a file with this text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def connected(server):
    """Opens stubs on a connection of their own."""
    with server.channel() as channel:
        yield Client(channel)


def test_the_policy_inside_the_program_is_listed_with_its_text(client):
    listed = client.list_policies()
    found = client.get_policy(tenant="a tenant without a policy of its own")

    (policy,) = listed.policies
    assert not listed.faults
    assert found.policy == policy
    assert policy.name == "default" and policy.tenant == "" and policy.origin == "(embedded)"
    assert policy.rule_count > 50 and 0 < policy.loaded_at.seconds <= time.time()
    assert found.source == (ROOT / "config/policy.yaml").read_text()
    assert policy.digest == digest_of(found.source)
    assert client.classify("hello").revisions.policy_digest == policy.digest


def test_views_of_the_policy_come_unasked_and_give_way_to_those_of_the_request(start_server, tmp_path):
    path = write(tmp_path / "shop.yaml", shop_policy(views="nps, zendesk"))
    with connected(start_server(*QUICK, "--set", f"policy.path={path}")) as client:
        unasked = client.classify("hello")
        asked = client.classify("hello", options=options(views=["google"]))

    assert [view.name for view in unasked.views] == ["nps", "zendesk"]
    assert [view.name for view in asked.views] == ["google"]


class Caller:
    """Calls one after the other in the background and keeps what came."""

    def __init__(self, client, **fields) -> None:
        self.seen: list[tuple[str, str]] = []
        self.errors: list[grpc.RpcError] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(client, fields))

    def _run(self, client, fields) -> None:
        while not self._stop.is_set():
            try:
                reply = client.classify("Where is my order 48213?", **fields)
                self.seen.append((reply.routing.queue, reply.revisions.policy_digest))
            except grpc.RpcError as error:
                self.errors.append(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._stop.set()
        self._thread.join()


def test_a_changed_policy_is_taken_up_without_a_failed_call(start_server, tmp_path):
    texts = [shop_policy(queue=f"queue-{number}") for number in range(4)]
    versions = [(f"queue-{number}", digest_of(text)) for number, text in enumerate(texts)]
    path = write(tmp_path / "shop.yaml", texts[0])
    server = start_server(*QUICK, "--set", f"policy.path={path}")
    with connected(server) as client, Caller(client) as caller:
        for text, version in zip(texts, versions):
            write(path, text)
            wait_until(lambda: version in caller.seen[-1:], RELOAD_TIMEOUT_S, f"{version} answers")
            assert client.get_policy().source == text
            assert client.list_policies().policies[0].origin == str(path)

    assert not caller.errors
    changes = [one for one, before in zip(caller.seen, [None, *caller.seen]) if one != before]
    assert changes == versions, "one after the other, never mixed"


def test_a_bad_file_leaves_the_old_policy_and_the_reason_is_told(start_server, tmp_path):
    good = shop_policy(queue="good")
    path = write(tmp_path / "shop.yaml", good)
    server = start_server(*QUICK, "--set", f"policy.path={path}")
    with connected(server) as client, Caller(client) as caller:
        write(path, faulty_policy())
        listed = wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told")
        after = len(caller.seen)
        wait_until(lambda: len(caller.seen) > after + 5, RELOAD_TIMEOUT_S, "a few more answers")

        (fault,) = listed.faults
        assert fault.origin == str(path) and fault.found_at.seconds > 0
        for line in fault_lines(str(path), faulty_policy()):
            assert line in fault.message, fault.message
        assert client.get_policy().source == good

        write(path, shop_policy(queue="better"))
        wait_until(lambda: caller.seen[-1][0] == "better", RELOAD_TIMEOUT_S, "the corrected file answers")
        assert not client.list_policies().faults

    assert not caller.errors
    assert {queue for queue, _ in caller.seen} == {"good", "better"}


def test_each_fault_is_told_once(start_server, tmp_path):
    path = write(tmp_path / "shop.yaml", shop_policy())
    with connected(start_server(*QUICK, "--set", f"policy.path={path}")) as client:
        write(path, faulty_policy())
        (fault,) = wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told").faults

    for line in fault_lines(str(path), faulty_policy()):
        assert fault.message.count(line) == 1, fault.message
    assert len(fault.message.splitlines()) == 3, fault.message


def test_a_file_that_goes_away_leaves_the_old_policy(start_server, tmp_path):
    path = write(tmp_path / "shop.yaml", shop_policy(queue="good"))
    with connected(start_server(*QUICK, "--set", f"policy.path={path}")) as client:
        path.unlink()
        (fault,) = wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told").faults

        assert fault.origin == str(path)
        assert client.classify("hello").routing.queue == "good"


def test_a_directory_that_is_swapped_by_a_link_is_taken_up(start_server, tmp_path):
    """As Kubernetes mounts a ConfigMap: the files are links into a directory that is itself a link."""
    for number in (1, 2):
        folder = tmp_path / f"..version-{number}"
        folder.mkdir()
        write(folder / "acme.yaml", shop_policy(name="acme", queue=f"acme-{number}"))
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    (tenants / "..data").symlink_to(tmp_path / "..version-1")
    (tenants / "acme.yaml").symlink_to("..data/acme.yaml")
    with connected(start_server(*QUICK, "--set", f"policy.tenants={tenants}")) as client:
        assert queue_of(client, "acme") == "acme-1"

        (tenants / "..new").symlink_to(tmp_path / "..version-2")
        os.replace(tenants / "..new", tenants / "..data")

        until_queue(client, "acme", "acme-2")
        assert [one.tenant for one in client.list_policies().policies] == ["", "acme"]


def test_two_files_of_one_tenant_are_refused_until_one_goes(start_server, tmp_path):
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    write(tenants / "acme.yaml", shop_policy(name="acme", queue="first"))
    with connected(start_server(*QUICK, "--set", f"policy.tenants={tenants}")) as client:
        write(tenants / "acme.yml", shop_policy(name="acme", queue="second"))
        (fault,) = wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told").faults
        assert str(tenants / "acme.yml") in fault.message and str(tenants / "acme.yaml") in fault.message
        assert queue_of(client, "acme") == "first"

        (tenants / "acme.yaml").unlink()
        until_queue(client, "acme", "second")
        wait_until(lambda: not client.list_policies().faults, RELOAD_TIMEOUT_S, "the fault is gone")


def test_policies_of_tenants_come_change_and_go(start_server, tmp_path):
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    default = write(tmp_path / "default.yaml", shop_policy(queue="everyone"))
    write(tenants / "zeta.yaml", shop_policy(name="zeta", queue="zeta-1"))
    settings = "--set", f"policy.path={default}", "--set", f"policy.tenants={tenants}"
    with connected(start_server(*QUICK, *settings)) as client, Caller(client, tenant="zeta") as zeta:
        assert queue_of(client, "zeta") == "zeta-1"
        assert queue_of(client, "acme") == queue_of(client, "") == "everyone"

        write(tenants / "acme.yaml", shop_policy(name="acme", queue="acme-1"))
        until_queue(client, "acme", "acme-1")
        assert queue_of(client, "") == "everyone" and queue_of(client, "zeta") == "zeta-1"
        listed = client.list_policies().policies
        assert [(one.tenant, one.name) for one in listed] == [("", "shop"), ("acme", "acme"), ("zeta", "zeta")]
        assert [one.origin for one in listed][1:] == [str(tenants / "acme.yaml"), str(tenants / "zeta.yaml")]
        assert all(DIGEST.fullmatch(one.digest) for one in listed)
        assert client.get_policy("acme").policy.tenant == "acme"
        assert client.get_policy("nobody").policy.tenant == ""

        write(tenants / "acme.yaml", shop_policy(name="acme", queue="acme-2"))
        until_queue(client, "acme", "acme-2")

        write(tenants / "acme.yaml", faulty_policy())
        (fault,) = wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told").faults
        assert fault.origin == str(tenants / "acme.yaml")
        assert queue_of(client, "acme") == "acme-2"

        (tenants / "acme.yaml").unlink()
        until_queue(client, "acme", "everyone")
        assert not client.list_policies().faults
        assert [one.tenant for one in client.list_policies().policies] == ["", "zeta"]

    assert not zeta.errors and {queue for queue, _ in zeta.seen} == {"zeta-1"}, "another tenant notices nothing"


def test_a_bad_file_of_a_new_tenant_leaves_it_the_default_policy(start_server, tmp_path):
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    with connected(start_server(*QUICK, "--set", f"policy.tenants={tenants}")) as client:
        write(tenants / "acme.yaml", faulty_policy())
        wait_until(lambda: with_faults(client), RELOAD_TIMEOUT_S, "the fault is told")

        assert client.get_policy("acme").policy.origin == "(embedded)"
        assert client.classify("hello", tenant="acme").routing.policy == "default"


def test_a_server_does_not_start_with_a_bad_policy_and_says_all_that_is_wrong(tmp_path):
    path = write(tmp_path / "shop.yaml", faulty_policy())

    ended = run("serve", "--listen", "127.0.0.1:0", *QUICK, "--set", f"policy.path={path}")

    assert ended.returncode == 1
    for line in fault_lines(str(path), faulty_policy()):
        assert ended.stderr.count(line) == 1, ended.stderr


@pytest.mark.parametrize("setting", ["policy.path", "policy.tenants"])
def test_a_server_does_not_start_without_the_policy_that_it_was_told(tmp_path, setting):
    path = tmp_path / "no-such"

    ended = run("serve", "--listen", "127.0.0.1:0", *QUICK, "--set", f"{setting}={path}")

    assert ended.returncode == 1
    assert str(path) in ended.stderr


def with_faults(client):
    """Returns the list of policies once it tells a fault."""
    listed = client.list_policies()
    return listed if listed.faults else None


def queue_of(client, tenant: str) -> str:
    """Returns where a message of this tenant goes."""
    return client.classify("hello", tenant=tenant).routing.queue


def until_queue(client, tenant: str, queue: str) -> None:
    """Waits until messages of this tenant go to this queue."""
    wait_until(lambda: queue_of(client, tenant) == queue, RELOAD_TIMEOUT_S, f"{tenant} goes to {queue}")


def fault_lines(origin: str, text: str) -> list[str]:
    """Returns how each fault of `faulty_policy` begins: file, line, column."""
    lines = text.splitlines()
    found = []
    for mark in "colour:", '"emial"', "genral":
        number, line = next((number, line) for number, line in enumerate(lines, 1) if mark in line)
        found.append(f"{origin}:{number}:{line.index(mark) + 1}: ")
    return found
