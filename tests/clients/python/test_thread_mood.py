"""How a customer's mood goes over a conversation."""

import pytest

from signalbox_client import Client, message_pb, triage_pb

HAPPY = "Hello, thank you so much, I love your shop!"
PLAIN = "My order has not arrived yet. Where is it?"
FURIOUS = "This is a disgrace, worst shop ever, I am furious! Nobody answers!"
CUSTOMER, AGENT, BOT = message_pb.AUTHOR_CUSTOMER, message_pb.AUTHOR_AGENT, message_pb.AUTHOR_BOT


def said(*messages: tuple[int, str]) -> list:
    """Makes a conversation of (author, text)."""
    return [message_pb.ThreadMessage(author=author, text=text) for author, text in messages]


def test_falling_over_three_messages(client):
    reply = client.classify(FURIOUS, thread=said((CUSTOMER, HAPPY), (AGENT, FURIOUS), (CUSTOMER, PLAIN)))

    mood = reply.thread_mood
    assert mood.trend == triage_pb.MOOD_TREND_FALLING
    assert [one.index for one in mood.earlier] == [0, 2], "only what the customer wrote"
    assert mood.earlier[0].score > mood.earlier[1].score > reply.polarity.score
    mean = sum(one.score for one in mood.earlier) / len(mood.earlier)
    assert mood.change == pytest.approx(reply.polarity.score - mean, abs=1e-4)
    assert "mood-falling" in reply.routing.matched_rules
    assert not reply.notices


def test_earlier_scores_are_those_of_the_messages_alone(client):
    mood = client.classify(PLAIN, thread=said((CUSTOMER, HAPPY), (CUSTOMER, FURIOUS))).thread_mood

    alone = [client.classify(text).polarity.score for text in (HAPPY, FURIOUS)]
    assert [one.score for one in mood.earlier] == pytest.approx(alone, abs=1e-3)


def test_rising_and_steady(client):
    rising = client.classify(HAPPY, thread=said((CUSTOMER, FURIOUS)))
    steady = client.classify(PLAIN, thread=said((CUSTOMER, PLAIN)))

    assert rising.thread_mood.trend == triage_pb.MOOD_TREND_RISING and rising.thread_mood.change > 0.25
    assert steady.thread_mood.trend == triage_pb.MOOD_TREND_STEADY
    assert steady.thread_mood.change == pytest.approx(0.0, abs=1e-3)


def test_only_the_latest_messages_are_looked_at(client):
    mood = client.classify(PLAIN, thread=said(*[(CUSTOMER, HAPPY)] * 5, (AGENT, "We look into it."))).thread_mood

    assert [one.index for one in mood.earlier] == [2, 3, 4]


@pytest.mark.parametrize("thread", [said(), said((AGENT, HAPPY), (BOT, HAPPY)), said((CUSTOMER, " "))])
def test_without_earlier_words_of_the_customer_there_is_no_trend(client, thread):
    reply = client.classify(FURIOUS, thread=thread)

    assert not reply.HasField("thread_mood")
    assert not reply.notices


UKRAINIAN = "Я чекаю вже два тижні, а посилка досі не прийшла. Дайте відповідь, будь ласка."


def test_what_the_model_can_not_read_has_no_mood(client):
    among = client.classify(PLAIN, thread=said((CUSTOMER, HAPPY), (CUSTOMER, UKRAINIAN)))
    foreign = client.classify(UKRAINIAN, thread=said((CUSTOMER, HAPPY)))

    assert [one.index for one in among.thread_mood.earlier] == [0]
    assert not foreign.HasField("thread_mood") and not foreign.notices


def test_a_quote_in_an_earlier_message_is_not_its_mood(client):
    quote = f"{HAPPY}\n\nOn Tue, Nov 17, 2026 at 9:12 AM Shop <help@shop.example> wrote:\n> {FURIOUS}\n> {FURIOUS}\n"

    mood = client.classify(PLAIN, thread=said((CUSTOMER, quote))).thread_mood

    assert mood.earlier[0].score > 0.3


def test_a_mood_that_takes_too_long_is_left_out_and_said(start_server):
    # One message in a batch: on a busy machine one batch held them all, and the mood was there with the answer.
    server = start_server("--set", 'thread.max_wait="0s"', "--set", "inference.max_batch_messages=1")
    with server.channel() as channel:
        reply = Client(channel).classify(FURIOUS, thread=said(*[(CUSTOMER, f"{HAPPY} " * 20)] * 3))

    assert not reply.HasField("thread_mood")
    assert [notice.code for notice in reply.notices] == [triage_pb.NOTICE_CODE_THREAD_MOOD_UNAVAILABLE]
    assert reply.primary_intent.name, "the message itself is answered"


def test_the_trend_can_be_switched_off(start_server):
    server = start_server("--set", "thread.max_messages=0")
    with server.channel() as channel:
        reply = Client(channel).classify(FURIOUS, thread=said((CUSTOMER, HAPPY)))

    assert not reply.HasField("thread_mood")
    assert not reply.notices
    assert "mood-falling" not in reply.routing.matched_rules
