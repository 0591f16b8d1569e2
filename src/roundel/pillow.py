"""Pillow opens and saves .rndl files once this is imported; `import roundel` does it where Pillow is loaded already.

    import roundel.pillow
    from PIL import Image

    Image.open("photo.png").save("photo.rndl", quality=60)
    Image.open("photo.rndl").thumbnail((200, 200))

This registers the format and no more: what reads and writes it loads with the first file.
"""

from typing import IO

from PIL import Image, ImageFile

FORMAT = "ROUNDEL"
MIME = "image/x-roundel"
SUFFIX = ".rndl"
_MAGIC = b"\x89RND"
"""As much of the magic as survives a copy that changed line ends, which is then named as such."""


def _is_ours(prefix: bytes) -> bool:
    return prefix.startswith(_MAGIC)


def _open(file: IO[bytes], filename: str | bytes) -> ImageFile.ImageFile:
    from roundel.plugins.pillow import RoundelImageFile

    return RoundelImageFile(file, filename)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    from roundel.plugins.pillow import save

    save(image, file)


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    from roundel.plugins.pillow import save_all

    save_all(image, file)


Image.register_open(FORMAT, _open, _is_ours)
Image.register_save(FORMAT, _save)
Image.register_save_all(FORMAT, _save_all)
Image.register_extension(FORMAT, SUFFIX)
Image.register_mime(FORMAT, MIME)
