"""Downloads public data sets and converts them to what training/prepare.py --public reads.

    python training/public.py DIR [--only SET...]

Needs the standard library alone. Source files come from raw.githubusercontent.com, each at a fixed commit, and stay in
DIR/sources, so that a second run downloads nothing; of each file that is downloaded the SHA-256 is printed. Every set
becomes DIR/<set>.jsonl.gz, one JSON object a line:

    text        masked (<EMAIL>, <URL>, @user), white space collapsed, each text once in a set and language
    lang        language tag as the source names it
    label_raw   the source's label
    intents     names of config/taxonomy.yaml, or null
    polarity3   negative, neutral, positive, or null
    flags       names of config/taxonomy.yaml, or null
    split       train, dev or test of the source; of sources without splits all is train

Null means that the source does not say, never "no". A set is cut to 8,000 rows (amazon_pqa_questions_en: 4,000) that
are spread evenly over the source's labels by a fixed seed; among rows of a label those come first that
training/public-labels.jsonl labels by our guide, then those with an intent.

Left out is bitext_cs_en, Bitext's sample for customer support: its source is a spreadsheet, so that no reader for it
could be checked. training/README.md has the table of the sets.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import random
import re
import sys
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HOST = "https://raw.githubusercontent.com"
PUBLIC_LABELS = Path(__file__).parent / "public-labels.jsonl"
MOST_ROWS = 8000
SEED = 2024
SPLITS = ("test", "dev", "train")
TIMEOUT_SECONDS = 60

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
USER = re.compile(r"@\w+")

Row = dict[str, str | list[str] | None]
# The texts of a set's files by path.
Reader = Callable[[dict[str, str]], Iterator[Row]]


class DownloadError(Exception):
    """A source file could not be had."""


@dataclass(frozen=True)
class Source:
    """A file of a public repository at a commit."""

    repository: str
    commit: str
    path: str

    @property
    def url(self) -> str:
        return f"{HOST}/{self.repository}/{self.commit}/{self.path}"

    def place(self, sources: Path) -> Path:
        """Where the file lies once it was downloaded."""
        return sources / self.repository / self.commit / self.path


def at(repository: str, commit: str, *paths: str) -> tuple[Source, ...]:
    """Names several files of one commit."""
    return tuple(Source(repository, commit, path) for path in paths)


@dataclass(frozen=True)
class PublicSet:
    """A set: where it comes from, how it is read, how many rows are kept, and over what these are spread."""

    licence: str
    files: tuple[Source, ...]
    read: Reader
    most: int = MOST_ROWS
    group: Callable[[Row], str] = lambda row: str(row["label_raw"])


def words(text: str) -> list[str]:
    """Reads a list of names."""
    return text.split()


def by_label(names: dict[str, str]) -> dict[str, str]:
    """Turns {our intent: "source labels"} round."""
    return {label: intent for intent, labels in names.items() for label in words(labels)}


def make(
    text: str,
    lang: str,
    label: str,
    split: str,
    intent: str | None = None,
    polarity: str | None = None,
    flags: list[str] | None = None,
) -> Row:
    """Builds a row; `clean` comes later, for all sets alike."""
    return {
        "text": text,
        "lang": lang,
        "label_raw": label,
        "intents": [intent] if intent else None,
        "polarity3": polarity,
        "flags": flags,
        "split": split,
    }


def split_of(path: str) -> str:
    """Reads train, dev or test from a file's name; the data sets say valid or val for dev."""
    words = re.findall(r"[a-z]+", path.rsplit("/", 1)[-1].lower())
    if any(word.startswith("test") for word in words):
        return "test"
    return "dev" if {"dev", "val", "valid"} & set(words) else "train"


