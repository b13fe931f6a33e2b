"""What holds for every reply."""

import math
import re

from signalbox_client import message_pb, triage_pb

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
POLARITY_STEPS = ["very_negative", "negative", "neutral", "positive", "very_positive"]
TOLERANCE = 1e-4


def is_probability(value: float) -> bool:
    """Tells whether a number is finite and from 0 to 1."""
    return math.isfinite(value) and 0.0 <= value <= 1.0


def assert_sound(reply, text: str, subject: str = "") -> None:
    """Checks everything in a reply to a default request that the contract promises for any text."""
    assert reply.id
    assert_sound_intents(reply)
    assert_sound_polarity(reply)
    for flag in reply.flags:
        assert flag.name and is_probability(flag.probability) and is_probability(flag.threshold)
        assert flag.above == (flag.probability >= flag.threshold)
    assert reply.language.tag and is_probability(reply.language.confidence)
    assert_sound_entities(reply, text, subject)
    assert_sound_routing(reply)
    assert DIGEST.fullmatch(reply.revisions.model_digest)
    assert DIGEST.fullmatch(reply.revisions.tokenizer_digest)
    assert DIGEST.fullmatch(reply.revisions.taxonomy_digest)
    assert reply.revisions.model_name and reply.revisions.model_version
    assert reply.batch_size > 0 and reply.token_count > 0
    stages = [getattr(reply.timings, f.name) for f in reply.timings.DESCRIPTOR.fields if f.name != "total_us"]
    assert reply.timings.inference_us > 0
    assert reply.timings.total_us >= sum(stages), "stages follow one another"


def assert_sound_intents(reply) -> None:
    """Checks order, groups and thresholds of the intents."""
    primary, *rest = reply.intents
    assert primary.name == reply.primary_intent.name
    assert is_probability(reply.primary_intent.probability)
    assert [i.probability for i in rest] == sorted((i.probability for i in rest), reverse=True)
    assert len({intent.name for intent in reply.intents}) == len(reply.intents)
    for intent in reply.intents:
        assert intent.group == intent.name.split(".")[0]
        assert is_probability(intent.probability) and is_probability(intent.threshold)
        assert intent.above == (intent.probability >= intent.threshold)


def assert_sound_polarity(reply) -> None:
    """Checks that the polarity scale adds up."""
    steps = reply.polarity.probabilities
    assert [step.label for step in steps] == POLARITY_STEPS
    assert all(is_probability(step.probability) for step in steps)
    assert abs(sum(step.probability for step in steps) - 1.0) < TOLERANCE
    assert reply.polarity.label == max(steps, key=lambda step: step.probability).label
    expected = sum(position * step.probability for position, step in zip((-1, -0.5, 0, 0.5, 1), steps))
    assert abs(reply.polarity.score - expected) < TOLERANCE


def assert_sound_entities(reply, text: str, subject: str = "") -> None:
    """Checks that entities lie in their field, in order and without overlap, those of the subject first."""
    fields = [entity.field for entity in reply.entities]
    assert fields == sorted(fields, key=[triage_pb.MESSAGE_FIELD_SUBJECT, triage_pb.MESSAGE_FIELD_TEXT].index)
    position = {triage_pb.MESSAGE_FIELD_SUBJECT: 0, triage_pb.MESSAGE_FIELD_TEXT: 0}
    for entity in reply.entities:
        assert entity.type != triage_pb.ENTITY_TYPE_UNSPECIFIED
        assert entity.section != triage_pb.SECTION_UNSPECIFIED
        length = len(text if entity.field == triage_pb.MESSAGE_FIELD_TEXT else subject)
        assert position[entity.field] <= entity.start < entity.end <= length
        assert entity.value and is_probability(entity.confidence)
        position[entity.field] = entity.end


def assert_sound_routing(reply) -> None:
    """Checks that a decision is complete and fits together."""
    routing = reply.routing
    assert routing.queue and routing.queue not in routing.alternative_queues
    assert len(set(routing.alternative_queues)) == len(routing.alternative_queues)
    assert routing.priority != triage_pb.PRIORITY_UNSPECIFIED
    assert routing.priority_score == sum(part.points for part in routing.priority_contributions)
    assert all(part.reason for part in routing.priority_contributions)
    level = routing.service_level
    assert level.name and 0 < level.first_response.ToNanoseconds() <= level.resolution.ToNanoseconds()
    due = level.resolution_due_at.ToNanoseconds() - level.first_response_due_at.ToNanoseconds()
    assert due == level.resolution.ToNanoseconds() - level.first_response.ToNanoseconds()
    assert routing.escalation.level != triage_pb.ESCALATION_LEVEL_UNSPECIFIED
    assert routing.action.type != triage_pb.ACTION_TYPE_UNSPECIFIED
    assert routing.action.confidence_tier != triage_pb.CONFIDENCE_TIER_UNSPECIFIED
    assert bool(routing.action.flow) == (routing.action.type == triage_pb.ACTION_TYPE_SELF_SERVICE)
    if reply.HasField("abstention") or routing.action.automation_off:
        assert_not_automatic(reply)
    for names in routing.tags, routing.skills, routing.matched_rules:
        assert all(names) and len(set(names)) == len(names)
    assert routing.policy and DIGEST.fullmatch(reply.revisions.policy_digest)


AUTOMATIC = {
    triage_pb.ACTION_TYPE_AUTO_REPLY,
    triage_pb.ACTION_TYPE_SELF_SERVICE,
    triage_pb.ACTION_TYPE_MACRO,
    triage_pb.ACTION_TYPE_AUTO_CLOSE,
    triage_pb.ACTION_TYPE_SNOOZE,
}


def assert_not_automatic(reply) -> None:
    """Checks that nothing happens to a message without a person, and that the reply says why."""
    action = reply.routing.action
    assert action.type not in AUTOMATIC
    assert action.confidence_tier != triage_pb.CONFIDENCE_TIER_AUTO
    assert not action.flow
    assert action.automation_off and all(action.automation_off)


def quoted(entity, text: str, encoding: int = message_pb.OFFSET_ENCODING_CODE_POINTS) -> str:
    """Cuts what an entity covers out of its field."""
    if encoding == message_pb.OFFSET_ENCODING_UTF16:
        units = text.encode("utf-16-le", errors="surrogatepass")
        return units[2 * entity.start : 2 * entity.end].decode("utf-16-le")
    return text[entity.start : entity.end]
