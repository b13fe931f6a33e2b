"""The download step of public data: each source's format in small invented files, and what all sets have in common."""

import gzip
import hashlib
import json
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

import public
import pytest


def rows_of(name: str, files: dict[str, str]) -> list[dict]:
    return public.convert(name, files, labelled=set())


def brief(rows: list[dict]) -> list[tuple]:
    return [(row["text"], row["label_raw"], row["intents"], row["split"]) for row in rows]


def texts_of_test_rows(rows: list[dict]) -> set[str]:
    return {row["text"] for row in rows if row["split"] == "test"}


def test_a_row_has_the_documented_fields_in_order():
    [row] = rows_of("banking77", {"banking_data/test.csv": "text,category\nWhere is my card?,card_arrival\n"})
    assert list(row.items()) == [
        ("text", "Where is my card?"),
        ("lang", "en"),
        ("label_raw", "card_arrival"),
        ("intents", ["order.status"]),
        ("polarity3", None),
        ("flags", None),
        ("split", "test"),
    ]


def test_banking77_reads_quoted_fields_and_leaves_other_labels_unsaid():
    files = {
        "banking_data/train.csv": 'text,category\n"Twice, why?",transaction_charged_twice\nMy PIN?,change_pin\n',
        "banking_data/test.csv": "text,category\nIt came back,reverted_card_payment?\n",
    }
    assert brief(rows_of("banking77", files)) == [
        ("It came back", "reverted_card_payment?", ["payment.issue"], "test"),
        ("Twice, why?", "transaction_charged_twice", ["payment.dispute"], "train"),
        ("My PIN?", "change_pin", None, "train"),
    ]


def test_arbanking77_names_labels_in_english():
    files = {
        "data/Banking77_intents.csv": 'label_en,label_ar\n"card arrival","وصول"\n"age limit","سن"\n',
        "data/Banking77_Arabized_MSA_PAL_train.csv": 'label,text\n"وصول","أين بطاقتي؟"\n',
        "data/Banking77_Arabized_MSA_PAL_val.csv": 'label,text\n"سن","كم عمري؟"\n',
        "data/Banking77_Arabized_Saudi_test.csv": 'label,text\n"وصول","وين بطاقتي؟"\n',
    }
    rows = rows_of("arbanking77", files)
    assert brief(rows) == [
        ("وين بطاقتي؟", "card arrival", ["order.status"], "test"),
        ("كم عمري؟", "age limit", None, "dev"),
        ("أين بطاقتي؟", "card arrival", ["order.status"], "train"),
    ]
    assert {row["lang"] for row in rows} == {"ar"}


@pytest.mark.parametrize(
    ("labels", "intents"),
    [
        (["handoff", "spa"], ["support.human_agent"]),
        (["handoff", "deny"], None),
        (["greet"], ["chat.greeting"]),
        (["greet", "thank"], None),
        (["thank"], ["chat.thanks"]),
        (["end_call", "thank"], ["chat.thanks"]),
        (["end_call"], None),
        ([], None),
    ],
)
def test_nlupp_maps_whole_label_sets(labels, intents):
    example = {"text": "So be it", "slots": {}} | ({"intents": labels} if labels else {})
    [row] = rows_of("nlupp", {"nlupp/data/hotels/fold3.json": json.dumps([example])})
    assert (row["label_raw"], row["intents"], row["split"]) == (f"hotels:{'+'.join(labels)}", intents, "train")


def test_clinc150_takes_the_split_from_the_part():
    parts = {
        "train": [["track my parcel", "order_status"]],
        "oos_val": [["who won", "oos"]],
        "test": [["say it again", "repeat"]],
    }
    assert brief(rows_of("clinc150", {"data/data_full.json": json.dumps(parts)})) == [
        ("say it again", "repeat", None, "test"),
        ("who won", "oos", ["other.out_of_scope"], "dev"),
        ("track my parcel", "order_status", ["order.status"], "train"),
    ]


def test_multidogo_leaves_answers_out_and_maps_short_courtesies_alone():
    head = "conversationId\tturnNumber\tutteranceId\tutterance\tslot-labels\tintent\n"
    turns = [
        ("hi there", "openinggreeting"),
        ("hi i need shoes", "openinggreeting"),
        ("hello from a town by the sea where the gulls cry", "openinggreeting"),
        ("thanks have a nice day", "thankyou"),
        ('"12345 \n some town"', "contentonly"),
        ("yes", "confirmation"),
        ("no", "rejection"),
        ('"stop \n my order"', "stoporder"),
        ("is it raining", "outofdomain"),
    ]
    text = head + "".join(f"c\t{n}\t<CONV>c<TURN>{n}\t{turn}\tO\t{label}\n" for n, (turn, label) in enumerate(turns))
    rows = rows_of("multidogo", {"splits_annotated_at_turn_level/software/dev.tsv": text})
    assert brief(rows) == [
        ("hi there", "software/openinggreeting", ["chat.greeting"], "dev"),
        ("hi i need shoes", "software/openinggreeting", None, "dev"),
        ("hello from a town by the sea where the gulls cry", "software/openinggreeting", None, "dev"),
        ("thanks have a nice day", "software/thankyou", ["chat.thanks"], "dev"),
        ("stop my order", "software/stoporder", ["order.cancel"], "dev"),
        ("is it raining", "software/outofdomain", None, "dev"),
    ]


