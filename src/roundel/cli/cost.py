"""What it costs to encode a slide: an estimate before the work, and a warning where JPEG is to be kept without loss."""

import os
from typing import TYPE_CHECKING

from roundel.cli import inputs
from roundel.cli.batch import Done
from roundel.cli.inputs import Item

if TYPE_CHECKING:
    from roundel.encoding import Encoding
    from roundel.image.scan import Scan


def dry(item: Item, encoding: "Encoding", quality: int, jobs: int) -> Done:
    """Estimate bytes and seconds from a sample of tiles."""
    from roundel.container import Kind
    from roundel.estimate import estimate
    from roundel.image.scan import Scan

    found = estimate(encoding, quality)
    model, grid = encoding.codec.model, encoding.grid
    now = None if item.input == inputs.STANDARD else os.stat(item.input).st_size
    elapsed_s = found.elapsed_s / jobs
    stored = encoding.pixels.stored if isinstance(encoding.pixels, Scan) else ""
    record: dict[str, object] = {
        "input": item.input,
        "width_px": grid.width,
        "height_px": grid.height,
        "stored": stored or None,
        "input_bytes": now,
        "estimated_bytes": found.file_bytes,
        "estimated_error_bytes": found.error_bytes,
        "estimated_s": round(elapsed_s, 1),
        "jobs": jobs,
        "sampled_tiles": found.sampled,
        "tiles": found.tiles,
        "model": model.name,
        "quality": None if model.kind is Kind.LOSSLESS else quality,
    }
    how = f"without loss by {model.name}" if model.kind is Kind.LOSSLESS else f"at quality {quality} by {model.name}"
    text = f"{item.input}: {grid.width}×{grid.height} px"
    text += f" in {stored}" if stored else ""
    text += "" if now is None else f", {size(now)} now"
    error = f" ± {size(2 * found.error_bytes)}" if found.error_bytes else ""
    text += f"; {how} about {size(found.file_bytes)}{error}"
    text += f" ({found.file_bytes / now:.2f} times as many)" if now else ""
    threads = f" with -j {jobs}" if jobs > 1 else ""
    text += f", {duration(elapsed_s)}{threads}, from {found.sampled} of {found.tiles} tiles"
    return Done(record, text)


def warn(scan: "Scan", *, lossless: bool) -> None:
    """Say that JPEG grows when its pixels are kept without loss."""
    import warnings

    from roundel.errors import RoundelWarning

    if lossless and "JPEG" in scan.stored:
        warnings.warn(
            f"it is stored as {scan.stored}: without loss its pixels take several times the bytes of the JPEG; "
            "--dry-run estimates how many",
            RoundelWarning,
            stacklevel=2,
        )


def size(count: int) -> str:
    """12.3 MB."""
    for unit, divisor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= divisor:
            return f"{count / divisor:.3g} {unit}"
    return f"{count} bytes"


def duration(seconds: float) -> str:
    """41 s, 3 min, 1.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
