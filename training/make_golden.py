"""Writes the logits that PyTorch computes for a model directory, for tests to compare with.

    python training/make_golden.py MODEL_DIR OUT.json --texts MESSAGES.json

MESSAGES.json is a list of objects with `text` and `lang`, or a file that this script wrote. Weights are de-quantised
to f32; each message is encoded alone, without padding. Logits are rounded to 5 decimals. When MESSAGES.json has
logits itself, the script prints how far the two are apart.
"""

import argparse
import json
from pathlib import Path

import torch
from bundle import Bundle, pad

DECIMALS = 5


def read_messages(path: Path) -> list[dict]:
    """Returns the messages of a list or of an earlier golden file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["messages"] if isinstance(content, dict) else content


def compute(bundle: Bundle, message: dict) -> dict:
    """Returns the message with its token ids and logits."""
    ids = bundle.encode(message["text"])
    logits = bundle(*pad([ids], bundle.encoder.config.pad_token_id))
    rounded = {head: [round(value, DECIMALS) for value in values[0].tolist()] for head, values in logits.items()}
    return {"text": message["text"], "lang": message["lang"], "input_ids": ids, "logits": rounded}


def compare(messages: list[dict], golden: list[dict]) -> None:
    """Prints the largest difference of a logit and the share of equal decisions, by head."""
    same_ids = sum(a["input_ids"] == b["input_ids"] for a, b in zip(messages, golden, strict=True))
    print(f"token ids: {same_ids} of {len(golden)} equal")
    for head in golden[0]["logits"]:
        ours = torch.tensor([message["logits"][head] for message in golden])
        theirs = torch.tensor([message.get("logits", message)[head] for message in messages])
        difference = (ours - theirs).abs()
        top = (ours.argmax(dim=1) == theirs.argmax(dim=1)).sum().item()
        sides = ((ours > 0) == (theirs > 0)).float().mean().item()
        print(
            f"{head}: largest difference {difference.max():.4f}, mean {difference.mean():.4f}, "
            f"same leading label {top} of {len(golden)}, same sign {sides * 100:.2f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL_DIR", type=Path)
    parser.add_argument("out", metavar="OUT.json", type=Path)
    parser.add_argument("--texts", metavar="MESSAGES.json", type=Path, help="default: the messages of OUT.json")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    messages = read_messages(arguments.texts or arguments.out)
    bundle = Bundle.load(arguments.model)
    golden = [compute(bundle, message) for message in messages]
    lines = ",\n".join(json.dumps(message, ensure_ascii=False) for message in golden)
    arguments.out.write_text(f'{{"messages": [\n{lines}\n]}}\n', encoding="utf-8")
    if "input_ids" in messages[0]:
        compare(messages, golden)


if __name__ == "__main__":
    main()