def test_hint3_leaves_out_what_the_test_split_has():
    files = {
        "dataset/v2/train/curekart_train.csv": "sentence,label\nCancel it,CANCEL_ORDER\nWhere is it ,ORDER_STATUS\n",
        "dataset/train/curekart_train.csv": 'sentence,label\nwhere is it?,ORDER_STATUS\n"Well, vitamins",IMMUNITY\n',
        "dataset/v2/test/curekart_test.csv": "sentence,label\nCANCEL IT!,CANCEL_ORDER\n",
    }
    assert brief(rows_of("hint3_curekart_train", files)) == [
        ("Where is it", "ORDER_STATUS", ["order.status"], "train"),
        ("Well, vitamins", "IMMUNITY", None, "train"),
    ]


def test_hint3_shops_have_their_own_labels():
    [row] = rows_of(
        "hint3_sofmattress_train", {"dataset/train/sofmattress_train.csv": "sentence,label\nIs COD ok,COD\n"}
    )
    assert row["intents"] == ["payment.methods"]


@pytest.mark.parametrize("sign", [" =", ":"])
def test_xsid_reads_both_ways_to_write_comments(sign):
    block = (
        "# id{0} 1/B\n# text-en{0} Wake me\n# text{0} Vekk meg = nå\n# intent{0} {1}\n# dialect{0} B\n1\tVekk\t{1}\tO\n"
    )
    text = block.format(sign, "alarm/set_alarm") + "\n" + block.format(sign, "SearchCreativeWork").replace("nå", "da")
    rows = rows_of("xsid", {"data/xSID-0.7/de-st.valid.conll": text})
    assert brief(rows) == [
        ("Vekk meg = nå", "alarm/set_alarm", ["other.out_of_scope"], "dev"),
        ("Vekk meg = da", "SearchCreativeWork", None, "dev"),
    ]
    assert {row["lang"] for row in rows} == {"de-st"}


def test_goemotions_gives_polarity_and_flags_but_no_intent():
    text = (
        'I am livid\t2\ta1\nWhat? "Now\t6,7\ta2\nSo happy, ta\t15,17\ta3\nIt is blue\t27\ta4\nNice, sadly\t0,25\ta5\n'
    )
    rows = rows_of("goemotions", {"goemotions/data/train.tsv": text})
    assert [(row["text"], row["label_raw"], row["polarity3"], row["flags"]) for row in rows] == [
        ("I am livid", "anger", "negative", ["angry"]),
        ('What? "Now', "confusion+curiosity", None, ["confused"]),
        ("So happy, ta", "gratitude+joy", "positive", None),
        ("It is blue", "neutral", "neutral", None),
        ("Nice, sadly", "admiration+sadness", None, None),
    ]
    assert all(row["intents"] is None for row in rows)


def test_amazon_questions_come_from_both_table_formats_without_those_of_other_intents():
    files = {
        "semiPQA/attribute_ranking/testseen.csv": "qid\tquestion\tlabel\n1\tis it blue?\t0\n1\tis it blue?\t1\n",
        "ePQA/dev.csv": 'qid,question,label\n2,"so, is it  ""loud""?",0\n3,what sizes do you have?,0\n',
    }
    assert brief(rows_of("amazon_pqa_questions_en", files)) == [
        ("is it blue?", "product_question", ["product.question"], "test"),
        ('so, is it "loud"?', "product_question", ["product.question"], "dev"),
    ]


def test_nsmc_maps_stars_to_polarity():
    reviews = [{"review": f"영화 {stars}점", "rating": str(stars), "author": "a****"} for stars in range(1, 11)]
    rows = rows_of("ko_nsmc_sample", {"raw/10001.json": json.dumps(reviews)})
    polarity = ["negative"] * 3 + [None] + ["neutral"] * 2 + [None] * 2 + ["positive"] * 2
    assert [(row["label_raw"], row["polarity3"]) for row in rows] == [
        (f"rating:{stars}", name) for stars, name in enumerate(polarity, 1)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jo.doe+shop@example.co.uk, please", "write to <EMAIL>, please"),
        ("see https://example.com/a?b=c#d or www.example.org", "see <URL> or <URL>"),
        ("thanks @shop_help!", "thanks @user!"),
        ("2 @ 5", "2 @ 5"),
        (" one\ttwo\n\u00a0three ", "one two three"),
    ],
)
def test_addresses_and_users_are_masked(text, expected):
    assert public.masked(text) == expected


