"""Messages changed as keyboards do."""

import random

import pytest
from augment import GREETINGS, capitals, full_width, noise, other_digits, typing_slips, without_marks


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Siparişim nerede?", "tr", "SİPARİŞİM NEREDE?"),
        ("Ich heiße Ida", "de", "ICH HEISSE IDA"),
        ("where is it", None, "WHERE IS IT"),
        ("荷物はどこ", "ja", "荷物はどこ"),
    ],
)
def test_capitals_are_those_of_the_language(text, lang, expected):
    assert capitals(text, lang) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Où est l'œuf ?", "Ou est l'oeuf ?"),
        ("ıslak şişe", "islak sise"),
        ("Straße, łódź", "Strasse, lodz"),
        # A mark on these makes another letter.
        ("ガス 가방", "ガス 가방"),
    ],
)
def test_marks_are_left_out_where_a_foreign_keyboard_has_none(text, expected):
    assert without_marks(text) == expected


def test_digits_become_others_and_stay_as_many():
    changed = other_digits("order 48213, 2 items", random.Random(1))

    assert changed != "order 48213, 2 items"
    assert [c if not c.isdigit() else "0" for c in changed] == list("order 00000, 0 items")


def test_full_width_letters_and_digits():
    assert full_width("A1 届く") == "Ａ１ 届く"


@pytest.mark.parametrize("seed", range(50))
def test_a_slip_changes_a_letter_or_two(seed):
    text = "where is my parcel"
    changed = typing_slips(text, random.Random(seed))

    assert abs(len(changed) - len(text)) <= 1
    assert len(set(changed.split()) & set(text.split())) >= 2


def test_noise_is_the_same_for_the_same_seed_and_of_every_kind():
    text = "Hallo, wo bleibt mein Paket 48213?"
    changed = {noise(text, random.Random(seed), "de") for seed in range(400)}

    assert changed == {noise(text, random.Random(seed), "de") for seed in range(400)}
    assert {text.lower(), text.upper(), text.rstrip("?"), "Hallo wo bleibt mein Paket 48213"} <= changed
    assert any(line.startswith(greeting) for line in changed for greeting in GREETINGS["de"] if greeting != "hallo")


def test_what_is_in_lower_case_gets_a_capital_instead():
    changed = {noise("şifremi unuttum", random.Random(seed), "tr") for seed in range(100)}

    assert "Şifremi unuttum" in changed


def test_noise_leaves_something_of_every_text():
    for text in ("?", "a", "\n\n", "好", "👍"):
        for seed in range(60):
            assert noise(text, random.Random(seed), "zh").strip() or not text.strip()
