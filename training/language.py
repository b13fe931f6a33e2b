"""Trains models/language/ngrams.bin: which of 15 languages a short text is written in.

    python training/language.py train CORPUS models/language/ngrams.bin
    python training/language.py train CORPUS held-out.bin --hold-out 1
    python training/language.py parity models/language/ngrams.bin src/language/ngrams-parity.json

CORPUS is a folder of <language>.jsonl files with the fields "text", "lang" and "batch". A batch is one author's file
or, in the first wave, a stretch of messages that runs parallel between languages; its number modulo 5 is its fold, so
that no author and no parallel stretch is on both sides of a split. `--hold-out` leaves folds out of the training;
examples/measure_language.rs reads the result on them.

Softmax over hashed character n-grams. The same computation as in src/language/ngrams.rs, which reads the file; its
layout is described in models/language/README.md. The same numpy on the same corpus writes the same bytes.
"""

import argparse
import json
import math
import re
import struct
import unicodedata
from pathlib import Path

import numpy as np

LANGUAGES = ["en", "de", "tr", "ja", "zh", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "ar", "ko"]
MAGIC, FORMAT = b"SBLN", 1
SAMPLE_CHARS = 1000
MAX_NGRAM = 5
FOLDS = 5

EPOCHS = 20
LEARNING_RATE = 0.5
SEED = 20261120
# Customers leave accents out; a tenth of the texts is read without them.
UNACCENTED_SHARE = 0.1
WINDOW_SHARE = 0.85
# Measured on fold 1 (weights trained on the others) by `temperature`; 1 would be the softmax as trained.
TEMPERATURE = 0.9

# Letters by script, as src/language/letters.rs has them: explicit, so that both read every text alike.
LETTER_RANGES = [
    (0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F),
    (0x1E00, 0x1EFF), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A),  # Latin
    (0x400, 0x481), (0x48A, 0x52F),  # Cyrillic
    (0x620, 0x63F), (0x641, 0x64A), (0x66E, 0x66F), (0x671, 0x6D3), (0x6D5, 0x6D5), (0x6EE, 0x6EF), (0x6FA, 0x6FC),
    (0x750, 0x77F), (0xFB50, 0xFBB1), (0xFBD3, 0xFD3D), (0xFE76, 0xFEFC),  # Arabic
    (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D),  # kana
    (0x3005, 0x3005), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF),  # Han
    (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7A3), (0xD7B0, 0xD7FB),  # Hangul
]  # fmt: skip
# Vowel marks and the stretching line of Arabic: left out without ending the word.
MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
LETTERS = "".join(f"{chr(first)}-{chr(last)}" for first, last in LETTER_RANGES)
WORD = re.compile(f"[{LETTERS}']+")
UNACCENTED = str.maketrans({"ß": "ss", "ı": "i", "ł": "l", "Ł": "L", "ø": "o", "æ": "ae", "œ": "oe"})

# Unicode's white space; str.split() alone would also split at U+001C to U+001F.
SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Chinese, Japanese and Korean are written around numbers and links without spaces.
EAST_ASIAN = "\u2e80-\u2fff\u3001-\ufaff\uff00-\uffef\U00020000-\U000323af"
STRETCH = re.compile(f"[{EAST_ASIAN}]+|[^{SPACE}{EAST_ASIAN}]+")


def is_prose(stretch):
    """Tells whether a stretch between spaces is language at all, not a link, an address or a number."""
    digits = sum("0" <= character <= "9" for character in stretch)
    return digits < 2 and "@" not in stretch and "://" not in stretch and not stretch.startswith("www.")


def words_of(text):
    """The words of the sample, in lower case, one character for one."""
    found = []
    for stretch in STRETCH.findall(text[:SAMPLE_CHARS]):
        if is_prose(stretch):
            stretch = MARKS.sub("", stretch.replace("\u2019", "'"))
            for word in WORD.findall(stretch):
                found.append("".join(character.lower()[0] for character in word))
    return found


