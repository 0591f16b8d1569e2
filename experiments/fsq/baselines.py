"""What the trainings stand beside: classical codecs at their smallest, this project's lossy codec, and bounds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import roundel
from roundel.lab.waterfilling import distortion_at, spectrum, truncation
from roundel.measure.baselines import find

SINGLE = 500
"""Pictures that are also coded as files of their own."""
SHEET_SIDE = 30
"""Pictures along each side of a contact sheet: the files of codecs that have no packs, headers shared by 900."""
RATES = (64, 101, 128, 149, 173, 192, 213, 256, 384, 512)


def baselines(pictures: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Bits a picture and PSNR of the mean squared error of pictures (N, 32, 32, 3)."""
    rows = []
    sheet = contact_sheet(pictures)
    count = sheet.shape[0] // 32 * (sheet.shape[1] // 32)
    for name, settings in (("jpeg", (1, 5, 10)), ("webp", (0, 5, 10))):
        codec = find(name)
        for setting in settings:
            data = codec.encode(sheet, setting)
            rows.append(_row(f"{name} sheet", setting, [data], count, sheet, codec.decode(data)))
        files = [codec.encode(p, settings[0]) for p in pictures[:SINGLE]]
        shown = np.stack([codec.decode(data) for data in files])
        rows.append(_row(f"{name} files", settings[0], files, len(files), pictures[:SINGLE], shown))
    for quality in (0, 10, 20, 30):
        data = roundel.encode(sheet, quality=quality, tune="psnr")
        rows.append(_row("roundel psnr sheet", quality, [data], count, sheet, roundel.decode_array(data)))
    return rows


def contact_sheet(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The first pictures side by side in a square."""
    side = min(SHEET_SIDE, int(len(pictures) ** 0.5))
    rows = pictures[: side * side].reshape(side, side, 32, 32, 3)
    return np.ascontiguousarray(rows.transpose(0, 2, 1, 3, 4).reshape(side * 32, side * 32, 3))


def bounds(training: NDArray[np.uint8], pictures: NDArray[np.uint8]) -> dict[str, Any]:
    """Floors, and the water-filling bound of a Gaussian with the training pictures' covariance."""
    variances = spectrum(training)
    mean = training.astype(np.float64).mean(0) / 255
    return {
        "mean_picture_db": _db(float(((pictures / 255 - mean) ** 2).mean())),
        "pca64_db": _db(truncation(variances, 64)),
        "gaussian_db": {str(rate): _db(distortion_at(variances, rate)) for rate in RATES},
    }


def _row(
    name: str, setting: float, files: list[bytes], count: int, pixels: NDArray[np.uint8], shown: NDArray[np.uint8]
) -> dict[str, Any]:
    error = ((pixels.astype(np.float64) - shown.astype(np.float64)) / 255) ** 2
    bits = 8 * sum(map(len, files)) / count
    return {"codec": name, "setting": setting, "bits": round(bits, 2), "psnr_db": _db(float(error.mean()))}


def _db(mse: float) -> float:
    return round(-10 * float(np.log10(mse)), 3)
