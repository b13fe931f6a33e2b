"""Writes a model as ONNX, in f32 and in int8, for ONNX Runtime.

    python benches/peers/export_onnx.py MODEL OUT

MODEL is a directory with signalbox.json. Writes OUT/model.onnx (f32), OUT/fused.onnx (ONNX Runtime's own fusions for
BERT) and OUT/int8.onnx (dynamic quantisation of that: weights per channel, activations while computing).
"""

import argparse
import sys
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))
from bundle import Bundle  # noqa: E402


class Logits(torch.nn.Module):
    """The heads side by side, so that there is one output."""

    def __init__(self, bundle: Bundle):
        super().__init__()
        self.bundle = bundle

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return torch.cat(list(self.bundle(input_ids, attention_mask).values()), dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", type=Path)
    parser.add_argument("out", metavar="OUT", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    bundle = Bundle.load(arguments.model)
    config = bundle.encoder.config
    ids = torch.ones((2, 8), dtype=torch.long)
    axes = {0: "batch", 1: "length"}
    plain, fused = arguments.out / "model.onnx", arguments.out / "fused.onnx"
    torch.onnx.export(
        Logits(bundle),
        (ids, torch.ones_like(ids)),
        plain,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
        dynamo=False,
    )
    optimised = optimize_model(
        str(plain),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=1,
    )
    optimised.save_model_to_file(str(fused))
    quantize_dynamic(
        fused,
        arguments.out / "int8.onnx",
        per_channel=True,
        weight_type=QuantType.QInt8,
        # Shape inference does not know the types of the fused operators' outputs.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    print("fused:", optimised.get_fused_operator_statistics())


if __name__ == "__main__":
    main()
