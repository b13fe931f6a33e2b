"""TaxonomyService: what labels mean and are called."""

import grpc
import pytest
from google.rpc import error_details_pb2

from invariants import DIGEST, POLARITY_STEPS
from signalbox_client import detail, model_pb


def test_every_label_of_the_model_is_described(client):
    taxonomy = client.get_taxonomy()

    assert DIGEST.fullmatch(taxonomy.digest)
    model = client.models.GetModel(model_pb.GetModelRequest()).model
    heads = {head.name: list(head.labels) for head in model.heads}
    intents = [entry.name for entry in taxonomy.intents]
    assert set(heads["primary"]) | set(heads["intent"]) <= set(intents)
    assert set(heads["flags"]) <= {entry.name for entry in taxonomy.flags}
    assert [entry.name for entry in taxonomy.polarity] == POLARITY_STEPS
    groups = [entry.name for entry in taxonomy.groups]
    assert set(groups) == {name.split(".")[0] for name in intents}
    for entries in taxonomy.intents, taxonomy.flags:
        assert all(entry.definition for entry in entries)
    for entries in taxonomy.groups, taxonomy.intents, taxonomy.flags, taxonomy.polarity:
        titles = [entry.display_name for entry in entries]
        assert all(titles) and len(set(titles)) == len(titles)


def test_aliases_name_one_label_each(client):
    taxonomy = client.get_taxonomy()

    aliases = [alias for entry in (*taxonomy.intents, *taxonomy.flags) for alias in entry.aliases]
    assert len(set(aliases)) == len(aliases) > 0
    by_name = {entry.name: entry for entry in taxonomy.intents}
    assert "wismo" in by_name["order.status"].aliases


def test_views_are_listed_and_can_be_asked_for(client):
    views = client.get_taxonomy().views

    assert [view.name for view in views] == ["gorgias", "zendesk", "comprehend", "google", "freshdesk", "nps"]
    assert all(view.description for view in views)


NAMES = {"": "Order status", "en": "Order status", "de": "Bestellstatus", "de-AT": "Bestellstatus", "zh-Hant-TW": "订单状态"}


@pytest.mark.parametrize("language", NAMES)
def test_names_come_in_the_language_asked_for(client, language):
    entries = {entry.name: entry for entry in client.get_taxonomy(language=language).intents}

    assert entries["order.status"].display_name == NAMES[language]


@pytest.mark.parametrize("language", ["hu", "xx", "not a tag", "x" * 4_000])
def test_a_language_without_names_falls_back_to_english(client, language):
    assert client.get_taxonomy(language=language) == client.get_taxonomy(language="en")


def test_every_language_that_is_listed_has_names_of_its_own(client):
    english = client.get_taxonomy()

    assert "en" in english.languages and len(english.languages) == 15
    for tag in set(english.languages) - {"en"}:
        other = client.get_taxonomy(language=tag)
        same = [a.name for a, b in zip(english.intents, other.intents) if a.display_name == b.display_name]
        assert len(same) < len(english.intents) / 5, f"{tag}: {same}"


@pytest.mark.parametrize("fields", [{"model": "no-such-model"}, {"model_version": "no-such-version"}])
def test_an_unknown_model_is_not_found(client, fields):
    with pytest.raises(grpc.RpcError) as missing:
        client.get_taxonomy(**fields)

    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    assert next(iter(fields.values())) in detail(missing.value, error_details_pb2.ResourceInfo).resource_name
