"""Pictures to tokens and back: arrays of integers, and files that hold just them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from roundel import container, image
from roundel.codec import TILE_PX, to_picture
from roundel.codecs.loading import model_of, resolve
from roundel.codecs.protocol import Model, Window
from roundel.codecs.tokens.codec import TokenModel
from roundel.codecs.tokens.symbols import crc
from roundel.container import DEFAULT_MAX_PIXELS, Header, Kind
from roundel.errors import ChecksumError, ModelError, UnsupportedError
from roundel.image.picture import Picture
from roundel.tiling import Grid, Rect, combine_crcs, grid_for

if TYPE_CHECKING:
    from PIL import Image

Codes = NDArray[np.int32]


def tokenize(
    source: "Picture | Image.Image | np.ndarray | bytes",
    *,
    model: Model | int | str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    device: str = "cpu",
) -> Codes:
    """The tokens of a picture.

    Args:
        source: a picture as `encode` takes it, whose alpha is left out; or the bytes of a .rndl file or pack of tokens,
            whose tokens are read as they are.
        model: a loaded model of tokens, or the name, id or path of one, instead of the default.
        max_pixels: of a file, the largest picture to accept.
        device: where the model runs.

    Returns:
        int32 (h, w, D), one vector for each square of 8 × 8 pixels (of `model.latent_px`), edges repeated where the
        picture is no multiple; entry d is in [0, levels[d]). Of a pack (pictures, h, w, D).

    Raises:
        RoundelError: the picture, file or model is not acceptable.

    Example:
        >>> tokenize(np.zeros((20, 33, 3), np.uint8)).shape[:2]
        (3, 5)
    """
    if isinstance(source, bytes):
        return _read(source, model, max_pixels, device)
    codec = _tokens(resolve(model, Kind.TOKENS, device))
    pixels = image.reduce_depth(to_picture(source)).pixels
    rgb = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    grid = _grid(codec, *pixels.shape[:2])
    codes = _empty(codec, grid)
    for index in range(grid.tiles):
        tile = grid.tile(index)
        around = tile.grow(codec.halo_px, grid.bounds)
        cut = np.ascontiguousarray(rgb[around.rows, around.columns])
        _place(codes, tile, codec)[:] = codec.codes(cut, Window(*tile.relative_to(around))).transpose(1, 2, 0)
    return codes


def detokenize(
    codes: NDArray[np.integer],
    *,
    size: tuple[int, int] | None = None,
    model: Model | int | str | None = None,
    device: str = "cpu",
) -> NDArray[np.uint8]:
    """The picture that tokens stand for, uint8 (H, W, 3).

    Args:
        codes: integers (h, w, D). size: width and height in pixels; None for whole squares.
        model: the model that made the tokens, as for `tokenize`.

    Raises:
        ModelError: the tokens are not of this model, or do not fit the size.

    Example:
        >>> detokenize(tokenize(np.zeros((20, 33, 3), np.uint8)), size=(33, 20)).shape
        (20, 33, 3)
    """
    codec = _tokens(resolve(model, Kind.TOKENS, device))
    checked, grid = _checked(codes, size, codec)
    pixels = np.empty((grid.height, grid.width, 3), np.uint8)
    for index in range(grid.tiles):
        tile = grid.tile(index)
        around = tile.grow(codec.halo_px, grid.bounds)
        latents = _place(checked, around, codec).transpose(2, 0, 1)
        pixels[tile.rows, tile.columns] = codec.render(latents, Window(*tile.relative_to(around)), 0)
    return pixels


def to_file(
    codes: NDArray[np.integer],
    *,
    size: tuple[int, int] | None = None,
    model: Model | int | str | None = None,
    device: str = "cpu",
) -> bytes:
    """A .rndl file of these very tokens; arguments and errors as `detokenize`.

    Example:
        >>> codes = tokenize(np.zeros((20, 33, 3), np.uint8))
        >>> bool((tokenize(to_file(codes, size=(33, 20))) == codes).all())
        True
    """
    codec = _tokens(resolve(model, Kind.TOKENS, device))
    checked, grid = _checked(codes, size, codec)
    tiles = [
        codec.encode_codes(np.ascontiguousarray(_place(checked, grid.tile(i), codec).transpose(2, 0, 1)))
        for i in range(grid.tiles)
    ]
    header = Header(
        kind=Kind.TOKENS,
        model_id=codec.id,
        weights_hash=codec.weights_hash,
        width=grid.width,
        height=grid.height,
        channels=3,
        depth=8,
        quality=0,
        tile_px=grid.side,
        passes=codec.passes,
        checksum=combine_crcs([tile.crc for tile in tiles]),
    )
    return container.write(header, [], [tile.passes for tile in tiles])


def _read(data: bytes, model: Model | int | str | None, max_pixels: int, device: str) -> Codes:
    if container.read_info(data, len(data)).pack:
        return _read_pack(container.read_pack(data, max_pixels=max_pixels), model, device)
    file = container.read(data, max_pixels=max_pixels)
    codec = _codec_of(file.header, model, device)
    grid = grid_for(file.header.height, file.header.width, file.header.tile_px, codec.align_px)
    codes = _empty(codec, grid)
    crcs = []
    for index in range(grid.tiles):
        tile = grid.tile(index)
        found = codec.decode(file.passes(index), tile.height, tile.width, 0)
        _place(codes, tile, codec)[:] = found.latents.transpose(1, 2, 0)
        crcs.append(found.crc or 0)
    _check(crcs, file.header)
    return codes


def _read_pack(opened: container.Pack, model: Model | int | str | None, device: str) -> Codes:
    codec = _codec_of(opened.header, model, device)
    width, height = opened.size(0)
    if any(opened.size(number) != (width, height) for number in range(len(opened))):
        raise UnsupportedError("the pictures of the pack differ in size, so that one array cannot hold their tokens")
    parts, crcs = [], []
    for unit in range(opened.units):
        codes = codec.decode_codes(opened.passes(unit), len(opened.images(unit)), height, width)
        parts.append(codes.transpose(0, 2, 3, 1))
        crcs.append(crc(codes))
    _check(crcs, opened.header)
    return np.concatenate(parts)


def _codec_of(header: Header, model: Model | int | str | None, device: str) -> TokenModel:
    if header.kind is not Kind.TOKENS:
        kind = header.kind.name.lower()
        raise UnsupportedError(f"the file is {kind}, it holds no tokens: decode it, and tokenise the picture")
    return _tokens(model_of(header, model, device))


def _check(crcs: list[int], header: Header) -> None:
    if combine_crcs(crcs) != header.checksum:
        raise ChecksumError("the tokens do not match the file's checksum: file or model weights are damaged")


def _tokens(codec: Model) -> TokenModel:
    if not isinstance(codec, TokenModel):
        raise ModelError(f"model {codec.name} is {codec.kind.name.lower()}, it makes no tokens; see `roundel models`")
    return codec


def _grid(codec: TokenModel, height: int, width: int) -> Grid:
    return grid_for(height, width, TILE_PX[Kind.TOKENS], codec.align_px)


def _empty(codec: TokenModel, grid: Grid) -> Codes:
    height, width = (-(-n // codec.latent_px) for n in (grid.height, grid.width))
    return np.empty((height, width, len(codec.levels)), np.int32)


def _place(codes: Codes, part: Rect, codec: TokenModel) -> Codes:
    """The tokens (h, w, D) of a rectangle of pixels whose corner is a token's."""
    cells = part.scale_down(codec.latent_px)
    return codes[cells.rows, cells.columns]


