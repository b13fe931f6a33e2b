"""Models with labels of their own: refused when nobody knows them, served with a taxonomy that does."""

import json
import pathlib
import shutil

import grpc
import pytest

from invariants import DIGEST
from signalbox_client import ROOT, Client, options, run, violations

TINY = ROOT / "tests/fixtures/tiny-bert-multihead"
RENAMED = {"refund.status": "warranty.claim", "item.damaged": "item.damagd", "urgent": "urgnet"}

TAXONOMY = """\
format: 1
languages: [en, de]
groups:
  order: { names: { en: Orders, de: Bestellungen } }
  return: { names: { en: Returns, de: Retouren } }
  warranty: { names: { en: Warranty, de: Garantie } }
  item: { names: { en: Items, de: Artikel } }
  feedback: { names: { en: Feedback, de: Rückmeldungen } }
intents:
  order.status: { definition: Asks where an order is. }
  order.cancel: { definition: Wants to cancel an order. }
  return.request: { definition: Wants to return something. }
  warranty.claim:
    definition: Claims the warranty.
    names: { en: Warranty claim, de: Garantiefall }
    aliases: [guarantee]
  item.damagd: { definition: Something arrived broken. }
  feedback.praise: { definition: Praises the shop. }
flags:
  angry: { definition: Is angry. }
  promoter: { definition: Recommends the shop. }
  urgnet: { definition: Is urgent. }
  repeat_contact: { definition: Writes again. }
"""


def renamed_model(folder: pathlib.Path) -> pathlib.Path:
    """Copies a small model and gives it labels that nobody knows; its weights and their digests stay."""
    model = folder / "model"
    shutil.copytree(TINY, model)
    manifest = json.loads((TINY / "signalbox.json").read_text())
    for head in manifest["heads"]:
        head["labels"] = [RENAMED.get(label, label) for label in head["labels"]]
    (model / "signalbox.json").write_text(json.dumps(manifest))
    return model


def test_a_model_with_unknown_labels_is_refused_with_every_one_of_them(tmp_path):
    model = renamed_model(tmp_path)

    for command in ("serve", "--listen", "127.0.0.1:0"), ("model", "verify"):
        given = ("--model", model) if command[0] == "serve" else (model,)
        ended = run(*command, *given)

        assert ended.returncode == 1, ended.stderr
        for label in RENAMED.values():
            assert label in ended.stderr
        assert "urgent" in ended.stderr and "item.damaged" in ended.stderr, "what may be meant"
        assert "taxonomy.yaml" in ended.stderr, "what can be done about it"


def test_a_model_with_a_taxonomy_of_its_own_is_served_with_it(start_server, tmp_path):
    model = renamed_model(tmp_path)
    (model / "taxonomy.yaml").write_text(TAXONOMY)

    server = start_server("--model", str(model))

    with server.channel() as channel:
        client = Client(channel)
        taxonomy = client.get_taxonomy(language="de")
        reply = client.classify("hello", options=options(top_k=10))
        assert {intent.name for intent in reply.intents} >= {"warranty.claim", "item.damagd"}
        assert reply.revisions.taxonomy_digest == taxonomy.digest
        assert DIGEST.fullmatch(taxonomy.digest)
        intents = {entry.name: entry for entry in taxonomy.intents}
        assert len(intents) == 6
        assert intents["warranty.claim"].display_name == "Garantiefall"
        assert list(intents["warranty.claim"].aliases) == ["guarantee"]
        assert list(taxonomy.languages) == ["en", "de"]
        assert not taxonomy.views
        with pytest.raises(grpc.RpcError) as refused:
            client.classify("hello", options=options(views=["zendesk"]))
        assert list(violations(refused.value)) == ["options.views[0]"]
    assert run("model", "verify", model).returncode == 0


def test_a_bad_taxonomy_in_a_model_is_refused_with_every_fault(tmp_path):
    model = renamed_model(tmp_path)
    bad = TAXONOMY.replace("aliases:", "aliasses:").replace("de: Retouren", "fr: Retours")
    (model / "taxonomy.yaml").write_text(bad)

    ended = run("serve", "--listen", "127.0.0.1:0", "--model", model)

    assert ended.returncode == 1
    assert "aliasses" in ended.stderr and "fr" in ended.stderr
    assert "taxonomy.yaml:" in ended.stderr
