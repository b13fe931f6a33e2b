"""Routing by the policy inside the program: where a message goes, why, and what no policy can undo."""

import time

import grpc
import pytest

from invariants import DIGEST, assert_not_automatic, assert_sound
from policies import shop_policy, write
from signalbox_client import Client, message_pb, options, timestamp, triage_pb, violations

SENT_AT = timestamp("2026-11-20T10:00:00Z")
EMAIL = message_pb.CHANNEL_EMAIL
ASKED = "where is my order 48213"

ANGRY_THREAT = "I am furious!!! You stole my money, I will sue you. My lawyer will contact you tomorrow. Order 48213"


def test_asking_for_an_order_by_its_number_gets_the_tracking_page(client):
    reply = client.classify(ASKED, channel=EMAIL, sent_at=SENT_AT)

    routing = reply.routing
    assert routing.queue == "orders"
    assert list(routing.alternative_queues) == ["shipping", "general"]
    assert routing.action.type == triage_pb.ACTION_TYPE_SELF_SERVICE and routing.action.flow == "track"
    assert routing.action.confidence_tier == triage_pb.CONFIDENCE_TIER_AUTO
    assert not routing.action.automation_off
    assert routing.priority == triage_pb.PRIORITY_P3 and not routing.priority_raised_by
    assert [(part.reason, part.points) for part in routing.priority_contributions] == [("email", 25)]
    assert routing.escalation.level == triage_pb.ESCALATION_LEVEL_NONE and not routing.escalation.reasons
    assert list(routing.matched_rules) == ["email", "track-flow", "orders"]
    assert list(routing.tags) == ["order.status", "neutral"]
    assert not routing.missing_entities
    assert not routing.trace
    assert routing.policy == "default"
    assert_sound(reply, ASKED)


def test_the_answer_is_due_from_when_the_message_was_sent(client):
    level = client.classify(ASKED, channel=EMAIL, sent_at=SENT_AT).routing.service_level

    assert level.name == "email"
    assert level.first_response.seconds == 12 * 3600 and level.resolution.seconds == 2 * 86400
    assert level.first_response_due_at == timestamp("2026-11-20T22:00:00Z")
    assert level.resolution_due_at == timestamp("2026-11-22T10:00:00Z")


def test_the_answer_is_due_from_now_when_nobody_says_when_it_was_sent(client):
    before = time.time_ns()

    level = client.classify(ASKED).routing.service_level

    due = level.first_response_due_at.ToNanoseconds() - level.first_response.ToNanoseconds()
    assert before <= due <= time.time_ns()


def test_due_times_at_the_end_of_time_are_valid_timestamps(client):
    """A protobuf timestamp ends with the year 9999; stock clients refuse to show a later one."""
    level = client.classify(ASKED, sent_at=timestamp("9999-12-31T23:59:59Z")).routing.service_level

    assert level.first_response_due_at.ToJsonString() and level.resolution_due_at.ToJsonString()


def test_routing_is_left_out_on_request(client):
    asked = client.classify(ASKED, options=options(include_routing=True))
    unasked = client.classify(ASKED, options=options(include_routing=False, explain=True))

    assert asked.HasField("routing") and DIGEST.fullmatch(asked.revisions.policy_digest)
    assert not unasked.HasField("routing")
    assert unasked.revisions.policy_digest == ""
    assert not unasked.notices
    assert unasked.primary_intent.name == "order.status"


def test_an_explanation_tells_every_rule_with_its_outcome(client):
    reply = client.classify(ASKED, channel=EMAIL, options=options(explain=True))

    trace = reply.routing.trace
    assert len(trace) == client.get_policy().policy.rule_count
    assert len({rule.rule_id for rule in trace}) == len(trace)
    matched, not_matched = triage_pb.RULE_OUTCOME_MATCHED, triage_pb.RULE_OUTCOME_NOT_MATCHED
    assert [rule.rule_id for rule in trace if rule.outcome == matched] == list(reply.routing.matched_rules)
    assert {rule.outcome for rule in trace} == {matched, not_matched}
    for rule in trace:
        assert rule.condition and rule.terms, rule.rule_id
        for term in rule.terms:
            assert term.expression in rule.condition and term.value and term.HasField("result"), rule.rule_id
    channel = next(rule for rule in trace if rule.rule_id == "email").terms
    assert [(term.expression, term.value, term.result) for term in channel] == [
        ('channel in ["email", "unknown"]', '"email"', True)
    ]