def _checked(codes: NDArray[np.integer], size: tuple[int, int] | None, codec: TokenModel) -> tuple[Codes, Grid]:
    """Tokens as int32 and the tiles of their picture. Raises: ModelError."""
    found = np.asarray(codes)
    dims, px = len(codec.levels), codec.latent_px
    if found.ndim != 3 or found.shape[2] != dims or found.dtype.kind not in "iu" or not found.size:
        raise ModelError(
            f"tokens of {codec.name} are integers (h, w, {dims}), not {found.dtype} {found.shape}: "
            "were they made by another model?"
        )
    low, high = found.min((0, 1)), found.max((0, 1))
    for d, levels in enumerate(codec.levels):
        if low[d] < 0 or high[d] >= levels:
            raise ModelError(
                f"entry {d} of the tokens is {low[d]} .. {high[d]}; {codec.name} has {levels} levels there, "
                f"0 .. {levels - 1}: were they made by another model?"
            )
    width, height = size or (found.shape[1] * px, found.shape[0] * px)
    if min(width, height) < 1 or (-(-height // px), -(-width // px)) != found.shape[:2]:
        raise ModelError(
            f"{found.shape[1]} × {found.shape[0]} tokens of {px} px are no picture of {width} × {height} pixels"
        )
    return found.astype(np.int32), _grid(codec, height, width)
