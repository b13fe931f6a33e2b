"""Writes a trained classifier as a model directory, calibrated on the dev part.

    python training/export.py WORK student OUT --version 2026.12.1 --settings training/default-settings.json

config.json, tokenizer.json, model.safetensors (BertModel of transformers in f16, heads in f32) and signalbox.json. The
shift and scale before the heads become part of them. `quantize.py` makes int8 of it. Temperatures minimise the negative
log likelihood on dev, every language with the same weight; thresholds are chosen as `thresholds` says.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from bundle import write_manifest
from labels import LANGUAGES, Labels, read_labels, targets
from network import LAYER_NORM_EPSILON
from running import read_jsonl
from scores import by_language, calibration_error, sigmoid, softmax

MAX_TOKENS = 256
TEMPERATURES = np.arange(0.5, 3.001, 0.02)
THRESHOLDS = np.arange(0.1, 0.901, 0.02)
# A label's threshold is that of its head until the label has this many messages on dev to say otherwise.
SHRINKAGE = 60
# Missing one of these costs a shop more than a false alarm: nearly all are found, as far as the precision allows.
SAFETY_THRESHOLDS = np.arange(0.02, 0.901, 0.01)
SAFETY_FLAGS = ("threat_legal", "threat_chargeback", "threat_public", "safety_risk")
SAFETY_PRECISION, SAFETY_RECALL = 0.80, 0.95


def bert_weights(state: dict[str, torch.Tensor], labels: Labels) -> dict[str, torch.Tensor]:
    """Renames the weights of `network.Classifier` to those of BertModel and our heads."""
    encoder = {name.removeprefix("encoder."): w.float() for name, w in state.items() if name.startswith("encoder.")}
    hidden = encoder["norm.weight"].shape[0]
    weights = {
        "embeddings.word_embeddings.weight": encoder["words.weight"],
        "embeddings.position_embeddings.weight": encoder["positions.weight"],
        # Their vector is in every position already.
        "embeddings.token_type_embeddings.weight": torch.zeros(2, hidden),
        "embeddings.LayerNorm.weight": encoder["norm.weight"],
        "embeddings.LayerNorm.bias": encoder["norm.bias"],
    }
    layers = 1 + max(int(name.split(".")[1]) for name in encoder if name.startswith("layers."))
    names = {
        "attention_output": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "ffn_input": "intermediate.dense",
        "ffn_output": "output.dense",
        "ffn_norm": "output.LayerNorm",
    }
    for layer in range(layers):
        for kind in ("weight", "bias"):
            for part, stacked in zip(
                ("query", "key", "value"), encoder[f"layers.{layer}.qkv.{kind}"].chunk(3), strict=True
            ):
                weights[f"encoder.layer.{layer}.attention.self.{part}.{kind}"] = stacked.clone()
            for ours, theirs in names.items():
                weights[f"encoder.layer.{layer}.{theirs}.{kind}"] = encoder[f"layers.{layer}.{ours}.{kind}"]
    weights = {name: weight.half().contiguous() for name, weight in weights.items()}
    head = state["heads.weight"].float() / state["scale"].float()
    bias = state["heads.bias"].float() - head @ state["shift"].float()
    sizes = labels.sizes
    for name, matrix, vector in zip(
        ("primary", "intent", "polarity", "flags"),
        sizes.split(head.T),
        sizes.split(bias[None, :]),
        strict=True,
    ):
        weights[f"heads.{name}.weight"] = matrix.T.contiguous()
        weights[f"heads.{name}.bias"] = vector[0].contiguous()
    return weights


def config_json(weights: dict[str, torch.Tensor], heads: int) -> dict:
    """The configuration of the BertModel that has these weights."""
    vocabulary, hidden = weights["embeddings.word_embeddings.weight"].shape
    layers = sum(name.endswith("intermediate.dense.bias") for name in weights)
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": weights["encoder.layer.0.intermediate.dense.bias"].shape[0],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": weights["embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": 2,
        "initializer_range": 0.02,
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "position_embedding_type": "absolute",
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "vocab_size": vocabulary,
        "torch_dtype": "float16",
    }


def language_weights(rows: list[dict]) -> np.ndarray:
    """Weights that sum to 1 and give every language the same."""
    languages = [row["lang"] for row in rows]
    return np.array([1 / languages.count(language) for language in languages]) / len(set(languages))


def best_temperature(loss) -> float:
    """The temperature with the least loss."""
    return round(float(min(TEMPERATURES, key=loss)), 2)


def softmax_temperature(logits: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    index = np.arange(len(truth))
    return best_temperature(lambda t: -(weights * np.log(softmax(logits / t)[index, truth] + 1e-9)).sum())


def sigmoid_temperature(logits: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    def loss(temperature: float) -> float:
        p = np.clip(sigmoid(logits / temperature), 1e-9, 1 - 1e-9)
        return -(weights[:, None] * (truth * np.log(p) + (1 - truth) * np.log(1 - p))).sum()

    return best_temperature(loss)


def f1_curve(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 at each of THRESHOLDS; arrays of any shape whose first axis is the messages'."""
    w = weights.reshape(-1, *[1] * (probabilities.ndim - 1))
    result = []
    for threshold in THRESHOLDS:
        predicted = probabilities >= threshold
        result.append(2 * (w * (predicted & truth)).sum() / max(1e-9, (w * predicted).sum() + (w * truth).sum()))
    return np.array(result)


