"""Picks the pieces of the base's vocabulary that the languages of customers use.

Expected frequency of a piece: word lists of the 15 languages (PyPI package wordfreq), each word as it is, capitalised
and in capitals, and the authored messages. Letters that stand alone are always kept, so that any word of a known
script can be spelt.
"""

import unicodedata
from collections import defaultdict

import numpy as np
import wordfreq
from tokenizers import Tokenizer

from labels import LANGUAGES

WORDS_PER_LANGUAGE = 60_000
CAPITALISED_SHARE, CAPITALS_SHARE = 0.25, 0.03
WITHOUT_SPACES = ("ja", "zh")
# Languages whose long compounds and inflections need more pieces, and the one that every shop meets.
WEIGHTS = defaultdict(lambda: 1.0, en=4.0, ru=1.6, pl=1.6, de=1.6)
# Share of one language's messages beside the word lists, which sum to 1.
MESSAGES_WEIGHT = 0.12
# Rarest Han and Hangul characters that are kept: their scripts have tens of thousands.
LEAST_SHARE = {"han": 1e-7, "hangul": 3e-8}
SPACE = "\u2581"
SPECIALS = 4
SCRIPTS = (
    ("latin", ((0x0000, 0x024F), (0x1E00, 0x1EFF))),
    ("combining", ((0x0300, 0x036F),)),
    ("cyrillic", ((0x0400, 0x052F),)),
    ("arabic", ((0x0600, 0x06FF),)),
    ("kana", ((0x3040, 0x30FF),)),
    ("han", ((0x3400, 0x9FFF), (0xF900, 0xFAFF))),
    ("hangul", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))),
)
ALWAYS_KEPT = ("latin", "combining", "cyrillic", "arabic", "kana")
# General punctuation, miscellaneous symbols, CJK punctuation and emoji are kept even where no message has them.
SYMBOL_RANGES = ((0x0000, 0x206F), (0x2600, 0x27BF), (0x3000, 0x303F), (0x1F300, 0x1FAFF))


def within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    """Says whether a code point is in one of some ranges."""
    return any(first <= code <= last for first, last in ranges)


def script(character: str) -> str:
    """Names the script of a character; "symbol" for punctuation and signs, "other" for what no language here uses."""
    for name, ranges in SCRIPTS:
        if within(ord(character), ranges):
            return name
    return "symbol" if unicodedata.category(character)[0] in "PS" else "other"


def counts_of(tokenizer: Tokenizer, texts: list[str], weights: list[float]) -> np.ndarray:
    """Returns weighted counts of pieces."""
    counts = np.zeros(tokenizer.get_vocab_size())
    for encoding, weight in zip(tokenizer.encode_batch(texts, add_special_tokens=False), weights, strict=True):
        np.add.at(counts, encoding.ids, weight)
    return counts


def word_list_counts(tokenizer: Tokenizer, language: str) -> np.ndarray:
    """Returns the expected frequency of each piece in everyday text of a language; sums to 1."""
    texts, weights = [], []
    frequencies = wordfreq.get_frequency_dict(language)
    for word in sorted(frequencies, key=lambda word: (-frequencies[word], word))[:WORDS_PER_LANGUAGE]:
        frequency = frequencies[word]
        texts.append(word)
        weights.append(frequency)
        if language not in (*WITHOUT_SPACES, "ko", "ar"):
            texts += [word.capitalize(), word.upper()]
            weights += [frequency * CAPITALISED_SHARE, frequency * CAPITALS_SHARE]
    counts = counts_of(tokenizer, texts, weights)
    if language in WITHOUT_SPACES:
        # Most words follow another one without a space: the same words behind a letter that is then taken away.
        behind = counts_of(tokenizer, ["x" + word for word in texts], weights)
        for piece in ("x", SPACE + "x", SPACE):
            behind[tokenizer.token_to_id(piece)] = 0
        counts += 4 * behind
    return counts / counts.sum()


def expected_frequency(tokenizer: Tokenizer, messages: dict[str, list[str]]) -> np.ndarray:
    """Returns the expected frequency of every piece over all languages; sums to 1."""
    total = sum(WEIGHTS[language] * word_list_counts(tokenizer, language) for language in LANGUAGES)
    total = total / total.sum()
    for language in LANGUAGES:
        texts = messages[language]
        both = texts + [text.lower() for text in texts]
        counts = counts_of(tokenizer, both, [1.0] * len(both))
        total = total + MESSAGES_WEIGHT * counts / counts.sum()
    return total / total.sum()


def is_kept(piece: str, share: float) -> bool:
    """Says whether a piece of one character is kept whatever its rank."""
    if len(piece) != 1:
        return False
    kind = script(piece)
    if kind in ALWAYS_KEPT:
        return True
    if kind == "symbol":
        return share > 0 or within(ord(piece), SYMBOL_RANGES)
    return share > LEAST_SHARE.get(kind, np.inf)


def pick(pieces: list[str], frequency: np.ndarray, size: int) -> list[int]:
    """Returns the ids of `size` pieces: special ones, `<mask>`, then the others in the order of the base."""
    mask = pieces.index("<mask>")
    kept = set(range(SPECIALS)) | {mask}
    kept |= {index for index, piece in enumerate(pieces) if is_kept(piece, frequency[index])}
    for index in np.argsort(-frequency, kind="stable"):
        if len(kept) >= size or frequency[index] <= 0:
            break
        kept.add(int(index))
    rest = sorted(kept - set(range(SPECIALS)) - {mask})
    return [*range(SPECIALS), mask, *rest]
