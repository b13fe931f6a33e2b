"""What holds for every reply."""

import math
import re

from signalbox_client import triage_pb

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
POLARITY_STEPS = ["very_negative", "negative", "neutral", "positive", "very_positive"]
TOLERANCE = 1e-4


def is_probability(value: float) -> bool:
    """Tells whether a number is finite and from 0 to 1."""
    return math.isfinite(value) and 0.0 <= value <= 1.0


def assert_sound(reply, text: str) -> None:
    """Checks everything in a reply that the contract promises for any text."""
    assert reply.id
    assert_sound_intents(reply)
    assert_sound_polarity(reply)
    for flag in reply.flags:
        assert flag.name and is_probability(flag.probability) and is_probability(flag.threshold)
        assert flag.above == (flag.probability >= flag.threshold)
    assert reply.language.tag and is_probability(reply.language.confidence)
    assert_sound_entities(reply, text)
    assert DIGEST.fullmatch(reply.revisions.model_digest)
    assert DIGEST.fullmatch(reply.revisions.tokenizer_digest)
    assert DIGEST.fullmatch(reply.revisions.taxonomy_digest)
    assert reply.revisions.model_name and reply.revisions.model_version
    assert reply.batch_size > 0 and reply.token_count > 0
    stages = reply.timings.inference_us, reply.timings.queue_us, reply.timings.tokenize_us
    assert reply.timings.total_us >= max(stages) > 0


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


def assert_sound_entities(reply, text: str) -> None:
    """Checks that entities lie in the text, in order and without overlap."""
    position = 0
    for entity in reply.entities:
        assert entity.type != triage_pb.ENTITY_TYPE_UNSPECIFIED
        assert position <= entity.start < entity.end <= len(text)
        assert is_probability(entity.confidence)
        position = entity.end