def thresholds(names: list[str], probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> list[float]:
    """Thresholds for each label.

    First one for the whole head, that of the best F1 over all labels. A label's own best threshold, from its F1
    smoothed over neighbouring thresholds, then pulls it away as far as the label's n messages on dev carry:
    n / (n + SHRINKAGE). `SAFETY_FLAGS` go their own way.
    """
    whole = float(THRESHOLDS[f1_curve(probabilities, truth, weights).argmax()])
    result = []
    for column, name in enumerate(names):
        p, t = probabilities[:, column], truth[:, column]
        if name in SAFETY_FLAGS:
            result.append(safety_threshold(p, t, weights))
            continue
        count = int(t.sum())
        curve = np.convolve(np.pad(f1_curve(p, t, weights), 3, mode="edge"), np.ones(7) / 7, mode="valid")
        own = float(THRESHOLDS[curve.argmax()])
        result.append(round(whole + (own - whole) * count / (count + SHRINKAGE), 2))
    return result


def safety_threshold(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """The highest threshold that keeps the recall, but not below the lowest one that keeps the precision."""

    raised = probabilities[None, :] >= SAFETY_THRESHOLDS[:, None]
    found = (weights * raised * truth).sum(axis=1)
    precise = found >= SAFETY_PRECISION * np.maximum((weights * raised).sum(axis=1), 1e-9)
    complete = found >= SAFETY_RECALL * (weights * truth).sum()
    lowest = SAFETY_THRESHOLDS[precise].min(initial=SAFETY_THRESHOLDS[-1])
    return round(float(SAFETY_THRESHOLDS[complete].max(initial=lowest)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", type=Path)
    parser.add_argument("model")
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("--name", default="default")
    parser.add_argument("--version", required=True)
    parser.add_argument("--settings", type=Path, help="JSON object with further fields of signalbox.json")
    arguments = parser.parse_args()

    work, out = arguments.work, arguments.out
    labels = read_labels()
    state = torch.load(work / f"{arguments.model}.pt", map_location="cpu")
    weights = bert_weights(state, labels)
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config_json(weights, heads=12), indent=1) + "\n")
    (out / "tokenizer.json").write_bytes((work / "tokenizer.json").read_bytes())

    rows = read_jsonl(work / "dev.jsonl")
    truth, each = targets(labels, rows), language_weights(rows)
    primary, intent, polarity, flags = labels.sizes.split(np.load(work / f"{arguments.model}-dev.npy"))
    temperature = {
        "primary": softmax_temperature(primary, truth.primary, each),
        "intent": sigmoid_temperature(intent, truth.intents, each),
        "polarity": softmax_temperature(polarity, truth.polarity, each),
        "flags": sigmoid_temperature(flags, truth.flags, each),
    }
    chosen = {
        "intent": thresholds(labels.intents, sigmoid(intent / temperature["intent"]), truth.intents > 0, each),
        "flags": thresholds(labels.flags, sigmoid(flags / temperature["flags"]), truth.flags > 0, each),
    }
    kinds = {"primary": "single_label", "intent": "multi_label", "polarity": "ordinal", "flags": "multi_label"}
    names = {"primary": labels.intents, "intent": labels.intents, "polarity": labels.polarity, "flags": labels.flags}
    heads = []
    for name, kind in kinds.items():
        head = {"name": name, "kind": kind, "labels": names[name], "temperature": temperature[name]}
        heads.append(head | ({"thresholds": chosen[name]} if name in chosen else {}))
    settings = json.loads(arguments.settings.read_text(encoding="utf-8")) if arguments.settings else {}
    manifest = {
        "format": 1,
        "name": arguments.name,
        "version": arguments.version,
        "max_tokens": MAX_TOKENS,
        "pooling": "mean",
        "heads": heads,
        "languages": LANGUAGES,
        **settings,
    }
    write_manifest(out, manifest)

    logits = np.concatenate([primary, intent, polarity, flags], axis=1)
    confidence = softmax(primary / temperature["primary"]).max(axis=1)
    right = primary.argmax(axis=1) == truth.primary
    print("dev at 0.5:", {k: round(v, 4) for k, v in by_language(labels, logits, rows)["mean"].items()})
    print("temperatures", temperature, f"ece {calibration_error(confidence, right):.4f}")
    print("flags", dict(zip(labels.flags, chosen["flags"], strict=True)))


if __name__ == "__main__":
    main()
