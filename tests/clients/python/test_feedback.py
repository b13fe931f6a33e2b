"""FeedbackService, from a reply to the training data that an agent's correction becomes."""

import concurrent.futures
import json

import grpc
import pytest

from signalbox_client import (
    CALL_TIMEOUT_S,
    ROOT,
    Client,
    feedback_pb,
    message_pb,
    run,
    server_pb,
    violations,
)

TINY = ROOT / "tests/fixtures/tiny-bert-multihead"


def labels(intents=None, polarity=None, flags=None):
    """Makes `FeedbackLabels`; what is None stays unset."""

    def of(names):
        return None if names is None else feedback_pb.LabelList(labels=names)

    return feedback_pb.FeedbackLabels(intents=of(intents), polarity=polarity, flags=of(flags))


def said(reply):
    """Returns what the model said, as docs/feedback.md tells to take it from a reply."""
    primary = reply.primary_intent.name
    others = [intent.name for intent in reply.intents if intent.above and intent.name != primary]
    flags = [flag.name for flag in reply.flags if flag.above]
    return labels([primary, *others], reply.polarity.label, flags)


def about(reply, **fields):
    """Makes a submission about a reply."""
    return feedback_pb.SubmitRequest(
        message_id=reply.id,
        model_name=reply.revisions.model_name,
        model_version=reply.revisions.model_version,
        predicted=said(reply),
        **fields,
    )


def submit(client, request):
    """Submits once."""
    return client.feedback.Submit(request, timeout=CALL_TIMEOUT_S)


@pytest.fixture
def store(tmp_path):
    """Where feedback is kept."""
    return tmp_path / "feedback.db"


@pytest.fixture
def keeping(start_server, store):
    """Starts servers that keep feedback in the same place."""

    def start(*flags):
        server = start_server("--model", str(TINY), "--set", f"feedback.path='{store}'", *flags)
        return server, Client(server.channel())

    return start


def test_a_correction_of_a_reply_becomes_training_data_and_figures(keeping, store):
    server, client = keeping("--set", "feedback.store_text=true")
    text = "Wo bleibt mein Paket? Ich will mein Geld zurück!"
    reply = client.classify(text, id="ticket-4711", channel=message_pb.CHANNEL_CHAT)
    right = labels(["refund.request", "order.status"], "negative", ["angry"])

    kept = submit(client, about(reply, corrected=right, text=text, language="de", channel="CHANNEL_CHAT"))
    confirmed = client.classify("Wo ist es?", id="ticket-4712")
    submit(client, about(confirmed, corrected=said(confirmed)))
    exported = run("feedback", "export", "--complete", "--store", store)
    summed = client.feedback.GetFeedbackSummary(feedback_pb.GetFeedbackSummaryRequest(), timeout=CALL_TIMEOUT_S)
    reported = run("feedback", "report", "--json", "--store", store)

    assert kept.text_stored and len(kept.feedback_id) == 36 and kept.submitted_at.seconds > 0
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout) == {
        "text": text,
        "lang": "de",
        "intents": ["refund.request", "order.status"],
        "polarity": "negative",
        "flags": ["angry"],
        "channel": "chat",
        "batch": "feedback",
        "id": "ticket-4711",
    }
    (model,) = summed.models
    assert (model.model_name, model.messages) == (reply.revisions.model_name, 2)
    assert model.primary.judged == 2 and 1 <= model.primary.agreed <= 2
    assert sum(label.corrected for label in model.primary.labels) == 2
    (told,) = json.loads(reported.stdout)["models"]
    assert told["primary"]["agreed"] == model.primary.agreed
    server.terminate()
    assert server.wait() == 0, server.log()


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(keeping):
    server, client = keeping()
    reply = client.classify("hello", id="x")

    def correction(number):
        request = about(reply, corrected=labels(["order.cancel"]), idempotency_key=f"key-{number}")
        request.message_id = f"message-{number}"
        return request

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(submit, client, correction(number)) for number in range(400)]
        # In the middle of it.
        calls[100].result()
        server.kill()
    acknowledged = {number: call.result() for number, call in enumerate(calls) if not call.exception()}

    _, client = keeping()
    again = {number: submit(client, correction(number)) for number in range(400)}

    assert len(acknowledged) > 80
    assert {number: again[number] for number in acknowledged} == acknowledged
    assert len({kept.feedback_id for kept in again.values()}) == 400
    (model,) = client.feedback.GetFeedbackSummary(feedback_pb.GetFeedbackSummaryRequest()).models
    assert model.messages == 400


def test_labels_keys_and_limits_are_checked(keeping):
    _, client = keeping()
    reply = client.classify("hello", id="x")
    first = about(reply, corrected=labels(["order.cancel"]), idempotency_key="k")
    submit(client, first)

    def refused(request):
        with pytest.raises(grpc.RpcError) as error:
            submit(client, request)
        return violations(error.value)

    assert refused(feedback_pb.SubmitRequest()).keys() == {"message_id", "model_name", "model_version", "corrected"}
    unknown = refused(about(reply, corrected=labels(["order.cancle"])))
    assert 'did you mean "order.cancel"?' in unknown["corrected.intents.labels[0]"]
    other = about(reply, corrected=labels(["order.status"]), idempotency_key="k")
    assert refused(other).keys() == {"idempotency_key"}
    counters = client.server.GetStatus(server_pb.GetStatusRequest()).feedback
    assert (counters.stored, counters.rejected) == (1, 3)


def test_without_a_place_for_it_the_setting_is_named(client):
    request = feedback_pb.SubmitRequest(message_id="x", model_name="default", model_version="1")

    with pytest.raises(grpc.RpcError) as refused:
        submit(client, request)

    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "feedback.path" in refused.value.details()
