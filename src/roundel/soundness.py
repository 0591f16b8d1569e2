"""Is a file whole, and does it decode to what was encoded?"""

from roundel.codecs.protocol import Model
from roundel.container import DEFAULT_MAX_PIXELS, read, read_info, read_pack
from roundel.loaded import Progress
from roundel.packing import unpack
from roundel.restore import restore


def check_sound(
    data: bytes,
    *,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, int]:
    """What was checked of a .rndl file: every section's checksum, and what all of it decodes to.

    Args:
        data: the whole file, of one picture or a pack. Other arguments are those of `roundel.decode`.

    Returns:
        Numbers of tiles, or of pictures of a pack, and of passes.

    Raises:
        RoundelError: it is not sound.
    """
    if read_info(data, len(data)).pack:
        opened = read_pack(data, max_pixels=max_pixels)
        pictures = sum(1 for _ in unpack(opened, range(len(opened)), model=model))
        return {"pictures": pictures, "passes": opened.header.passes}
    read(data, max_pixels=max_pixels)  # boxes too, also those that no picture needs
    found = restore(data, model=model, max_pixels=max_pixels, jobs=jobs, progress=progress)
    return {"tiles": found.tiles, "passes": found.passes}
