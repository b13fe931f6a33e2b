"""Changes messages the way customers' keyboards do."""

import random
import re
import unicodedata
from string import punctuation

PUNCTUATION = re.compile("[" + re.escape(punctuation.replace("@", "").replace("#", "")) + "。、！？，；：…¿¡]")
# Letters that lose more than a mark when typed on a foreign keyboard.
PLAIN = str.maketrans({"ı": "i", "ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "æ": "ae", "œ": "oe", "ё": "е"})
# Neighbours on a QWERTY keyboard, by rows.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
GREETINGS = {
    "en": ("hi", "Hello,", "hey there", "Good morning,", "Dear team,"),
    "de": ("hallo", "Guten Tag,", "moin", "Servus,", "Liebes Team,"),
    "tr": ("merhaba", "selam", "iyi günler,", "kolay gelsin", "Merhabalar,"),
    "ja": ("こんにちは。", "お世話になっております。", "すみません、", "はじめまして。"),
    "zh": ("你好，", "您好！", "在吗", "亲，", "哈喽"),
    "fr": ("bonjour", "Bonsoir,", "salut", "Bonjour à tous,"),
    "es": ("hola", "Buenas,", "buenos días", "Hola, buenas tardes."),
    "it": ("ciao", "Buongiorno,", "salve", "Buonasera,"),
    "pt": ("oi", "Olá,", "bom dia", "Boa tarde,"),
    "nl": ("hoi", "Goedendag,", "hallo", "Beste,"),
    "pl": ("cześć", "Dzień dobry,", "witam", "hej"),
    "sv": ("hej", "Hejsan,", "God dag,", "tjena"),
    "ru": ("привет", "Здравствуйте!", "добрый день", "Доброго времени суток,"),
    "ar": ("مرحبا", "السلام عليكم", "هلا", "مساء الخير،"),
    "ko": ("안녕하세요", "안녕하세요.", "저기요", "수고하십니다"),
}


def without_marks(text: str) -> str:
    """Leaves diacritics out, but not those that make another kana or Hangul syllable."""
    decomposed = unicodedata.normalize("NFD", text)
    kept = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f").translate(PLAIN)
    return unicodedata.normalize("NFC", kept)


def neighbour(letter: str, source: random.Random) -> str:
    """A key beside the one of a letter."""
    for row in ROWS:
        at = row.find(letter.lower())
        if at >= 0:
            return row[max(0, min(len(row) - 1, at + source.choice((-1, 1))))]
    return letter


def typing_slips(text: str, source: random.Random) -> str:
    """Swaps, drops, doubles or misses about one letter in thirty, once at least."""
    letters = list(text)
    for _ in range(max(1, len(letters) // 30)):
        if len(letters) < 4:
            break
        at = source.randrange(len(letters) - 1)
        kind = source.random()
        if kind < 0.35:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif kind < 0.6:
            del letters[at]
        elif kind < 0.8:
            letters.insert(at, letters[at])
        else:
            letters[at] = neighbour(letters[at], source)
    return "".join(letters)


def other_digits(text: str, source: random.Random) -> str:
    """Puts another digit for each one."""
    return re.sub(r"[0-9]", lambda _: str(source.randrange(10)), text)


def full_width(text: str) -> str:
    """Digits and Latin letters as East Asian keyboards write them."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


def capitals(text: str, lang: str | None) -> str:
    """The whole message in capitals; the Turkish i keeps its dot."""
    return (text.replace("i", "İ") if lang == "tr" else text).upper()


def noise(text: str, source: random.Random, lang: str | None = None) -> str:
    """Returns the text changed in one way that does not touch its meaning, or as it is where nothing would be left."""
    result = changed(text, source, lang)
    return result if result.strip() else text


def changed(text: str, source: random.Random, lang: str | None) -> str:
    """Returns the text changed in one way."""
    kind = source.randrange(12)
    if kind == 0:
        return text.lower() if text != text.lower() else capitals(text[:1], lang) + text[1:]
    if kind == 1:
        return PUNCTUATION.sub("", text)
    if kind in (2, 3):
        return typing_slips(text, source)
    if kind == 4:
        return other_digits(text, source)
    if kind == 5:
        return text.replace("\n", " ") if "\n" in text else capitals(text, lang)
    if kind in (10, 11):
        return capitals(text, lang)
    if kind in (6, 7):
        plain = without_marks(text)
        return plain.lower() if source.random() < 0.5 else plain
    if kind == 8:
        if lang in GREETINGS and source.random() < 0.5:
            return source.choice(GREETINGS[lang]) + source.choice((" ", "\n", "\n\n")) + text
        return full_width(text) if lang in ("ja", "zh", "ko") else text.rstrip(".!?。")
    # The body without its subject.
    subject, blank, body = text.partition("\n\n")
    return body if blank and len(subject) < 80 and source.random() < 0.5 else text.rstrip(".!?。！ ")
