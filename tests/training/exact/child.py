"""Run by a test in a child process under other kernels: prints hashes of exact results."""

from roundel.training.exact import selftest
from tests.training.exact.layers import digest, edge_stack, integer_inputs, run

if __name__ == "__main__":
    stack = edge_stack()
    for batch, height, width in [(1, 33, 50), (5, 8, 8)]:
        print(digest(run(stack, integer_inputs(batch, 24, height, width, 127))))
    print(selftest({str(i): layer for i, layer in enumerate(stack)}))