def table(text: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Reads a table with a header."""
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)


# ---- banking77: questions to a bank's app, written and sorted by people; CC BY 4.0 (PolyAI). Nothing synthetic; the
# bank is a proxy for a shop, so the mapping goes by analogy.

BANKING77 = by_label(
    {
        "account.access": "passcode_forgotten",
        "account.manage": "edit_personal_details",
        "account.privacy": "terminate_account",
        "order.status": "card_delivery_estimate card_arrival",
        "payment.dispute": "transaction_charged_twice extra_charge_on_statement card_payment_not_recognised "
        "direct_debit_payment_not_recognised card_payment_fee_charged",
        "payment.issue": "declined_card_payment pending_card_payment reverted_card_payment?",
        "payment.methods": "supported_cards_and_currencies apple_pay_or_google_pay",
        "refund.request": "request_refund",
        "refund.status": "Refund_not_showing_up",
        "trust.fraud": "compromised_card",
    }
)


def read_banking77(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        for line in table(text):
            label = line["category"]
            yield make(line["text"], "en", label, split_of(path), BANKING77.get(label))


# ---- arbanking77: banking77 arabised by people, in the standard language and four dialects; CC BY-SA 4.0 (SinaLab).
# Nothing synthetic. Its test rows translate the test rows of banking77.


def read_arbanking77(files: dict[str, str]) -> Iterator[Row]:
    names = next(text for path, text in files.items() if path.endswith("Banking77_intents.csv"))
    english = {line["label_ar"]: line["label_en"] for line in table(names)}
    for path, text in files.items():
        if path.endswith("Banking77_intents.csv"):
            continue
        for line in table(text):
            label = english.get(line["label"], line["label"])
            yield make(line["text"], "ar", label, split_of(path), BANKING77.get(label.replace(" ", "_")))


# ---- nlupp: NLU++, what callers say to a bank and a hotel, with several labels each; CC BY 4.0 (PolyAI). Nothing
# synthetic. Folds, no splits: all is train.


def read_nlupp(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        domain = path.split("/")[-2]
        for example in json.loads(text):
            labels = example.get("intents", [])
            intent = None
            if "handoff" in labels and "deny" not in labels:
                intent = "support.human_agent"
            elif labels == ["greet"]:
                intent = "chat.greeting"
            elif set(labels) in ({"thank"}, {"thank", "end_call"}):
                intent = "chat.thanks"
            yield make(example["text"], "en", f"{domain}:{'+'.join(labels)}", "train", intent)


# ---- clinc150: requests to a voice assistant, written by crowd workers; CC BY 3.0 (Clinc). Nothing synthetic; mostly
# examples of what is not for a shop.

CLINC150 = by_label(
    {
        "chat.greeting": "greeting",
        "chat.thanks": "thank_you goodbye",
        "order.place": "order",
        "order.status": "order_status",
        "payment.issue": "card_declined",
        "promo.loyalty": "rewards_balance redeem_rewards",
        "other.out_of_scope": """
            accept_reservations alarm apr book_flight book_hotel calculator calendar calendar_update calories
            cancel_reservation car_rental carry_on change_accent change_speed change_volume confirm_reservation
            cook_time credit_score current_location date definition direct_deposit directions distance
            do_you_have_pets find_phone flight_status flip_coin food_last fun_fact gas gas_type how_busy
            how_old_are_you improve_credit_score income ingredient_substitution ingredients_list interest_rate
            international_visa jump_start last_maintenance lost_luggage make_call meal_suggestion meaning_of_life
            measurement_conversion meeting_schedule mpg next_holiday next_song nutrition_info oil_change_how
            oil_change_when oos payday play_music plug_type pto_balance pto_request pto_request_status pto_used recipe
            reminder reminder_update restaurant_reservation restaurant_reviews restaurant_suggestion roll_dice
            rollover_401k routing schedule_maintenance schedule_meeting share_location shopping_list
            shopping_list_update smart_home spelling sync_device taxes tell_joke text time timer timezone tire_change
            tire_pressure todo_list todo_list_update traffic translate travel_alert travel_suggestion uber
            update_playlist vaccines w2 weather what_are_your_hobbies what_is_your_name what_song where_are_you_from
            whisper_mode who_made_you
        """,
    }
)
CLINC150_SPLITS = {"train": "train", "val": "dev", "test": "test"}


def read_clinc150(files: dict[str, str]) -> Iterator[Row]:
    for text in files.values():
        for part, examples in json.loads(text).items():
            for utterance, label in examples:
                yield make(utterance, "en", label, CLINC150_SPLITS[part.removeprefix("oos_")], CLINC150.get(label))


# ---- multidogo: customers' turns of chats that crowd workers played (Wizard of Oz), lower-cased, without punctuation;
# CDLA-Permissive-1.0 (Amazon). The people are real, their wishes are not. Turns that only make sense as an answer are
# left out; outofdomain stays null, for another domain may be a shop's.

MULTIDOGO = by_label(
    {
        "account.manage": "finance/updateaddress",
        "account.privacy": "finance/closeaccount",
        "item.defective": "software/reportbrokensoftware insurance/reportbrokenphone",
        "order.cancel": "software/stoporder",
        "order.change": "software/changeorder",
        "order.place": "software/startorder fastfood/orderpizzaintent fastfood/orderburgerintent "
        "fastfood/ordersaladintent",
        "payment.dispute": "finance/disputecharge",
        "payment.invoice": "software/providereceipt",
        "promo.discount": "software/getpromotions",
        "subscription.cancel": "media/cancelserviceintent",
        "subscription.change": "media/viewbillsintent media/upgradeserviceintent",
        "support.technical_issue": "software/checkserverstatus",
    }
)
MULTIDOGO_DOMAINS = ("airline", "fastfood", "finance", "insurance", "media", "software")
MULTIDOGO_ANSWERS = {"contentonly", "confirmation", "rejection"}
# Longer turns, and those with such words, say more than hello or thanks.
MULTIDOGO_LONGEST_COURTESY = 40
MULTIDOGO_COURTESIES = {
    "openinggreeting": ("chat.greeting", re.compile(r"\b(?:need|want|help|have|my|order)\b|\?")),
    "closinggreeting": ("chat.thanks", re.compile(r"\b(?:need|want)\b|\?")),
    "thankyou": ("chat.thanks", re.compile(r"\b(?:need|want)\b|\?")),
}


def read_multidogo(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        domain = path.split("/")[-2]
        for line in table(text, "\t"):
            utterance, label = " ".join(line["utterance"].split()), line["intent"]
            if not label or label in MULTIDOGO_ANSWERS:
                continue
            intent = MULTIDOGO.get(f"{domain}/{label}")
            if label in MULTIDOGO_COURTESIES and len(utterance) <= MULTIDOGO_LONGEST_COURTESY:
                courtesy, request = MULTIDOGO_COURTESIES[label]
                intent = None if request.search(utterance) else courtesy
            yield make(utterance, "en", f"{domain}/{label}", split_of(path), intent)


# ---- hint3_*: what the builders of two Indian shops' bots wrote as examples; ODbL 1.0 and DbCL 1.0 (Haptik).
# Nothing synthetic. Texts of the test split, real customers' messages, are left out, so that it stays unseen. Labels
# that spread over several of our intents are not mapped.

CUREKART = by_label(
    {
        "account.manage": "SIGN_UP",
        "order.cancel": "CANCEL_ORDER",
        "order.place": "ORDER_TAKING",
        "order.status": "ORDER_STATUS",
        "other.business_inquiry": "FRANCHISE",
        "payment.methods": "MODES_OF_PAYMENTS",
        "product.question": "EXPIRY_DATE ORIGINAL_PRODUCT SIDE_EFFECT",
        "shipping.address_change": "MODIFY_ADDRESS",
        "shipping.policy": "CHECK_PINCODE RESUME_DELIVERY INTERNATIONAL_SHIPPING",
        "support.human_agent": "CHAT_WITH_AGENT",
        "support.store_info": "CALL_CENTER STORE_INFORMATION",
        "support.technical_issue": "PORTAL_ISSUE",
    }
)
SOFMATTRESS = by_label(
    {
        "order.cancel": "CANCEL_ORDER",
        "order.status": "DELAY_IN_DELIVERY ORDER_STATUS",
        "payment.methods": "COD EMI",
        "product.question": "ERGO_FEATURES ORTHO_FEATURES MATTRESS_COST",
        "product.recommendation": "COMPARISON",
        "product.sizing": "SIZE_CUSTOMIZATION WHAT_SIZE_TO_ORDER",
        "promo.discount": "OFFERS",
        "return.policy": "100_NIGHT_TRIAL_OFFER",
        "shipping.policy": "CHECK_PINCODE",
        "support.human_agent": "LEAD_GEN",
        "support.store_info": "DISTRIBUTORS",
    }
)


def read_hint3(files: dict[str, str], intents: dict[str, str]) -> Iterator[Row]:
    unseen = {
        normal(line["sentence"]) for path, text in files.items() if split_of(path) == "test" for line in table(text)
    }
    for path, text in files.items():
        for line in table(text) if split_of(path) == "train" else ():
            if normal(line["sentence"]) not in unseen:
                yield make(line["sentence"], "en", line["label"], "train", intents.get(line["label"]))


# ---- xsid: requests to a voice assistant, translated by people into many languages and dialects; CC BY-SA 4.0
# (MaiNLP). Nothing synthetic in the parts taken, test and valid. All labels but one, the search for books and films,
# are out of scope for a shop.

XSID_LANGUAGES = words("ar da de de-ba de-muc de-st en gsw id it ja kk lt nap nl no sr tr zh")
XSID_COMMENT = re.compile(r"# (text|intent)(?: =|:) (.*)")


def read_xsid(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        lang = path.rsplit("/", 1)[-1].split(".")[0]
        for block in re.split(r"\n\s*\n", text):
            fields = dict(match.groups() for match in map(XSID_COMMENT.match, block.splitlines()) if match)
            if "text" in fields and "intent" in fields:
                intent = None if fields["intent"] == "SearchCreativeWork" else "other.out_of_scope"
                yield make(fields["text"], lang, fields["intent"], split_of(path), intent)


# ---- goemotions: Reddit comments, labelled by crowd workers with 27 emotions or neutral; Apache-2.0 (Google). Nothing
# synthetic; names are masked as [NAME]. Only anger and confusion become flags; what is not flagged proves nothing.

GOEMOTIONS = words("""
    admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust
    embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse
    sadness surprise neutral
""")
GOEMOTIONS_POLARITY = {
    "positive": set(words("admiration amusement caring excitement gratitude joy love optimism pride relief")),
    "negative": set(
        words("anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness")
    ),
    "neutral": {"neutral"},
}
GOEMOTIONS_FLAGS = {"anger": "angry", "confusion": "confused"}


def read_goemotions(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        for line in text.splitlines():
            # Quotation marks are text here, not quoting.
            comment, numbers, _ = line.split("\t")
            emotions = [GOEMOTIONS[int(number)] for number in numbers.split(",")]
            polarity = next((name for name, members in GOEMOTIONS_POLARITY.items() if members >= set(emotions)), None)
            flags = [GOEMOTIONS_FLAGS[emotion] for emotion in emotions if emotion in GOEMOTIONS_FLAGS]
            yield make(comment, "en", "+".join(emotions), split_of(path), None, polarity, flags or None)


# ---- amazon_pqa_questions_en: shoppers' questions on product pages of Amazon; CDLA-Sharing-1.0 (Amazon). Nothing
# synthetic; those of semiPQA were written for the set. Questions with words of size, stock, order, price, warranty or
# comparison are left out: they belong to other intents, and nothing says to which.

AMAZON_OTHER_INTENTS = re.compile(
    r"\b(?:sizes?|sizing|fits?|dimensions?|length|wide|width|tall|height|inches|stock|available|order|ship|shipping|"
    r"deliver|delivery|prices?|cost|discount|warranty|refund|return|compared|difference|better|versus|recommend)\b"
)


def read_amazon_pqa(files: dict[str, str]) -> Iterator[Row]:
    for path, text in files.items():
        delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
        for line in table(text, delimiter):
            if not AMAZON_OTHER_INTENTS.search(line["question"].lower()):
                yield make(line["question"], "en", "product_question", split_of(path), "product.question")


# ---- ko_nsmc_sample: reviews of films on Naver with 1 to 10 stars; CC0 (e9t). Nothing synthetic. There is a file for
# each of 14,700 films, of which these are some. The middle of the scale is weakly neutral; 4, 7 and 8 stars are null.

NSMC_FILMS = words("""
    10001 100015 10002 100021 100022 100023 100026 10003 100039 10004 100041 10005 10006 100069 10007 100075 10008
    100084 100086 100087 10009 100097 100098 100099 100100 100104 100109 10011 100110 10012 10013 10014 100145 100147
    10015 10016 10017 10018 10019 10020 100203 100206 10021 10022 10023 10024 10025 10026 100269 10027 100274 10028
    100280 10029 10030 100303 100304 100306 100321 10033 100337 10034 10035 100356 10036 10037 100371 100372 100376
    10038 100388 10039 100392 100396 100398 100399 10040 10041 10042 10043 10044 10045 10046 10047 10048 10049 10050
    10053 10054 10055 10056 100567 10057 100572 10058 100580 10059
""")
NSMC_POLARITY = by_label({"negative": "1 2 3", "neutral": "5 6", "positive": "9 10"})


def read_nsmc(files: dict[str, str]) -> Iterator[Row]:
    for text in files.values():
        for review in json.loads(text):
            stars = review["rating"]
            yield make(review["review"], "ko", f"rating:{stars}", "train", None, NSMC_POLARITY.get(stars))


POLYAI = ("PolyAI-LDN/task-specific-datasets", "57ec275")
HINT3_NEW = ("hellohaptik/HINT3", "9d6b72d8cfd2665c495dc2c300c307f2a69e2f3e")
# At other commits these two files are pointers to large-file storage.
HINT3_OLD = ("hellohaptik/HINT3", "e84a0c315f77a3f0b995f7335063a1e31bccddaa")
ARBANKING77 = ("SinaLab/ArBanking77", "347a098847c0053dc2e8abc5d443dc93c58c75ef")
PQA = "amazon-science/contextual-product-qa"

SETS: dict[str, PublicSet] = {
    "banking77": PublicSet("CC BY 4.0", at(*POLYAI, "banking_data/train.csv", "banking_data/test.csv"), read_banking77),
    "nlupp": PublicSet(
        "CC BY 4.0",
        at(*POLYAI, *(f"nlupp/data/{domain}/fold{n}.json" for domain in ("banking", "hotels") for n in range(20))),
        read_nlupp,
    ),
    "clinc150": PublicSet(
        "CC BY 3.0",
        at("clinc/oos-eval", "828f8093932c8fe6ca7936c3d2e52903b1c523de", "data/data_full.json"),
        read_clinc150,
    ),
    "multidogo": PublicSet(
        "CDLA-Permissive-1.0",
        at(
            "awslabs/multi-domain-goal-oriented-dialogues-dataset",
            "286e8f05437382bd08b93cd6b66b6d25ed4a9a49",
            *(
                f"data/paper_splits/splits_annotated_at_turn_level/{domain}/{part}.tsv"
                for domain in MULTIDOGO_DOMAINS
                for part in SPLITS
            ),
        ),
        read_multidogo,
    ),
    "hint3_curekart_train": PublicSet(
        "ODbL 1.0 and DbCL 1.0",
        at(*HINT3_NEW, "dataset/v2/train/curekart_train.csv")
        + at(*HINT3_OLD, "dataset/train/curekart_train.csv")
        + at(*HINT3_NEW, "dataset/v1/test/curekart_test.csv", "dataset/v2/test/curekart_test.csv"),
        lambda files: read_hint3(files, CUREKART),
    ),
    "hint3_sofmattress_train": PublicSet(
        "ODbL 1.0 and DbCL 1.0",
        at(*HINT3_OLD, "dataset/train/sofmattress_train.csv") + at(*HINT3_NEW, "dataset/v2/test/sofmattress_test.csv"),
        lambda files: read_hint3(files, SOFMATTRESS),
    ),
    "arbanking77": PublicSet(
        "CC BY-SA 4.0",
        at("SinaLab/ArBanking77", "6f779d2031b83a983a3df3a91360513048324c2e", "data/Banking77_intents.csv")
        + at(
            *ARBANKING77,
            "data/Banking77_Arabized_MSA_PAL_train.csv",
            "data/Banking77_Arabized_MSA_PAL_val.csv",
            "data/Banking77_Arabized_MSA_test.csv",
            "data/Banking77_Arabized_Saudi_test.csv",
            "data/Banking77_Arabized_Moroccan_test.csv",
            "data/Banking77_Arabized_Tunisian_test.csv",
        )
        + at(
            "SinaLab/ArBanking77",
            "6ac58eba159ec036ae6570120279870a011e5b24",
            "data/Banking77_Arabized_PAL_test.csv",
        ),
        read_arbanking77,
    ),
    "xsid": PublicSet(
        "CC BY-SA 4.0",
        at(
            "mainlp/xsid",
            "761d926c3f2e9f6bea13192d2f39cec1d04d9777",
            *(f"data/xSID-0.7/{lang}.{part}.conll" for lang in XSID_LANGUAGES for part in ("test", "valid")),
        ),
        read_xsid,
    ),
    "goemotions": PublicSet(
        "Apache-2.0",
        at(
            "google-research/google-research",
            "2adf640a14f11025ae5a9d0ec493b78530d276d3",
            "goemotions/data/train.tsv",
            "goemotions/data/dev.tsv",
        )
        + at(
            "google-research/google-research",
            "b91598b43297db06cca27a29fe2d0442dffea029",
            "goemotions/data/test.tsv",
        ),
        read_goemotions,
        group=lambda row: f"{row['polarity3']} {row['flags']}",
    ),
    "amazon_pqa_questions_en": PublicSet(
        "CDLA-Sharing-1.0",
        at(
            PQA,
            "8a3abbcadf3ba3df283f23dc6917bdf46c9427ec",
            "hetPQA/answer_generation/train.csv",
            "hetPQA/answer_generation/dev.csv",
        )
        + at(PQA, "572be6eb8ce6344970e1af94d9e1903854581c14", "ePQA/dev.csv")
        + at(
            PQA,
            "5243b5ec32a886967d5db188d4ad13e5bfdb23b8",
            "semiPQA/attribute_ranking/dev.csv",
            "semiPQA/attribute_ranking/testseen.csv",
            "semiPQA/attribute_ranking/testunseen.csv",
        ),
        read_amazon_pqa,
        most=4000,
    ),
    "ko_nsmc_sample": PublicSet(
        "CC0",
        at("e9t/nsmc", "b6232e69290a826104357381560e18adbad23473", *(f"raw/{film}.json" for film in NSMC_FILMS)),
        read_nsmc,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIR", type=Path)
    parser.add_argument("--only", metavar="SET", nargs="+", choices=SETS, default=list(SETS), help="these sets alone")
    arguments = parser.parse_args()
    labelled = {json.loads(line)["sha256"] for line in PUBLIC_LABELS.read_text(encoding="utf-8").splitlines()}
    for name in arguments.only:
        try:
            files = {source.path: text_of(source, arguments.directory / "sources") for source in SETS[name].files}
        except DownloadError as error:
            sys.exit(f"{name}: {error}")
        write(arguments.directory / f"{name}.jsonl.gz", convert(name, files, labelled))


def text_of(source: Source, sources: Path) -> str:
    """Returns the text of a source file, which is downloaded unless it is there."""
    place = source.place(sources)
    if not place.exists():
        content = download(source.url)
        if content.startswith(b"version https://git-lfs"):
            raise DownloadError(f"{source.url}: a pointer to large-file storage, not the file")
        print(hashlib.sha256(content).hexdigest(), source.url, flush=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        # A download that is stopped must not leave half a file behind.
        part = place.with_name(place.name + ".part")
        part.write_bytes(content)
        part.replace(place)
    return place.read_bytes().decode("utf-8-sig")


def download(url: str) -> bytes:
    """Fetches a URL."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url}: HTTP status {error.code}") from error
    except OSError as error:
        raise DownloadError(f"{url}: {getattr(error, 'reason', None) or error}") from error


