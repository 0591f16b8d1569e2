"""Decodes coded tiles under the kernels that the environment allows and prints their symbols' checksums.

Arguments: threads, oneDNN "on" or "off", "torch" or "onnx" (exact layers by ONNX Runtime). Tiles come as JSON lines on
stdin: passes in hex, height, width, quality.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file

from roundel.codecs import zoo
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.training.exact.sums import ExactSum
from roundel.training.wavelet import stored as wavelet_weights
from roundel.training.wavelet.net import WaveletNet

ENTRY = next(e for e in zoo.entries() if e.name == "photo-wavelet")


class OnnxSum(torch.nn.Module):
    """A frozen exact layer in standard operators, run by ONNX Runtime. Args: stored: its integers."""

    def __init__(self, layer: ExactSum, stored: dict[str, torch.Tensor]) -> None:
        super().__init__()
        low, high = layer.out_range
        shift = stored["shift"].double()
        bias = stored["bias"].double() + torch.floor(torch.exp2(shift - 1))
        arrays = {"b": bias.float().view(1, -1, 1, 1), "f": torch.exp2(-shift).float().view(1, -1, 1, 1),
                  "low": torch.tensor(float(low)), "high": torch.tensor(float(high))}  # fmt: skip
        inputs, nodes, total = [], [], "b"
        for i, part in enumerate(layer.parts):
            arrays[f"w{i}"] = stored[f"weight{i}"].float()
            inputs.append(helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, ["b", part.channels, None, None]))
            pads = [0 if part.padded else part.kernel // 2] * 4
            nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"y{i}"], pads=pads))
            nodes.append(helper.make_node("Add", [total, f"y{i}"], [f"sum{i}"]))
            total = f"sum{i}"
        nodes += [
            helper.make_node("Mul", [total, "f"], ["scaled"]),
            helper.make_node("Floor", ["scaled"], ["floored"]),
            helper.make_node("Add", ["floored", "add"], ["added"]),
            helper.make_node("Clip", ["added", "low", "high"], ["out"]),
        ]
        inputs.append(helper.make_tensor_value_info("add", TensorProto.FLOAT, None))
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
        values = [numpy_helper.from_array(np.ascontiguousarray(v.numpy()), k) for k, v in arrays.items()]
        model = helper.make_model(
            helper.make_graph(nodes, "layer", inputs, [out], values),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def forward(self, *inputs: torch.Tensor, add: torch.Tensor | None = None) -> torch.Tensor:
        """See `ExactSum.forward`."""
        feeds = {f"x{i}": x.contiguous().numpy() for i, x in enumerate(inputs)}
        feeds["add"] = (torch.zeros(1) if add is None else add).contiguous().numpy()
        return torch.from_numpy(self.session.run(None, feeds)[0])


def use_onnx(net: WaveletNet, weights: Path) -> None:
    """Run all exact layers of a frozen model by ONNX Runtime."""
    tensors = load_file(weights)
    for name, layer in wavelet_weights.layers(net).items():
        start = f"exact.{name}."
        stored = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
        parent, _, attribute = name.rpartition(".")
        setattr(net.get_submodule(parent), attribute, OnnxSum(layer, stored))


if __name__ == "__main__":
    threads, onednn, library = int(sys.argv[1]), sys.argv[2] == "on", sys.argv[3]
    torch.set_num_threads(threads)
    model = zoo.get(ENTRY.name)
    assert isinstance(model, WaveletModel)
    if library == "onnx":
        use_onnx(model.net, ENTRY.weights)
    with torch.backends.mkldnn.flags(enabled=onednn):
        for line in sys.stdin:
            passes, height, width, quality = json.loads(line)
            print(model.decode([bytes.fromhex(p) for p in passes], height, width, quality).crc)
