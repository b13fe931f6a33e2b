"""Makes the small models under tests/fixtures, with the logits that PyTorch computes for them.

    python training/make_fixtures.py [--out tests/fixtures] [--seed 20261101]

Weights are random and large, so that different messages get clearly different logits; nothing here was trained but
the tokenizers, on the few sentences of fixture_texts.py. Training a tokenizer does not give the same pieces twice
(ties are broken by hash order), so the ones already there are kept unless --train-tokenizers is given.

Each directory is what `save_pretrained` of transformers writes, plus golden.json: messages with their token ids and
f32 logits. The logits come from each message alone; the script also computes them in padded batches with an
attention mask and stops if the two differ.
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from bundle import Bundle, load_tokenizer, pad, read_tensors, truncate, write_manifest
from fixture_texts import GOLDEN_TEXTS, LONG_TEXT, TOKENIZER_TEXTS
from quantize import convert
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    CamembertConfig,
    CamembertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)
from transformers.utils.logging import disable_progress_bar

HIDDEN, LAYERS, FFN = 32, 2, 64
NARROW = 16  # hidden size of the models that only the f32 engine computes
POSITIONS = 64
MAX_TOKENS = 48
TOLERANCE = 1e-5
INTENTS = ["order.status", "order.cancel", "return.request", "refund.status", "item.damaged", "feedback.praise"]
POLARITY = ["very_negative", "negative", "neutral", "positive", "very_positive"]
FLAGS = ["angry", "promoter", "urgent", "repeat_contact"]

Logits = dict[str, torch.Tensor]
Forward = Callable[[torch.Tensor, torch.Tensor], Logits]


def train_wordpiece() -> Tokenizer:
    """Trains a tokenizer like BERT's: lower case, WordPiece, `[CLS] ... [SEP]`."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(TOKENIZER_TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def train_unigram() -> Tokenizer:
    """Trains a tokenizer like XLM-RoBERTa's: Unigram on Metaspace, `<s> ... </s>`, padding 1."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TOKENIZER_TEXTS, trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def make_tokenizers(out: Path, train: bool) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """Returns the WordPiece and the Unigram tokenizer: those already under `out`, or freshly trained ones."""
    wordpiece_file = out / "tiny-bert-classifier/tokenizer.json"
    unigram_file = out / "tiny-bert-multihead/tokenizer.json"
    if train or not wordpiece_file.exists() or not unigram_file.exists():
        wordpiece, unigram = train_wordpiece(), train_unigram()
    else:
        wordpiece, unigram = Tokenizer.from_file(str(wordpiece_file)), Tokenizer.from_file(str(unigram_file))
    return (
        PreTrainedTokenizerFast(
            tokenizer_object=wordpiece,
            model_max_length=POSITIONS,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
        ),
        PreTrainedTokenizerFast(
            tokenizer_object=unigram,
            model_max_length=POSITIONS,
            bos_token="<s>",
            cls_token="<s>",
            eos_token="</s>",
            sep_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
            mask_token="<mask>",
        ),
    )


def randomise(model: nn.Module, generator: torch.Generator) -> None:
    """Fills every parameter with numbers large enough to set messages apart."""
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(("LayerNorm.weight", "norm.weight")):
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            else:
                parameter.copy_(0.4 * noise)


def golden_texts(tokenizer: Tokenizer, limit: int) -> list[str]:
    """Returns the messages of golden.json: the fixed ones, one that fills `limit` exactly and two longer ones."""
    exact = ""
    for word in LONG_TEXT.split() + ["."] * limit:
        longer = f"{exact} {word}".strip()
        if len(tokenizer.encode(longer).ids) <= limit:
            exact = longer
    if len(tokenizer.encode(exact).ids) != limit:
        raise ValueError(f"no message of exactly {limit} tokens found")
    return [*GOLDEN_TEXTS, exact, f"{exact} !", " ".join([LONG_TEXT] * 2)]


def compute_logits(forward: Forward, batch: list[list[int]], pad_id: int) -> list[Logits]:
    """Computes the logits of each message alone and checks them against padded batches."""
    alone = [forward(*pad([ids], pad_id)) for ids in batch]
    padded = forward(*pad(batch, pad_id))
    for row, logits in enumerate(alone):
        for head, values in logits.items():
            difference = (values[0] - padded[head][row]).abs().max().item()
            if difference > TOLERANCE:
                raise ValueError(f"message {row}, head {head}: padding changes a logit by {difference:.2e}")
    return alone


def write_golden(directory: Path, forward: Forward, limit: int, pad_id: int) -> None:
    """Writes golden.json."""
    tokenizer = load_tokenizer(directory)
    texts = golden_texts(tokenizer, limit)
    batch = [truncate(tokenizer.encode(text).ids, limit) for text in texts]
    messages = [
        {
            "text": text,
            "input_ids": ids,
            "logits": {head: [round(value, 7) for value in values[0].tolist()] for head, values in logits.items()},
        }
        for text, ids, logits in zip(texts, batch, compute_logits(forward, batch, pad_id), strict=True)
    ]
    lines = ",\n".join(json.dumps(message, ensure_ascii=False) for message in messages)
    (directory / "golden.json").write_text(f'{{"messages": [\n{lines}\n]}}\n', encoding="utf-8")


def make_classifier(
    directory: Path,
    tokenizer: PreTrainedTokenizerFast,
    model: PreTrainedModel,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    max_shard_size: str = "1GB",
) -> None:
    """Writes a plain directory of transformers, as a `*ForSequenceClassification` model is saved."""
    randomise(model, generator)
    model.eval().to(dtype).save_pretrained(directory, max_shard_size=max_shard_size)
    tokenizer.save_pretrained(directory)
    # What was written is what counts: load it back with transformers alone. The service computes in f32, whatever the
    # weights are stored as.
    model = type(model).from_pretrained(directory, attn_implementation="eager", dtype=torch.float32).eval()
    head = "intent" if model.config.problem_type == "multi_label_classification" else "primary"

    @torch.no_grad()
    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Logits:
        return {head: model(input_ids=input_ids, attention_mask=attention_mask).logits}

    write_golden(directory, forward, POSITIONS, tokenizer.pad_token_id)


def label_map(labels: list[str]) -> dict[str, dict]:
    """Returns id2label and label2id as a configuration takes them."""
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


def make_classifiers(
    out: Path, wordpiece: PreTrainedTokenizerFast, unigram: PreTrainedTokenizerFast, generator: torch.Generator
) -> None:
    """Writes one plain directory for each encoder family."""
    bert = BertConfig(
        vocab_size=len(wordpiece),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=FFN,
        max_position_embeddings=POSITIONS,
        pad_token_id=wordpiece.pad_token_id,
        problem_type="single_label_classification",
        **label_map(INTENTS),
    )
    make_classifier(out / "tiny-bert-classifier", wordpiece, BertForSequenceClassification(bert), generator)
    xlm_roberta = XLMRobertaConfig(
        vocab_size=len(unigram),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=FFN,
        max_position_embeddings=POSITIONS + unigram.pad_token_id + 1,  # positions count from pad_token_id + 1
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=unigram.pad_token_id,
        bos_token_id=unigram.bos_token_id,
        eos_token_id=unigram.eos_token_id,
        problem_type="multi_label_classification",
        **label_map(INTENTS),
    )
    model = XLMRobertaForSequenceClassification(xlm_roberta)
    make_classifier(out / "tiny-xlm-roberta-classifier", unigram, model, generator)
    distilbert = DistilBertConfig(
        vocab_size=len(wordpiece),
        dim=HIDDEN,
        n_layers=LAYERS,
        n_heads=4,
        hidden_dim=FFN,
        max_position_embeddings=POSITIONS,
        pad_token_id=wordpiece.pad_token_id,
        problem_type="single_label_classification",
        **label_map(INTENTS),
    )
    model = DistilBertForSequenceClassification(distilbert)
    make_classifier(out / "tiny-distilbert-classifier", wordpiece, model, generator)


def make_bert_like(
    out: Path, wordpiece: PreTrainedTokenizerFast, unigram: PreTrainedTokenizerFast, generator: torch.Generator
) -> None:
    """Writes CamemBERT and ELECTRA, which differ from BERT outside of their blocks."""
    camembert = CamembertConfig(
        vocab_size=len(unigram),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=FFN,
        max_position_embeddings=POSITIONS + unigram.pad_token_id + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=unigram.pad_token_id,
        bos_token_id=unigram.bos_token_id,
        eos_token_id=unigram.eos_token_id,
        problem_type="single_label_classification",
        **label_map(INTENTS),
    )
    model = CamembertForSequenceClassification(camembert)
    make_classifier(out / "tiny-camembert-classifier", unigram, model, generator, torch.float16)
    electra = ElectraConfig(
        vocab_size=len(wordpiece),
        embedding_size=16,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=FFN,
        max_position_embeddings=POSITIONS,
        pad_token_id=wordpiece.pad_token_id,
        problem_type="multi_label_classification",
        **label_map(INTENTS),
    )
    model = ElectraForSequenceClassification(electra)
    make_classifier(out / "tiny-electra-classifier", wordpiece, model, generator, torch.bfloat16)


def deberta_config(tokenizer: PreTrainedTokenizerFast, **fields) -> DebertaV2Config:
    """Returns what the DeBERTa models have in common, with fields of their own."""
    return DebertaV2Config(
        vocab_size=len(tokenizer),
        hidden_size=NARROW,
        num_attention_heads=2,
        intermediate_size=2 * NARROW,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        relative_attention=True,
        problem_type="single_label_classification",
        **label_map(INTENTS),
        **fields,
    )


def make_debertas(
    out: Path, wordpiece: PreTrainedTokenizerFast, unigram: PreTrainedTokenizerFast, generator: torch.Generator
) -> None:
    """Writes DeBERTa as version 3 has it (in shards), as the large version 2 has it, and with one of the two terms."""
    # Distances over 8 share buckets; the longest message has distances up to 63.
    shared = deberta_config(
        unigram,
        num_hidden_layers=3,
        position_buckets=16,
        pos_att_type="p2c|c2p",
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
    )
    model = DebertaV2ForSequenceClassification(shared)
    make_classifier(out / "tiny-deberta-v3-classifier", unigram, model, generator, max_shard_size="30KB")
    # Distances over 32 are taken for 32.
    own = deberta_config(
        wordpiece,
        num_hidden_layers=2,
        max_relative_positions=32,
        pos_att_type=["c2p", "p2c"],
        share_att_key=False,
        conv_kernel_size=3,
        conv_act="gelu",
        pooler_hidden_act="tanh",
        type_vocab_size=2,
    )
    model = DebertaV2ForSequenceClassification(own)
    make_classifier(out / "tiny-deberta-v2-classifier", wordpiece, model, generator)
    for term in ("c2p", "p2c"):
        one = deberta_config(wordpiece, num_hidden_layers=1, position_buckets=8, pos_att_type=[term])
        model = DebertaV2ForSequenceClassification(one)
        make_classifier(out / f"tiny-deberta-{term}-classifier", wordpiece, model, generator, torch.bfloat16)


def make_modernberts(out: Path, tokenizer: PreTrainedTokenizerFast, generator: torch.Generator) -> None:
    """Writes ModernBERT as it is published, and with biases, the mean and an older config.json."""
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": NARROW,
        "num_hidden_layers": 4,  # global, local, local, global
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": POSITIONS,
        "local_attention": 16,  # 8 tokens on each side
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        **label_map(INTENTS),
    }
    plain = ModernBertConfig(problem_type="single_label_classification", **common)
    model = ModernBertForSequenceClassification(plain)
    make_classifier(out / "tiny-modernbert-classifier", tokenizer, model, generator)
    biased = ModernBertConfig(
        problem_type="multi_label_classification",
        classifier_pooling="mean",
        attention_bias=True,
        mlp_bias=True,
        norm_bias=True,
        classifier_bias=True,
        **common,
    )
    model = ModernBertForSequenceClassification(biased)
    directory = out / "tiny-modernbert-mean-classifier"
    make_classifier(directory, tokenizer, model, generator, torch.float16)
    # As versions of transformers before 5 wrote it; this one reads both.
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    del config["layer_types"], config["rope_parameters"]
    config |= {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}
    text = json.dumps(config, indent=2, sort_keys=True)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")


def multihead_manifest(name: str) -> dict:
    """Returns signalbox.json of the models with four heads, without digests."""
    return {
        "format": 1,
        "name": name,
        "version": "2026.11.1",
        "max_tokens": MAX_TOKENS,
        "pooling": "mean",
        "heads": [
            {"name": "primary", "kind": "single_label", "labels": INTENTS, "temperature": 0.9},
            {
                "name": "intent",
                "kind": "multi_label",
                "labels": INTENTS,
                "temperature": 1.1,
                "thresholds": [0.5, 0.4, 0.5, 0.6, 0.5, 0.5],
            },
            {"name": "polarity", "kind": "ordinal", "labels": POLARITY, "temperature": 0.8},
            {"name": "flags", "kind": "multi_label", "labels": FLAGS, "temperature": 1.0, "thresholds": [0.5] * 4},
        ],
        "languages": ["en", "de", "tr"],
    }


def write_multihead_golden(directory: Path) -> None:
    """Writes golden.json of a model with four heads: the f32 forward of the weights as stored."""
    bundle = Bundle.load(directory)
    write_golden(directory, bundle, MAX_TOKENS, bundle.encoder.config.pad_token_id)


def make_multihead(out: Path, tokenizer: PreTrainedTokenizerFast, generator: torch.Generator) -> None:
    """Writes one encoder with four heads, in f32, f16, bf16 and int8."""
    config = BertConfig(
        architectures=["BertModel"],
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=FFN,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    randomise(encoder, generator)
    heads = nn.ModuleDict({h["name"]: nn.Linear(HIDDEN, len(h["labels"])) for h in multihead_manifest("")["heads"]})
    randomise(heads, generator)
    tensors = dict(encoder.state_dict()) | {f"heads.{name}": t for name, t in heads.state_dict().items()}
    # A row that is never used may well be zero in a real model; int8 scales must survive it.
    tensors["embeddings.word_embeddings.weight"][tokenizer.pad_token_id] = 0

    for suffix, dtype in (("", torch.float32), ("-f16", torch.float16), ("-bf16", torch.bfloat16)):
        directory = out / f"tiny-bert-multihead{suffix}"
        directory.mkdir(parents=True)
        config.dtype = dtype
        config.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
        typed = {name: tensor.to(dtype).contiguous() for name, tensor in tensors.items()}
        save_file(typed, directory / "model.safetensors", metadata={"format": "pt"})
        write_manifest(directory, multihead_manifest(directory.name))
        write_multihead_golden(directory)

    directory = out / "tiny-bert-multihead-int8"
    convert(out / "tiny-bert-multihead", directory, directory.name, "2026.11.1")
    shutil.copyfile(out / "tiny-bert-multihead/tokenizer_config.json", directory / "tokenizer_config.json")
    write_multihead_golden(directory)


def report(out: Path) -> None:
    """Prints each directory with its size and how far apart the logits of its messages are."""
    for directory in sorted(d for d in out.glob("tiny-*") if d.is_dir()):
        size = sum(file.stat().st_size for file in directory.iterdir())
        messages = json.loads((directory / "golden.json").read_text(encoding="utf-8"))["messages"]
        spread = {
            head: torch.tensor([message["logits"][head] for message in messages]).std(dim=0).min().item()
            for head in messages[0]["logits"]
        }
        tensors = [tensor for file in directory.glob("*.safetensors") for tensor in read_tensors(file).values()]
        types = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors})
        spread_text = ", ".join(f"{head} {value:.2f}" for head, value in spread.items())
        print(f"{directory.name}: {size:,} bytes, {'+'.join(types)}, least deviation of a logit: {spread_text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "tests/fixtures")
    parser.add_argument("--seed", type=int, default=20261101)
    parser.add_argument("--train-tokenizers", action="store_true", help="replace the tokenizers that are there")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    disable_progress_bar()
    generator = torch.Generator().manual_seed(arguments.seed)
    wordpiece, unigram = make_tokenizers(arguments.out, arguments.train_tokenizers)
    for directory in arguments.out.glob("tiny-*"):
        shutil.rmtree(directory)
    make_classifiers(arguments.out, wordpiece, unigram, generator)
    make_multihead(arguments.out, unigram, generator)
    make_bert_like(arguments.out, wordpiece, unigram, generator)
    make_debertas(arguments.out, wordpiece, unigram, generator)
    make_modernberts(arguments.out, wordpiece, generator)
    report(arguments.out)


if __name__ == "__main__":
    main()