def convert(name: str, files: dict[str, str], labelled: set[str]) -> list[Row]:
    """Turns the files of a set into its rows; `labelled` has the SHA-256 of texts to prefer."""
    chosen = SETS[name]
    # Test rows first: of a text that stands in two parts, the row that says so stays.
    rows = clean(sorted(chosen.read(files), key=lambda row: SPLITS.index(str(row["split"]))))
    kept = spread(rows, chosen.most, chosen.group, labelled)
    counts = Counter(key for row in kept for key in ("intents", "polarity3", "flags") if row[key])
    print(
        f"{name}: {len(kept)} rows of {len(rows)}, with intent {counts['intents']}, polarity {counts['polarity3']}, "
        f"flags {counts['flags']}; {chosen.licence}",
        flush=True,
    )
    return kept


def masked(text: str) -> str:
    """Masks addresses and user names, and collapses white space."""
    for pattern, mask in ((EMAIL, "<EMAIL>"), (URL, "<URL>"), (USER, "@user")):
        text = pattern.sub(mask, text)
    return " ".join(text.split())


def normal(text: str) -> str:
    """What two texts have in common that differ in case, punctuation or white space only."""
    return re.sub(r"\W+", " ", text.casefold()).strip()


def clean(rows: Iterable[Row]) -> list[Row]:
    """Masks texts and keeps the first of those that are alike in a language; texts without letters or digits go."""
    kept: dict[tuple[str, str], Row] = {}
    for row in rows:
        text = masked(str(row["text"]))
        if normal(text):
            kept.setdefault((str(row["lang"]), normal(text)), row | {"text": text})
    return list(kept.values())


def spread(rows: list[Row], most: int, group: Callable[[Row], str], labelled: set[str]) -> list[Row]:
    """Keeps at most so many rows, as evenly over the groups as these allow, in their order.

    In a group, rows whose text is `labelled` come first, then those with an intent, otherwise chance decides.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[group(row)].append(index)
    chance = random.Random(SEED)

    def rank(index: int) -> tuple[bool, bool]:
        digest = hashlib.sha256(str(rows[index]["text"]).encode()).hexdigest()
        return digest not in labelled, rows[index]["intents"] is None

    for name in sorted(groups):
        chance.shuffle(groups[name])
        groups[name].sort(key=rank)
    # One of each group in turn, until there are enough.
    turns = sorted((turn, name, index) for name, members in groups.items() for turn, index in enumerate(members))
    return [rows[index] for index in sorted(index for _, _, index in turns[:most])]


def write(path: Path, rows: list[Row]) -> None:
    """Writes one JSON object a line; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main()