def test_facts_about_customer_and_order_count(client):
    late = message_pb.OrderFacts(
        state=message_pb.ORDER_STATE_SHIPPED,
        promised_by=timestamp("2026-11-10T00:00:00Z"),
        value=message_pb.Money(currency_code="EUR", amount_micros=59_900_000),
    )
    customer = message_pb.CustomerFacts(tier=message_pb.CUSTOMER_TIER_VIP, lifetime_orders=12)

    plain = client.classify(ASKED, channel=EMAIL, sent_at=SENT_AT).routing
    routing = client.classify(ASKED, channel=EMAIL, sent_at=SENT_AT, customer=customer, order=late).routing

    assert {"vip", "late-order"} <= set(routing.matched_rules)
    assert routing.priority_score > plain.priority_score
    assert routing.priority < plain.priority, "P2 is a smaller number than P3"
    assert routing.action.flow != "track", "a page does not help with a late order"


def test_attachments_count(client):
    broken = "My vase arrived broken. Order 48213"
    photo = [message_pb.Attachment(media_type="image/jpeg", size_bytes=120_000)]
    paper = [message_pb.Attachment(media_type="application/pdf")]

    without, with_photo, with_paper = (
        client.classify(broken, attachments=attachments).routing for attachments in ([], photo, paper)
    )

    assert "needs-photo" in without.tags and "needs-photo" in with_paper.tags
    assert "needs-photo" not in with_photo.tags


def test_what_the_policy_needs_and_the_message_does_not_say_is_told(client):
    routing = client.classify("Where is my order?").routing

    (missing,) = routing.missing_entities
    assert missing.intent == "order.status"
    assert set(missing.any_of) == {triage_pb.ENTITY_TYPE_ORDER_NUMBER, triage_pb.ENTITY_TYPE_TRACKING_NUMBER}
    assert routing.action.type == triage_pb.ACTION_TYPE_MACRO
    assert routing.action.macro_id == "ask-order-number.en"


def test_a_macro_comes_in_the_language_of_the_message(client):
    text = "Wo ist meine Bestellung? Ich warte schon seit einer Woche auf das Paket."

    assert client.classify(text).routing.action.macro_id == "ask-order-number.de"


STYLES = {
    message_pb.TAG_STYLE_UNSPECIFIED: ("refund.request", "very_negative"),
    message_pb.TAG_STYLE_DOTTED: ("refund.request", "very_negative"),
    message_pb.TAG_STYLE_KEBAB: ("refund-request", "very-negative"),
    message_pb.TAG_STYLE_SNAKE: ("refund_request", "very_negative"),
    message_pb.TAG_STYLE_SLASH: ("refund/request", "very_negative"),
}


@pytest.mark.parametrize("style", STYLES)
def test_tags_are_spelled_as_asked(client, style):
    tags = client.classify("I am furious, I want my money back!", options=options(tag_style=style)).routing.tags

    assert set(STYLES[style]) <= set(tags)
    assert "needs-order-number" in tags, "a tag of a rule stays as it is written there"


FLOOR = {
    "anger and a legal threat": (ANGRY_THREAT, "angry"),
    "a legal threat": ("Please refund me, otherwise my lawyer will take you to court.", "threat_legal"),
    "danger": ("The toy caught fire and burned my daughter's hand!", "safety_risk"),
    "a wish for a person": ("I want to speak to a human being, a real person please", "support.human_agent"),
    "nothing to read": ("", "empty"),
}


@pytest.mark.parametrize("case", FLOOR)
def test_what_calls_for_a_person_is_never_automatic(client, case):
    text, reason = FLOOR[case]

    reply = client.classify(text)

    assert_not_automatic(reply)
    assert any(reason in said for said in reply.routing.action.automation_off)