class Hasher:
    """Turns words into buckets; remembers words that it has seen."""

    def __init__(self, bucket_bits):
        self.bucket_bits = bucket_bits
        self.seen = {}

    def of_word(self, word):
        if word not in self.seen:
            self.seen[word] = self._hash(word)
        return self.seen[word]

    def _hash(self, word):
        points = [0x20, *map(ord, word), 0x20]
        buckets = []
        for start in range(len(points)):
            state = 0xCBF29CE484222325
            for length, point in enumerate(points[start : start + MAX_NGRAM], 1):
                state = (state ^ point) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
                state ^= state >> 29
                if length > 1 or point != 0x20:
                    buckets.append((state * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> (64 - self.bucket_bits))
        return np.array(buckets, dtype=np.int64)

    def features(self, words):
        """Buckets and their values: occurrences divided by the root of the number of n-grams."""
        arrays = [self.of_word(word) for word in words]
        if not arrays:
            return None
        buckets, counts = np.unique(np.concatenate(arrays), return_counts=True)
        return buckets, (counts / math.sqrt(counts.sum())).astype(np.float32)


def softmax(scores):
    shifted = np.exp((scores - scores.max()).astype(np.float64))
    return (shifted / shifted.sum()).astype(np.float32)


def scores_of(weights, biases, features):
    buckets, values = features
    return (weights[buckets] * values[:, None]).sum(0, dtype=np.float32) + biases


def unaccented(text):
    parts = unicodedata.normalize("NFD", text.translate(UNACCENTED))
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", parts))


def window(text, language, generator):
    """A few words in a row, so that short texts are learnt as well; characters where words have no spaces."""
    if language in ("ja", "zh"):
        length = int(generator.integers(2, 13))
        start = int(generator.integers(max(1, len(text) - length + 1)))
        return text[start : start + length]
    parts = text.split()
    if len(parts) <= 2:
        return text
    length = int(generator.integers(1, 6))
    start = int(generator.integers(len(parts)))
    return " ".join(parts[start : start + length])


def view_of(row, generator):
    text = row["text"]
    if generator.random() < WINDOW_SHARE:
        text = window(text, row["lang"], generator)
    if generator.random() < UNACCENTED_SHARE and row["lang"] not in ("ja", "zh", "ko", "ru", "ar"):
        text = unaccented(text)
    return text


def read_corpus(corpus, keep_folds):
    rows = []
    for language in LANGUAGES:
        for line in (Path(corpus) / f"{language}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            row["text"] = unicodedata.normalize("NFC", row["text"])
            if fold_of(row["batch"]) in keep_folds:
                rows.append(row)
    return rows


def fold_of(batch):
    return int(batch.rsplit("-", 1)[1]) % FOLDS


def train(rows, bucket_bits):
    """AdaGrad, one message at a time."""
    hasher = Hasher(bucket_bits)
    classes = len(LANGUAGES)
    weights = np.zeros((1 << bucket_bits, classes), np.float32)
    squares = np.full((1 << bucket_bits, classes), 1e-3, np.float32)
    biases, bias_squares = np.zeros(classes, np.float32), np.full(classes, 1e-3, np.float32)
    generator = np.random.default_rng(SEED)
    steps = EPOCHS * len(rows)
    for epoch in range(EPOCHS):
        for position, index in enumerate(generator.permutation(len(rows))):
            # Falls to a tenth over the run.
            rate = LEARNING_RATE * (1 - 0.9 * (epoch * len(rows) + position) / steps)
            row = rows[index]
            features = hasher.features(words_of(view_of(row, generator)))
            if features is None:
                continue
            buckets, values = features
            error = softmax(scores_of(weights, biases, features))
            error[LANGUAGES.index(row["lang"])] -= 1
            bias_squares += error * error
            biases -= rate * error / np.sqrt(bias_squares)
            gradient = values[:, None] * error
            squares[buckets] += gradient * gradient
            weights[buckets] -= rate * gradient / np.sqrt(squares[buckets])
        print(f"epoch {epoch + 1} of {EPOCHS}", flush=True)
    return weights, biases


def quantized(weights):
    """Whole numbers from -127 to 127 and the size of one for each language."""
    scales = (np.abs(weights).max(0) / 127).astype(np.float32)
    return np.clip(np.rint(weights / scales), -127, 127).astype(np.int8), scales


def digest_of(body):
    state = 0xCBF29CE484222325
    for (word,) in struct.iter_unpack("<Q", body):
        state = (state ^ word) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return state


def write(path, bucket_bits, temperature, weights, biases):
    whole, scales = quantized(weights)
    tags = "".join(LANGUAGES).encode()
    body = struct.pack("<f30s2x", temperature, tags) + scales.astype("<f4").tobytes()
    body += biases.astype("<f4").tobytes() + bytes(4) + whole.tobytes()
    head = MAGIC + struct.pack("<IIIQ", FORMAT, bucket_bits, len(LANGUAGES), digest_of(body))
    Path(path).write_bytes(head + body)


class Stored:
    """The weights as they are in the file, for predictions from Python."""

    def __init__(self, path):
        data = Path(path).read_bytes()
        magic, version, bucket_bits, classes, digest = struct.unpack_from("<4sIIIQ", data)
        if (magic, version, classes) != (MAGIC, FORMAT, len(LANGUAGES)) or digest != digest_of(data[24:]):
            raise SystemExit(f"{path} is not what this program writes")
        self.hasher = Hasher(bucket_bits)
        self.temperature = struct.unpack_from("<f", data, 24)[0]
        self.scales, self.biases = np.frombuffer(data, "<f4", 2 * classes, 60).reshape(2, classes)
        self.weights = np.frombuffer(data, np.int8, classes << bucket_bits, 184).reshape(-1, classes)

    def scores(self, words):
        """One number for each language, before the temperature; None for a text without letters."""
        buckets = [bucket for word in words for bucket in self.hasher.of_word(word)]
        if not buckets:
            return None
        whole = self.weights[buckets].sum(0, dtype=np.int64)
        return whole * (self.scales / math.sqrt(len(buckets))) + self.biases

    def probabilities(self, words):
        scores = self.scores(words)
        return None if scores is None else softmax(scores / self.temperature)


def fit_temperature(path, rows):
    """The temperature with the least log loss on rows and on the single words and word pairs in them."""
    stored = Stored(path)
    generator = np.random.default_rng(SEED)
    texts = [(row["lang"], text) for row in rows for text in (row["text"], window(row["text"], row["lang"], generator))]
    seen = [(LANGUAGES.index(language), stored.scores(words_of(text))) for language, text in texts]
    seen = [(index, scores) for index, scores in seen if scores is not None]
    truth, scores = np.array([index for index, _ in seen]), np.array([scores for _, scores in seen])
    for temperature in np.arange(0.5, 3.0, 0.05):
        scaled = scores / temperature
        scaled -= scaled.max(1, keepdims=True)
        logs = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        right = (scaled.argmax(1) == truth).mean()
        print(f"{temperature:.2f}: log loss {-logs[np.arange(len(truth)), truth].mean():.4f}, {right:.2%} right")


PARITY_TEXTS = [
    "",
    "12345 👍",
    "Where is my parcel?",
    "WO BLEIBT MEINE BESTELLUNG 48213-AB?? siehe https://shop.example/o/48213 oder kunde@shop.example",
    "Ich hab's bezahlt, l\u2019article n'est pas arrivé",
    "KARGOM NEREDE İADE istiyorum ısı",
    "注文48213をキャンセルしたいです。iPhone15版",
    "我的包裹在哪里？",
    "Где моя посылка? Ещё не пришла",
    "أين طلبي؟ مَتى يَصِل الطـــرد",
    "제 소포는 어디에 있나요?",
    "Gdzie jest moja paczka, zamówiłem tydzień temu",
    "momken te7elly el order 3ala tool",
    "ＡＢＣ ｶﾀｶﾅ Straße\u00a0groß œuvre\u2003ǅ",
    "abc " * 400,
]


def write_parity(path, weights):
    """What the program must compute as well: buckets of the first n-grams, their number, and all probabilities."""
    stored = Stored(weights)
    cases = []
    for text in PARITY_TEXTS:
        words = words_of(text)
        buckets = [int(bucket) for word in words for bucket in stored.hasher.of_word(word)]
        found = stored.probabilities(words)
        cases.append({
            "text": text,
            "ngrams": len(buckets),
            "first_buckets": buckets[:40],
            "probabilities": None if found is None else [round(float(share), 6) for share in found],
        })  # fmt: skip
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    Path(path).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_common_words(corpus):
    """Prints the words of src/language/foreign-words.txt that the corpus has: they are no sign of another language."""
    common = {word for row in read_corpus(corpus, set(range(FOLDS))) for word in words_of(row["text"])}
    listed = Path(__file__).parent.parent / "src/language/foreign-words.txt"
    for line in listed.read_text(encoding="utf-8").splitlines():
        language, _, words = line.partition(": ")
        if not line.startswith("#"):
            print(language, *(word for word in words.split() if word in common))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("corpus")
    training.add_argument("weights")
    training.add_argument("--bucket-bits", type=int, default=15)
    training.add_argument("--hold-out", type=int, nargs="*", default=[], choices=range(FOLDS))
    held_out = commands.add_parser("rows", help="writes the rows of some folds")
    held_out.add_argument("corpus")
    held_out.add_argument("rows")
    held_out.add_argument("folds", type=int, nargs="+")
    temperature = commands.add_parser("temperature", help="log loss by temperature on some folds")
    temperature.add_argument("corpus")
    temperature.add_argument("weights")
    temperature.add_argument("folds", type=int, nargs="+")
    words = commands.add_parser("words", help="lists the words of other languages that the corpus has")
    words.add_argument("corpus")
    parity = commands.add_parser("parity")
    parity.add_argument("weights")
    parity.add_argument("cases")
    given = parser.parse_args()
    if given.command == "train":
        rows = read_corpus(given.corpus, set(range(FOLDS)) - set(given.hold_out))
        weights, biases = train(rows, given.bucket_bits)
        write(given.weights, given.bucket_bits, TEMPERATURE, weights, biases)
    elif given.command == "rows":
        lines = (json.dumps(row, ensure_ascii=False) for row in read_corpus(given.corpus, set(given.folds)))
        Path(given.rows).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    elif given.command == "temperature":
        fit_temperature(given.weights, read_corpus(given.corpus, set(given.folds)))
    elif given.command == "words":
        write_common_words(given.corpus)
    else:
        write_parity(given.cases, given.weights)


if __name__ == "__main__":
    main()
