"""Classifies one message: python classify.py [ADDRESS] [TEXT]"""

import pathlib
import sys

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
pb, services = grpc.protos_and_services("signalbox/v1/classifier_service.proto")

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
text = sys.argv[2] if len(sys.argv) > 2 else "Where is my order? It was due on Monday!"

with grpc.insecure_channel(address) as channel:
    stub = services.ClassifierServiceStub(channel)
    reply = stub.Classify(pb.ClassifyRequest(text=text), timeout=5)

print(f"intent    {reply.primary_intent.name} ({reply.primary_intent.probability:.2f})")
print(f"polarity  {reply.polarity.label} ({reply.polarity.score:+.2f})")
print(f"flags     {', '.join(flag.name for flag in reply.flags if flag.above) or '-'}")
