"""Scores of logits while training. `signalbox eval` is the measure of record; these agree with it."""

import numpy as np

from labels import Labels, targets


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))


def micro_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    both = (predicted & truth).sum()
    return float(2 * both / max(1, predicted.sum() + truth.sum()))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over equally wide bins (Guo et al. 2017)."""
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(
        sum(
            (index == b).mean() * abs(confidence[index == b].mean() - right[index == b].mean())
            for b in range(bins)
            if (index == b).any()
        )
    )


def scores(labels: Labels, logits: np.ndarray, rows: list[dict], thresholds: tuple = (0.5, 0.5)) -> dict[str, float]:
    """Scores of one set of messages at given thresholds of intents and flags."""
    primary, intent, polarity, flags = labels.sizes.split(logits)
    truth = targets(labels, rows)
    best = primary.argmax(axis=1)
    right = best == truth.primary
    confidence = softmax(primary).max(axis=1)
    order = np.argsort(-confidence)
    step = polarity.argmax(axis=1)
    middle = len(labels.polarity) // 2
    group = np.array([name.split(".")[0] for name in labels.intents])
    return {
        "n": len(rows),
        "primary": float(right.mean()),
        "top3": float((np.argsort(-primary, axis=1)[:, :3] == truth.primary[:, None]).any(axis=1).mean()),
        "group": float((group[best] == group[truth.primary]).mean()),
        "intents_f1": micro_f1(sigmoid(intent) >= thresholds[0], truth.intents > 0),
        "polarity5": float((step == truth.polarity).mean()),
        "polarity3": float((np.sign(step - middle) == np.sign(truth.polarity - middle)).mean()),
        "flags_f1": micro_f1(sigmoid(flags) >= thresholds[1], truth.flags > 0),
        "ece": calibration_error(confidence, right),
        "at90": float(right[order[: int(0.9 * len(order))]].mean()),
    }


def by_language(labels: Labels, logits: np.ndarray, rows: list[dict], **options) -> dict[str, dict[str, float]]:
    """Scores of each language, and `mean`: every language counts the same."""
    languages = sorted({row["lang"] for row in rows})
    result = {}
    for language in languages:
        index = [i for i, row in enumerate(rows) if row["lang"] == language]
        result[language] = scores(labels, logits[index], [rows[i] for i in index], **options)
    result["mean"] = {key: float(np.mean([result[name][key] for name in languages])) for key in result[languages[0]]}
    return result
