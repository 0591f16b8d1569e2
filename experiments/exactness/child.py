"""Decodes coded tiles under the kernels that the environment allows and prints their symbols' checksums.

Arguments: threads, oneDNN "on" or "off", "torch" or "onnx" (the scale net by ONNX Runtime). Tiles come as JSON lines on
stdin: passes in hex, height, width, quality.
"""

import json
import sys

import numpy as np
import torch

from roundel.models import zoo
from roundel.models.lossy import LossyModel
from roundel.nets.hyper import ScaleNet


class OnnxScaleNet(torch.nn.Module):
    """The frozen scale net, exported in standard operators and run by ONNX Runtime."""

    def __init__(self, net: ScaleNet) -> None:
        super().__init__()
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        nodes, values = [], []

        def add(op: str, inputs: list[str], output: str, **attributes: object) -> str:
            nodes.append(helper.make_node(op, inputs, [output], **attributes))
            return output

        def layer(x: str, name: str, low: int, high: int) -> str:
            part = net.layers()[name]
            arrays = {"w": part.int_weight, "b": part.int_bias, "f": part.factor.view(1, -1, 1, 1),
                      "lo": torch.tensor(float(low)), "hi": torch.tensor(float(high))}  # fmt: skip
            for key, value in arrays.items():
                values.append(numpy_helper.from_array(np.ascontiguousarray(value.numpy()), f"{name}_{key}"))
            pad = part.int_weight.shape[2] // 2
            y = add("Conv", [x, f"{name}_w", f"{name}_b"], f"{name}_1", pads=[pad] * 4)
            y = add("Floor", [add("Mul", [y, f"{name}_f"], f"{name}_2")], f"{name}_3")
            return add("Clip", [y, f"{name}_lo", f"{name}_hi"], f"{name}_4")

        def shuffle(x: str) -> str:
            return add("DepthToSpace", [x], f"{x}_s", blocksize=2, mode="CRD")

        values.append(numpy_helper.from_array(np.float32(0), "zero"))
        values.append(numpy_helper.from_array(np.float32(255), "top"))
        x = add("Clip", [add("Add", [layer("z", "enter", -255, 255), "offsets"], "e"), "zero", "top"], "f")
        x = layer(shuffle(layer(x, "up1", 0, 255)), "middle", 0, 255)
        limit = net.leave.out_range[1]
        y = layer(shuffle(layer(x, "up2", 0, 255)), "leave", -limit, limit)
        makes = helper.make_tensor_value_info
        inputs = [
            makes("z", TensorProto.FLOAT, [1, "c", "h", "w"]),
            makes("offsets", TensorProto.FLOAT, [1, "d", 1, 1]),
        ]
        graph = helper.make_graph(nodes, "scales", inputs, [makes(y, TensorProto.FLOAT, None)], values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def forward(self, z: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """See `ScaleNet.forward`."""
        (y,) = self.session.run(None, {"z": z.numpy(), "offsets": offsets[:, :, None, None].numpy()})
        return torch.from_numpy(y)


if __name__ == "__main__":
    threads, onednn, library = int(sys.argv[1]), sys.argv[2] == "on", sys.argv[3]
    torch.set_num_threads(threads)
    model = zoo.get("photo-lossy")
    assert isinstance(model, LossyModel)
    if library == "onnx":
        model.net.scale_net = OnnxScaleNet(model.net.scale_net)  # type: ignore[assignment]
    with torch.backends.mkldnn.flags(enabled=onednn):
        for line in sys.stdin:
            passes, height, width, quality = json.loads(line)
            print(model.decode([bytes.fromhex(p) for p in passes], height, width, quality).crc)
