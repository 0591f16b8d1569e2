"""Pixels per unit of length, as PNG, JPEG, TIFF and EXIF note them."""

from fractions import Fraction
from typing import NamedTuple

NONE, INCH, CENTIMETRE, METRE = range(4)
_IN_METRES = {INCH: Fraction(254, 10_000), CENTIMETRE: Fraction(1, 100), METRE: Fraction(1)}


class Resolution(NamedTuple):
    """Pixels per unit; of unit NONE only their ratio means something.

    Args:
        x, y: along rows and columns, positive.
        unit: NONE, INCH, CENTIMETRE or METRE.
    """

    x: Fraction
    y: Fraction
    unit: int

    def per(self, unit: int) -> "Resolution":
        """The same per inch, centimetre or metre; one without a unit stays as it is."""
        if NONE in (self.unit, unit):
            return self
        scale = _IN_METRES[unit] / _IN_METRES[self.unit]
        return Resolution(self.x * scale, self.y * scale, unit)

    def reduced(self, factor: Fraction | int) -> "Resolution":
        """That of the picture with so many times fewer pixels along each axis."""
        return self if self.unit == NONE else Resolution(self.x / factor, self.y / factor, self.unit)

    def turned(self) -> "Resolution":
        """That of the picture with rows and columns exchanged."""
        return Resolution(self.y, self.x, self.unit)


def resolution(x: Fraction | int, y: Fraction | int, unit: int) -> Resolution | None:
    """A resolution as a file gives it, or None for one that says nothing: not positive, or 1:1 of no unit."""
    if x <= 0 or y <= 0 or (unit == NONE and x == y):
        return None
    return Resolution(Fraction(x), Fraction(y), unit)
