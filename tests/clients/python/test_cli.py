"""The program without a server: policies checked, tested and explained, messages classified from files."""

import json

import pytest

from invariants import quoted
from policies import faulty_policy, shop_policy, write
from signalbox_client import PATIENT, ROOT, message_pb, request, run, timestamp, triage_pb


def test_the_policy_inside_the_program_is_good():
    ended = run("policy", "check")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("(embedded): ok: policy default, ")


def test_good_policies_are_told_with_name_rules_and_digest(tmp_path):
    first = write(tmp_path / "first.yaml", shop_policy(name="first"))
    second = write(tmp_path / "second.yaml", shop_policy(name="second"))

    ended = run("policy", "check", first, second)

    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"{first}: ok: policy first, 1 rules, sha256:")
    assert lines[1].startswith(f"{second}: ok: policy second, 1 rules, sha256:")


def test_a_bad_policy_fails_with_every_fault_once_and_its_place(tmp_path):
    text = faulty_policy()
    bad, good = write(tmp_path / "bad.yaml", text), write(tmp_path / "good.yaml", shop_policy())

    ended = run("policy", "check", bad, good)

    assert ended.returncode == 1
    assert f"{good}: ok" in ended.stdout, "the others are checked all the same"
    said = ended.stdout + ended.stderr
    for line in (
        f'{bad}:{line_of(text, "emial")}:22: channel has no value "emial" (did you mean "email"?)',
        f'{bad}:{line_of(text, "genral")}:20: unknown queue "genral" (did you mean "general"?)',
        f'{bad}:{line_of(text, "colour")}:1: unknown field "colour"',
    ):
        assert said.count(line) == 1, said


def test_the_projects_scenarios_pass():
    ended = run("policy", "test", ROOT / "tests/scenarios", timeout_s=300)

    assert ended.returncode == 0, ended.stdout
    passed, failed = ended.stdout.splitlines()[-1].split(", ")[:2]
    assert int(passed.split()[0]) > 100 and failed == "0 failed"


SCENARIOS = """\
scenarios:
  - name: goes to the inbox
    text: Where is my order?
    prediction: { intents: { order.status: 0.97 } }
    expect: { queue: inbox, rules: [everything] }
  - name: goes where it does not
    text: Where is my order?
    prediction: { intents: { order.status: 0.97 } }
    expect: { queue: legal, no_rules: [everything] }
"""


def test_a_scenario_that_is_not_met_fails_with_its_place_and_the_difference(tmp_path):
    policy = write(tmp_path / "shop.yaml", shop_policy())
    scenarios = write(tmp_path / "scenarios.yaml", SCENARIOS)

    ended = run("policy", "test", "--policy", policy, "--verbose", scenarios)

    assert ended.returncode == 1
    assert "1 passed, 1 failed" in ended.stdout
    assert f"{scenarios}:{line_of(SCENARIOS, 'goes where it does not')}" in ended.stdout
    assert "inbox" in ended.stdout and "legal" in ended.stdout
    assert "goes to the inbox" in ended.stdout


def test_a_decision_is_explained_for_people():
    ended = run("policy", "explain", "--channel", "email", "where is my order 48213")

    assert ended.returncode == 0, ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    for line in (
        "queue orders; shipping; general",
        "priority P3 (25 points)",
        "+25 email",
        "escalation NONE",
        "action SELF_SERVICE (AUTO); track",
        "tags order.status, neutral",
        "policy default",
        "track-flow: matched",
        '✓ primary == "order.status" ["order.status"]',
    ):
        assert line in lines, ended.stdout
    assert "safety-risk" not in ended.stdout, "only what counted"


def test_a_decision_is_explained_with_all_rules_and_for_programs(tmp_path):
    record = tmp_path / "record.json"
    record.write_text(json.dumps(RECORD))

    text = run("policy", "explain", "--all", "--record", record)
    ended = run("policy", "explain", "--format", "json", "--record", "-", stdin=json.dumps(RECORD))

    assert text.returncode == ended.returncode == 0, text.stderr + ended.stderr
    assert "safety-risk: not_matched" in text.stdout
    routing = json.loads(ended.stdout)
    assert {"vip", "late-order"} <= set(routing["matched_rules"])
    matched = [rule["rule"] for rule in routing["trace"] if rule["outcome"] == "matched"]
    assert matched == routing["matched_rules"]


