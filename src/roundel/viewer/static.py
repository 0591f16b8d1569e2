"""The page itself and the decoder in it, as `make web` builds them into the package."""

from pathlib import Path

from roundel.errors import UnsupportedError

STATIC = Path(__file__).parent / "static"


def page() -> Path:
    """The folder with the page.

    Raises:
        UnsupportedError: it was not built.
    """
    if not (STATIC / "index.html").is_file() or not (STATIC / "decoder" / "index.js").is_file():
        raise UnsupportedError(
            "the viewer's page was not built when roundel was installed: run `make web` in a checkout of roundel "
            "(it needs Node.js and clang), and install that"
        )
    return STATIC
