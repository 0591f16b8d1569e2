"""A photo of 768 × 512 px beside AVIF (Pillow, speed 6, 4:4:4) in the same run: processor time of one thread."""

from collections.abc import Iterator

import roundel
from benchmarks.photo import photo
from benchmarks.timing import fastest_s
from roundel.measure import baselines

QUALITY = 50


def rows() -> Iterator[str]:
    """How many times as long as AVIF's decoding and encoding roundel's takes."""
    pixels, model = photo(), roundel.load_model()
    avif = baselines.find("avif")
    peer = avif.encode(pixels, QUALITY)
    peer_s = fastest_s(lambda: avif.encode(pixels, QUALITY), 3), fastest_s(lambda: avif.decode(peer))
    yield f"{'AVIF':20} {len(peer):6} bytes   encode {peer_s[0] * 1e3:5.0f} ms   decode {peer_s[1] * 1e3:6.1f} ms"
    for tune in ("ssimulacra2", "psnr"):
        data = roundel.encode(pixels, quality=QUALITY, tune=tune, model=model)
        encode_s = fastest_s(lambda t=tune: roundel.encode(pixels, quality=QUALITY, tune=t, model=model), 3)  # type: ignore[misc]
        decode_s = fastest_s(lambda d=data: roundel.decode_array(d, jobs=1))  # type: ignore[misc]
        yield (
            f"roundel, {tune:11} {len(data):6} bytes   encode {encode_s * 1e3:5.0f} ms "
            f"({encode_s / peer_s[0]:.1f} × as long)   decode {decode_s * 1e3:6.1f} ms "
            f"({decode_s / peer_s[1]:.0f} × as long)"
        )