RECORD = {
    "id": 7,
    "text": "📦 Where is my order 48213?",
    "subject": "Re: invoice INV-2026-0042",
    "channel": "email",
    "locale_hint": "en-GB",
    "tenant": "shop-1",
    "sent_at": "2026-11-20T10:00:00Z",
    "thread": [
        {"author": "customer", "text": "Thank you so much, I love your shop!", "sent_at": "2026-11-19T10:00:00Z"},
        {"author": "agent", "text": "You are welcome."},
    ],
    "customer": {"tier": "vip", "lifetime_orders": 12, "contacts_7d": 0, "refunds_90d": 0, "tags": ["b2b"]},
    "order": {"state": "shipped", "promised_by": "2026-11-18T00:00:00Z", "value": 59.9, "currency": "EUR"},
    "attachments": ["image/jpeg"],
    "label": "fields of others are left alone",
}


def test_a_record_with_every_field_is_classified_as_the_server_does(client):
    ended = run("classify", *PATIENT, "--input-format", "jsonl", stdin=json.dumps(RECORD) + "\n")

    assert ended.returncode == 0, ended.stderr
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    reply = client.classifier.Classify(as_request(RECORD))
    assert (line["line"], line["id"]) == (1, "7")
    assert line["primary_intent"]["name"] == reply.primary_intent.name
    assert line["polarity"]["score"] == pytest.approx(reply.polarity.score, abs=1e-3)
    assert line["language"]["tag"] == reply.language.tag
    assert [one["value"] for one in line["entities"]] == [one.value for one in reply.entities]
    fields = {"subject": triage_pb.MESSAGE_FIELD_SUBJECT, "text": triage_pb.MESSAGE_FIELD_TEXT}
    for one, entity in zip(line["entities"], reply.entities):
        assert (one["start"], one["end"], fields[one["field"]]) == (entity.start, entity.end, entity.field)
        assert quoted(entity, RECORD[one["field"]]) == RECORD[one["field"]][one["start"] : one["end"]]
    assert line["thread_mood"]["trend"] == "falling"
    assert reply.thread_mood.trend == triage_pb.MOOD_TREND_FALLING
    routing = line["routing"]
    assert routing["queue"] == reply.routing.queue
    assert routing["matched_rules"] == list(reply.routing.matched_rules)
    assert {"vip", "late-order"} <= set(routing["matched_rules"]), "facts of the record count"
    assert routing["tags"] == list(reply.routing.tags)
    assert routing["priority_score"] == reply.routing.priority_score
    assert "trace" not in routing


def test_bad_records_are_told_and_the_others_classified():
    records = [RECORD, RECORD | {"channel": "emial"}, RECORD | {"sent_at": "yesterday"}, RECORD | {"id": "last"}]
    stdin = "".join(json.dumps(record) + "\n" for record in records) + "{]\n"

    ended = run("classify", "--input-format", "jsonl", "--explain", stdin=stdin)

    assert ended.returncode == 3, "some of the input was bad"
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["line"] for line in lines] == [1, 2, 3, 4, 5]
    assert ["error" in line for line in lines] == [False, True, True, False, True]
    assert "channel" in lines[1]["error"] and "sent_at" in lines[2]["error"]
    assert "emial" not in ended.stdout + ended.stderr, "nothing of a record is repeated"
    assert lines[0]["routing"]["trace"]


def test_accounts_and_cards_are_redacted_on_the_command_line_too():
    ended = run("classify", "--format", "jsonl", "Refund to DE89 3704 0044 0532 0130 00 or card 4111 1111 1111 1111")

    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["value"] for one in line["entities"]] == ["DE89**************3000", "************1111"]
    said = (ended.stdout + ended.stderr).replace(" ", "")
    assert "370400440532" not in said and "411111111111" not in said


def as_request(record):
    """Makes the request that says the same as a record."""
    customer, order = record["customer"], record["order"]
    money = message_pb.Money(currency_code=order["currency"], amount_micros=round(order["value"] * 1e6))
    thread = [
        message_pb.ThreadMessage(author=message_pb.Author.Value(f"AUTHOR_{one['author'].upper()}"), text=one["text"])
        for one in record["thread"]
    ]
    return request(
        record["text"],
        id=str(record["id"]),
        subject=record["subject"],
        channel=message_pb.CHANNEL_EMAIL,
        locale_hint=record["locale_hint"],
        tenant=record["tenant"],
        sent_at=timestamp(record["sent_at"]),
        thread=thread,
        customer=message_pb.CustomerFacts(
            tier=message_pb.CUSTOMER_TIER_VIP,
            **{name: customer[name] for name in ("lifetime_orders", "contacts_7d", "refunds_90d", "tags")},
        ),
        order=message_pb.OrderFacts(
            state=message_pb.ORDER_STATE_SHIPPED, promised_by=timestamp(order["promised_by"]), value=money
        ),
        attachments=[message_pb.Attachment(media_type=name) for name in record["attachments"]],
    )


def line_of(text: str, mark: str) -> int:
    """Returns the number of the line that holds a mark."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if mark in line)
