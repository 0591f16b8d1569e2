"""One ONNX graph, run so that it gives the same integers on every machine."""

import os
import threading
from functools import cache
from typing import Any

import numpy as np

from roundel.errors import ModelError

MINIMUM = (1, 22)
"""The first ONNX Runtime that has all operators that exported graphs use."""


class Graph:
    """A graph of an exported model.

    Its session is made when it is first run, and holds no threads of its own: tiles run side by side on Python's
    threads, and a process may fork at any time. Safe to share between threads; pickles as its bytes.

    Args:
        data: an ONNX file.

    Source: `training.graphs` says why such graphs are exact.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        """The ONNX file."""
        self._session: Any = None
        self._lock = threading.Lock()

    def run(self, **inputs: np.ndarray) -> list[np.ndarray]:
        """The graph's outputs, in their order, for arrays of the types and shapes that it declares.

        Raises:
            ModelError: the graph cannot be run here, or not on such inputs.
        """
        session = self._session or self._open()
        try:
            return session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
            raise ModelError(f"ONNX Runtime cannot run a net: {str(error).splitlines()[0]}") from error

    def _open(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _session(self.data)
            return self._session

    def __getstate__(self) -> bytes:
        return self.data

    def __setstate__(self, data: bytes) -> None:
        self.__init__(data)  # type: ignore[misc]


# Versions from 1.31 on otherwise note each program that imports them in a file of the user's, to be sent.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def check_runtime() -> str:
    """The version of ONNX Runtime, which is recent enough.

    Raises:
        ModelError: it is missing, or too old to run the exported nets.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"ONNX Runtime cannot be loaded ({error}): pip install onnxruntime") from error
    version = str(onnxruntime.__version__)
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise ModelError(f"ONNX Runtime {version} is too old: pip install 'onnxruntime>={wanted}'")
    return version


@cache
def _share_memory() -> None:
    """Let all sessions of this process draw on one arena: else each keeps, and touches first, pages of its own."""
    import onnxruntime

    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(0, 0, -1, -1))  # sizes as usual


def _session(data: bytes) -> Any:
    check_runtime()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Fusions know nothing of exactness: one of them rounds twice where a graph says once.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    _share_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot load a net: {str(error).splitlines()[0]}") from error
