"""Decodes coded tiles under the kernels that the environment allows and prints their symbols' checksums.

Arguments: threads, oneDNN "on" or "off", "torch" or "onnx" (exact layers by ONNX Runtime). Tiles come as JSON lines on
stdin: passes in hex, height, width, quality.
"""

import json
import sys

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from roundel.exact import ExactConv2d
from roundel.models import zoo
from roundel.models.lossy import LossyModel


class OnnxLayer(torch.nn.Module):
    """A frozen exact layer in standard operators, run by ONNX Runtime."""

    def __init__(self, layer: ExactConv2d) -> None:
        super().__init__()
        weight = layer.int_weight
        low, high = layer.out_range
        arrays = {"w": weight, "b": layer.int_bias, "f": layer.factor.view(1, -1, 1, 1),
                  "low": torch.tensor(float(low)), "high": torch.tensor(float(high))}  # fmt: skip
        values = [numpy_helper.from_array(np.ascontiguousarray(v.numpy()), k) for k, v in arrays.items()]
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["sums"], pads=[weight.shape[2] // 2] * 4),
            helper.make_node("Mul", ["sums", "f"], ["scaled"]),
            helper.make_node("Floor", ["scaled"], ["floored"]),
            helper.make_node("Clip", ["floored", "low", "high"], ["y"]),
        ]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, weight.shape[1], "h", "w_"])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, weight.shape[0], "h", "w_"])
        graph = helper.make_graph(nodes, "layer", [x], [y], values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `ExactConv2d.forward`."""
        return torch.from_numpy(self.session.run(None, {"x": x.contiguous().numpy()})[0])


def use_onnx(module: torch.nn.Module) -> None:
    """Run all exact layers of a frozen model by ONNX Runtime."""
    for name, child in module.named_children():
        if isinstance(child, ExactConv2d):
            setattr(module, name, OnnxLayer(child))
        else:
            use_onnx(child)


if __name__ == "__main__":
    threads, onednn, library = int(sys.argv[1]), sys.argv[2] == "on", sys.argv[3]
    torch.set_num_threads(threads)
    model = zoo.get("photo-lossy")
    assert isinstance(model, LossyModel)
    if library == "onnx":
        use_onnx(model.net)
    with torch.backends.mkldnn.flags(enabled=onednn):
        for line in sys.stdin:
            passes, height, width, quality = json.loads(line)
            print(model.decode([bytes.fromhex(p) for p in passes], height, width, quality).crc)
