"""What a training shows while it runs: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

LINES_EVERY_S = 10.0
"""Between lines, where there is no terminal."""

LATER = ("grad_norm", "lr", "s")
"""Values for the log alone."""


class Progress:
    """Shows steps and their values on stderr, or nothing.

    Args:
        first: the step that training begins with. steps: all of them. shown: False for silence.
    """

    def __init__(self, first: int, steps: int, *, shown: bool) -> None:
        self.steps, self._bar, self._lines = steps, None, False
        self._last_s = -LINES_EVERY_S
        if shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(initial=first, total=steps, unit="step", dynamic_ncols=True)
        elif shown:
            self._lines = True

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, done: int, values: Mapping[str, float]) -> None:
        """A step was made; `done` of them by now."""
        if self._bar is not None:
            self._bar.set_postfix_str(_text(values), refresh=False)
            self._bar.update()
        elif self._lines and (done == self.steps or time.monotonic() - self._last_s >= LINES_EVERY_S):
            self._last_s = time.monotonic()
            self.say(f"step {done}/{self.steps}  {_text(values)}")

    def validated(self, done: int, score: float, values: Mapping[str, float]) -> None:
        """The averaged model was measured."""
        self.say(f"step {done}/{self.steps}  validation  score {score:.5g}  {_text(values)}".rstrip())

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._lines:
            print(text, file=sys.stderr, flush=True)


def _text(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{key} {value:.4g}" for key, value in values.items() if key not in LATER)
