"""Classifies one message: python classify.py [ADDRESS] [TEXT]"""

import pathlib
import sys

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
pb, services = grpc.protos_and_services("signalbox/v1/classifier_service.proto")
triage = grpc.protos("signalbox/v1/triage.proto")

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
text = sys.argv[2] if len(sys.argv) > 2 else "Where is my order? It was due on Monday!"

with grpc.insecure_channel(address) as channel:
    stub = services.ClassifierServiceStub(channel)
    try:
        reply = stub.Classify(pb.ClassifyRequest(text=text), timeout=5)
    except grpc.RpcError as error:
        sys.exit(f"no answer from {address}: {error.code().name}: {error.details()}")


def word(enum, number, prefix):
    """Returns the name of a value of an enum without its prefix: PRIORITY_P2 as P2."""
    return enum.Name(number).removeprefix(prefix)


intent, polarity, routing, action = reply.primary_intent, reply.polarity, reply.routing, reply.routing.action
print(f"intent    {intent.name} ({intent.probability:.2f})" if intent.name else "intent    -")
if reply.HasField("abstention"):
    reason = word(triage.AbstainReason, reply.abstention.reason, "ABSTAIN_REASON_")
    print(f"unsure    {reason}: {reply.abstention.detail}")
elif reply.HasField("group_fallback"):
    print(f"unsure    only the group is sure: {reply.group_fallback.name} ({reply.group_fallback.probability:.2f})")
print(f"polarity  {polarity.label} ({polarity.score:+.2f})" if polarity.label else "polarity  -")
print(f"flags     {', '.join(flag.name for flag in reply.flags if flag.above) or '-'}")
print(f"entities  {', '.join(entity.value for entity in reply.entities) or '-'}")
print(f"queue     {routing.queue}, {word(triage.Priority, routing.priority, 'PRIORITY_')}")
what = f"{word(triage.ActionType, action.type, 'ACTION_TYPE_')} {action.flow or action.macro_id}".rstrip()
print(f"action    {what} ({word(triage.ConfidenceTier, action.confidence_tier, 'CONFIDENCE_TIER_')})")
print(f"rules     {', '.join(routing.matched_rules) or '-'}")
