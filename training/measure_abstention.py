"""Measures what the abstention rules of signalbox.json cost and save.

    cat data/messages/dev/*.jsonl > dev.jsonl
    python training/predict.py models/default known.npz dev.jsonl
    python training/predict.py models/default foreign.npz training/out_of_distribution.jsonl
    python training/measure_abstention.py models/default dev.jsonl known.npz foreign.npz

Prints Markdown tables: coverage and accuracy for every rule over labelled messages, and how much of the text that no
customer of a shop would write is caught.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from predict import read_jsonl

# Labels that say by themselves: nothing for a shop to do.
NOT_FOR_A_SHOP = ("other.out_of_scope", "system.spam", "system.no_reply")


@dataclass
class Scores:
    """What the rules look at; arrays have one entry for each message."""

    labels: list[str]
    primary: np.ndarray  # index of the leading intent
    primary_probability: np.ndarray
    margin: np.ndarray  # distance between the two leading intents
    runner_up: np.ndarray
    group: np.ndarray  # index into `groups`
    group_probability: np.ndarray
    groups: list[str]
    presence: np.ndarray  # largest probability in the intent head
    unknown_share: np.ndarray

    def group_of(self, index: int) -> str:
        return self.labels[index].split(".")[0]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def score(manifest: dict, logits: dict[str, np.ndarray]) -> Scores:
    """Turns logits into calibrated probabilities and what the rules need of them."""
    heads = {head["name"]: head for head in manifest["heads"]}
    labels = heads["primary"]["labels"]
    probabilities = softmax(logits["primary"] / heads["primary"]["temperature"])
    order = np.argsort(-probabilities, axis=1)
    rows = np.arange(len(probabilities))
    first, second = order[:, 0], order[:, 1]
    groups = sorted({label.split(".")[0] for label in labels})
    membership = np.array([[label.split(".")[0] == group for group in groups] for label in labels], np.float32)
    by_group = probabilities @ membership
    return Scores(
        labels=labels,
        primary=first,
        primary_probability=probabilities[rows, first],
        margin=probabilities[rows, first] - probabilities[rows, second],
        runner_up=second,
        group=by_group.argmax(axis=1),
        group_probability=by_group.max(axis=1),
        groups=groups,
        presence=sigmoid(logits["intent"] / heads["intent"]["temperature"]).max(axis=1),
        unknown_share=logits["unknown_share"],
    )


def share(mask: np.ndarray) -> str:
    """Formats the share of true entries."""
    return f"{mask.mean() * 100:.1f} %" if len(mask) else "-"


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def report_known(known: Scores, truth: list[str], min_primary: float, min_group: float) -> None:
    """Prints coverage and accuracy of the primary intent and of the group fallback."""
    right = np.array([known.labels[p] == t for p, t in zip(known.primary, truth, strict=True)])
    group_right = np.array([known.groups[g] == t.split(".")[0] for g, t in zip(known.group, truth, strict=True)])
    print(f"\n{len(truth)} labelled messages, primary intent right in {share(right)}, group in {share(group_right)}")
    rows = []
    for threshold in np.arange(0.2, 0.71, 0.05):
        answered = known.primary_probability >= threshold
        rows.append([f"{threshold:.2f}", share(answered), share(right[answered]), share(right[~answered])])
    table("Primary intent", ["min_primary", "answered", "right when answered", "right when not"], rows)
    rows = []
    unsure = known.primary_probability < min_primary
    for threshold in np.arange(0.3, 0.81, 0.1):
        grouped = unsure & (known.group_probability >= threshold)
        declined = unsure & ~grouped
        rows.append([f"{threshold:.1f}", share(grouped), share(group_right[grouped]), share(declined)])
    table(
        f"Group, where the primary intent is under {min_primary}",
        ["min_group", "group answered", "group right", "neither answered"],
        rows,
    )
    rows = []
    declined = unsure & (known.group_probability < min_group)
    other_group = np.array(
        [known.group_of(a) != known.group_of(b) for a, b in zip(known.primary, known.runner_up, strict=True)]
    )
    top_two = np.array(
        [t in (known.labels[a], known.labels[b]) for t, a, b in zip(truth, known.primary, known.runner_up, strict=True)]
    )
    for threshold in (0.02, 0.05, 0.1, 0.15, 0.2):
        ambiguous = declined & other_group & (known.margin < threshold)
        others = declined & ~ambiguous
        rows.append([f"{threshold:.2f}", share(ambiguous[declined]), share(top_two[ambiguous]), share(top_two[others])])
    table(
        f"Of the declined ones, min_group {min_group}",
        ["min_margin", "called ambiguous", "one of the two right", "same for the others"],
        rows,
    )


def report_foreign(known: Scores, foreign: Scores, kinds: list[str], min_group: float) -> None:
    """Prints what each rule alone does to labelled messages and to foreign text."""
    # Customers who write in a language that the model does not support are no foreign text.
    chosen = np.array([kind != "customer_other_language" for kind in kinds])
    rows = [
        [f"{threshold:.2f}", share(known.presence < threshold), share(foreign.presence[chosen] < threshold)]
        for threshold in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    ]
    table("Largest probability in the intent head", ["min_presence", "labelled messages", "foreign text"], rows)
    rows = [
        [f"{threshold:.2f}", share(known.unknown_share > threshold), share(foreign.unknown_share[chosen] > threshold)]
        for threshold in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    table("Unknown tokens", ["max_unknown_share", "labelled messages", "foreign text"], rows)
    rows = []
    for threshold in np.arange(0.2, 0.71, 0.1):
        known_declined, foreign_declined = (
            (scores.primary_probability < threshold) & (scores.group_probability < min_group)
            for scores in (known, foreign)
        )
        rows.append([f"{threshold:.2f}", share(known_declined), share(foreign_declined[chosen])])
    title = f"Declined for low confidence, min_group {min_group}"
    table(title, ["min_primary", "labelled messages", "foreign text"], rows)


def report_rules(scores: Scores, kinds: list[str], rules: dict) -> None:
    """Prints what the chosen rules do to each kind of text."""
    outside = (scores.presence < rules["min_presence"]) | (scores.unknown_share > rules["max_unknown_share"])
    answered = ~outside & (scores.primary_probability >= rules["min_primary"])
    grouped = ~outside & ~answered & (scores.group_probability >= rules["min_group"])
    declined = ~outside & ~answered & ~grouped
    not_for_a_shop = np.array([scores.labels[p] in NOT_FOR_A_SHOP for p in scores.primary])
    rows = []
    for kind in [*dict.fromkeys(kinds), "all"]:
        of_kind = np.array([kind in (k, "all") for k in kinds])
        harmless = (outside | declined | (answered & not_for_a_shop))[of_kind]
        columns = [mask[of_kind] for mask in (outside, declined, grouped, answered, answered & not_for_a_shop)]
        rows.append([kind, str(of_kind.sum()), *map(share, columns), share(harmless)])
    table(
        f"Chosen rules: {json.dumps(rules)}",
        ["text", "n", "outside", "declined", "group only", "answered", "of it not for a shop", "caught"],
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL_DIR", type=Path)
    parser.add_argument("messages", metavar="KNOWN.jsonl", type=Path, help="labelled messages")
    parser.add_argument("known_logits", metavar="KNOWN.npz", type=Path)
    parser.add_argument("foreign_logits", metavar="FOREIGN.npz", type=Path)
    parser.add_argument("--rules", type=json.loads, help="abstention rules as JSON instead of the model's own")
    arguments = parser.parse_args()

    manifest = json.loads((arguments.model / "signalbox.json").read_text(encoding="utf-8"))
    rules = arguments.rules or manifest["abstention"]
    rows = read_jsonl([arguments.messages])
    truth = [row["intents"][0] for row in rows]
    known = score(manifest, dict(np.load(arguments.known_logits)))
    foreign = score(manifest, dict(np.load(arguments.foreign_logits)))
    kinds = [row["kind"] for row in read_jsonl([Path(__file__).with_name("out_of_distribution.jsonl")])]

    report_known(known, truth, rules["min_primary"], rules["min_group"])
    report_foreign(known, foreign, kinds, rules["min_group"])
    report_rules(known, [row["lang"] for row in rows], rules)
    report_rules(foreign, kinds, rules)


if __name__ == "__main__":
    main()
