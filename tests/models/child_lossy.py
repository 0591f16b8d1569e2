"""Run by a test in a child process under other kernels: decodes coded tiles and prints the CRC-32 of their symbols.

Arguments: weights file, threads, oneDNN "on" or "off". Tiles come as JSON lines on stdin: passes in hex, height, width,
quality.
"""

import json
import sys

import torch

from roundel.models import zoo

if __name__ == "__main__":
    weights, threads, mkldnn = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "on"
    torch.set_num_threads(threads)
    model = zoo.get(weights)
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        for line in sys.stdin:
            passes, height, width, quality = json.loads(line)
            print(model.decode([bytes.fromhex(p) for p in passes], height, width, quality).crc)