def test_texts_that_differ_in_case_and_punctuation_only_are_kept_once_and_the_test_row_wins():
    files = {
        "banking_data/train.csv": "text,category\nwhere is it,card_arrival\nNew,card_arrival\n???,card_arrival\n",
        "banking_data/test.csv": "text,category\nWhere is it?,card_arrival\n",
    }
    rows = rows_of("banking77", files)
    assert [row["text"] for row in rows] == ["Where is it?", "New"]
    assert texts_of_test_rows(rows) == {"Where is it?"}


def many_rows(counts: dict[str, int]) -> list[dict]:
    return [
        public.make(f"{label} {number}", "en", label, "train", "order.status" if number % 2 else None)
        for label, count in counts.items()
        for number in range(count)
    ]


def label(row: dict) -> str:
    return row["label_raw"]


def test_a_large_set_is_cut_evenly_over_labels_and_always_in_the_same_way():
    rows = many_rows({"a": 500, "b": 300, "c": 10})
    kept = public.spread(rows, 210, label, set())
    assert Counter(map(label, kept)) == {"a": 100, "b": 100, "c": 10}
    assert kept == public.spread(rows, 210, label, set())
    assert [rows.index(row) for row in kept] == sorted(rows.index(row) for row in kept)


def test_the_cut_prefers_rows_that_are_labelled_then_rows_with_an_intent():
    rows = many_rows({"a": 40})
    labelled = {hashlib.sha256(f"a {number}".encode()).hexdigest() for number in (0, 2, 4)}
    kept = public.spread(rows, 23, label, labelled)
    assert {"a 0", "a 2", "a 4"} < {row["text"] for row in kept}
    assert sum(row["intents"] is not None for row in kept) == 20


def test_a_small_set_is_kept_whole():
    rows = many_rows({"a": 3, "b": 2})
    assert public.spread(rows, 5, label, set()) == rows


@pytest.fixture
def host(monkeypatch):
    """Serves what a test puts into `files` in place of the real host, and counts the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"no such file")

        def log_message(self, *_):
            pass

    files: dict[str, bytes] = {}
    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(public, "HOST", f"http://127.0.0.1:{server.server_port}")
    yield files, asked
    server.shutdown()
    server.server_close()


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["public.py", *arguments])
    public.main()


def banking_files() -> dict[str, bytes]:
    return {
        f"/{source.repository}/{source.commit}/{source.path}": f"text,category\n{number},card_arrival\n".encode()
        for number, source in enumerate(public.SETS["banking77"].files)
    }


def test_a_second_run_downloads_nothing_and_writes_the_same_bytes(host, monkeypatch, tmp_path, capsys):
    files, asked = host
    files |= banking_files()
    run(monkeypatch, str(tmp_path), "--only", "banking77")
    result = tmp_path / "banking77.jsonl.gz"
    first = result.read_bytes()
    assert len(asked) == len(files)
    printed = capsys.readouterr().out
    assert all(hashlib.sha256(content).hexdigest() in printed for content in files.values())
    assert [json.loads(line)["text"] for line in gzip.decompress(first).decode().splitlines()] == ["1", "0"]
    result.unlink()
    run(monkeypatch, str(tmp_path), "--only", "banking77")
    assert result.read_bytes() == first
    assert len(asked) == len(files)


def test_an_http_error_names_url_and_status_and_leaves_nothing_behind(host, monkeypatch, tmp_path):
    _, asked = host
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, str(tmp_path), "--only", "banking77")
    assert str(stopped.value) == f"banking77: {public.HOST}{asked[0]}: HTTP status 404"
    assert not list(tmp_path.rglob("*.*"))


def test_a_host_out_of_reach_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(public, "HOST", "http://127.0.0.1:1")
    source = public.SETS["clinc150"].files[0]
    with pytest.raises(public.DownloadError, match=rf"{source.url}: .*refused"):
        public.text_of(source, tmp_path)


def test_a_pointer_to_large_file_storage_is_not_taken_for_the_file(host, tmp_path):
    files, _ = host
    source = public.SETS["hint3_sofmattress_train"].files[0]
    files[f"/{source.repository}/{source.commit}/{source.path}"] = b"version https://git-lfs.github.com/spec/v1\n"
    with pytest.raises(public.DownloadError, match="large-file storage"):
        public.text_of(source, tmp_path)
    assert not source.place(tmp_path).exists()


def test_every_set_names_its_files_once():
    for chosen in public.SETS.values():
        paths = [source.path for source in chosen.files]
        assert len(set(paths)) == len(paths)


def test_every_intent_and_flag_is_in_the_taxonomy():
    taxonomy = (public.PUBLIC_LABELS.parent.parent / "config" / "taxonomy.yaml").read_text(encoding="utf-8")
    tables = [public.BANKING77, public.CLINC150, public.MULTIDOGO, public.CUREKART, public.SOFMATTRESS]
    names = {intent for one in tables for intent in one.values()} | set(public.GOEMOTIONS_FLAGS.values())
    names |= {"support.human_agent", "chat.greeting", "chat.thanks", "product.question", "other.out_of_scope"}
    assert [name for name in sorted(names) if f"\n  {name}:" not in taxonomy] == []
