"""Values of options that are more than a number: sizes in bytes, regions, picture sizes."""

import math
import re
from typing import Any

import click

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class Number(click.FloatRange):
    """A finite number of a range; click's lets NaN into any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A number from text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number to work with.", param, ctx)
        return number


class Bytes(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 30000, 30k, 30kB, 1.5M, 29.3KiB."""

    name = "SIZE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Whole bytes from text."""
        found = re.fullmatch(r"\s*(\d{1,18}(?:\.\d{1,18})?)\s*([kmg]i?)?b?\s*", str(value).lower())
        size = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
        if size < 1:
            self.fail(f"{value!r} is not a size as 30000, 30k (thousands), 1.5M or 30KiB.", param, ctx)
        return size


class Region(click.ParamType):  # type: ignore[type-arg]
    """x,y,width,height in pixels."""

    name = "x,y,w,h"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Four integers from text."""
        try:
            x, y, width, height = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not four numbers x,y,w,h.", param, ctx)
        return x, y, width, height


class Size(click.ParamType):  # type: ignore[type-arg]
    """WIDTHxHEIGHT in pixels."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Two integers from text."""
        found = re.fullmatch(r"(\d+)[x×,](\d+)", str(value))
        if found is None:
            self.fail(f"{value!r} is not a size as 640x480.", param, ctx)
        return int(found[1]), int(found[2])