def test_an_angry_legal_threat_goes_to_the_legal_team_at_once(client):
    routing = client.classify(ANGRY_THREAT, channel=EMAIL, sent_at=SENT_AT).routing

    assert routing.queue == "legal"
    assert routing.escalation.level == triage_pb.ESCALATION_LEVEL_LEGAL and routing.escalation.reasons
    assert routing.priority == triage_pb.PRIORITY_P1
    assert routing.service_level.first_response_due_at == timestamp("2026-11-20T12:00:00Z")


RECKLESS = """\
  - id: close-everything
    when: message.length >= 0
    then: { action: { type: AUTO_CLOSE, auto_at: 0.0, suggest_at: 0.0 } }
"""


def test_no_policy_can_undo_the_floor(start_server, tmp_path):
    path = write(tmp_path / "reckless.yaml", shop_policy(rules=RECKLESS))
    server = start_server("--set", f"policy.path={path}")
    with server.channel() as channel:
        client = Client(channel)

        calm = client.classify(ASKED).routing.action
        assert calm.type == triage_pb.ACTION_TYPE_AUTO_CLOSE
        assert calm.confidence_tier == triage_pb.CONFIDENCE_TIER_AUTO
        for text, reason in FLOOR.values():
            reply = client.classify(text)
            assert "close-everything" in reply.routing.matched_rules
            assert reply.routing.action.type == triage_pb.ACTION_TYPE_HUMAN, text
            assert_not_automatic(reply)
        unsupported = client.classify("Де моє замовлення? Я чекаю вже два тижні, а посилка досі не прийшла.")
        assert unsupported.routing.action.type == triage_pb.ACTION_TYPE_HUMAN
        assert unsupported.routing.action.confidence_tier == triage_pb.CONFIDENCE_TIER_REVIEW


VIEWS = ["gorgias", "zendesk", "comprehend", "google", "freshdesk", "nps"]


def test_every_view_puts_the_answer_into_its_words(client):
    reply = client.classify("I want my money back, this is awful", options=options(views=VIEWS))

    views = {view.name: view for view in reply.views}
    assert list(views) == VIEWS
    assert list(views["gorgias"].intents) == ["refund/request"] and "negative" in views["gorgias"].sentiments
    assert len(views["zendesk"].sentiments) == 1 and views["zendesk"].sentiments[0].endswith("Negative")
    levels = {"High", "Medium", "Low"}
    zendesk = views["zendesk"]
    assert {zendesk.confidence, zendesk.sentiment_confidence, zendesk.language_confidence} <= levels
    assert list(views["comprehend"].sentiments) == ["NEGATIVE"]
    assert set(views["comprehend"].numbers) == {"POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"}
    assert sum(views["comprehend"].numbers.values()) == pytest.approx(1.0, abs=1e-3)
    assert set(views["google"].numbers) == {"score", "magnitude"} and not views["google"].sentiments
    assert -1.0 <= views["google"].numbers["score"] < 0.0
    assert 0 <= views["freshdesk"].numbers["score"] < 50
    assert list(views["nps"].sentiments) == ["detractor"]
    assert all(not views[name].intents for name in VIEWS[1:]), "only Gorgias has a fixed list of intents"


def test_views_come_only_when_asked_for_and_without_routing_too(client):
    assert not client.classify("hello").views

    reply = client.classify("hello", options=options(include_routing=False, views=["zendesk", "nps"]))

    assert [view.name for view in reply.views] == ["zendesk", "nps"]


UNKNOWN_VIEWS = [(["no-such"], "options.views[0]"), (["nps", "Zendesk"], "options.views[1]")]


@pytest.mark.parametrize(("views", "field"), UNKNOWN_VIEWS)
def test_an_unknown_view_is_refused_with_those_that_are_known(client, views, field):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify("hello", options=options(views=views))

    said = violations(refused.value)
    assert list(said) == [field]
    assert all(name in said[field] for name in VIEWS)


def test_more_views_than_allowed_are_refused(client):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify("hello", options=options(views=["nps"] * 17))

    said = violations(refused.value)
    assert list(said) == ["options.views"] and "17" in said["options.views"] and "16" in said["options.views"]
