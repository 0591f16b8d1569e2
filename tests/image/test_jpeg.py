"""JPEG files: ends that are missing, segments in and out, further pictures named and no longer announced."""

import hashlib
import io
import struct
import threading
import warnings

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from roundel import image
from roundel.errors import ImageError, RoundelWarning
from roundel.image import xmp

RNG = np.random.default_rng(23)
PIXELS = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def saved(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(*segments: bytes) -> bytes:
    data = saved()
    return data[:20] + b"".join(segments) + data[20:]  # behind SOI and JFIF


def packet(attributes: str, content: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" {attributes}>{content}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def xmp_segment(data: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + data)


def read(data: bytes) -> image.Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image.read(io.BytesIO(data))


def written(picture: image.Picture, format: str = "JPEG") -> bytes:
    out = io.BytesIO()
    image.write(picture, out, format)
    return out.getvalue()


# ---- pixels


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:2:0"}, {"restart_marker_blocks": 2}])
def test_pixels_are_those_of_the_decoder_that_browsers_use(options: dict[str, object]) -> None:
    data = saved(**options)
    np.testing.assert_array_equal(read(data).pixels, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:2:0"}])
@pytest.mark.parametrize("lacking", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_is_whole(options: dict[str, object], lacking: int) -> None:
    data = saved(**options)
    with pytest.warns(RoundelWarning, match="without its end marker; the picture is whole"):
        found = image.read(io.BytesIO(data[:-lacking]))
    np.testing.assert_array_equal(found.pixels, np.asarray(Image.open(io.BytesIO(data))))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_lacks_more_is_damaged(options: dict[str, object]) -> None:
    data = saved(**options)
    for lacking in (8, 20, 100, len(data) // 2):
        with pytest.raises(ImageError, match="damaged"):
            image.read(io.BytesIO(data[:-lacking]))


@pytest.mark.filterwarnings("ignore:the JPEG ends")
@pytest.mark.parametrize("lacking", [0, 2])
def test_cmyk_is_converted_and_its_profile_not_claimed(lacking: int) -> None:
    inks = RNG.integers(0, 256, (16, 24, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(buffer, "JPEG", quality=100, subsampling=0, icc_profile=b"not a profile")
    data = buffer.getvalue()
    with pytest.warns(RoundelWarning, match="CMYK was converted to sRGB"):
        found = image.read(io.BytesIO(data[: len(data) - lacking]))
    assert found.icc is None
    np.testing.assert_array_equal(found.pixels, np.asarray(Image.open(buffer).convert("RGB")))


def test_no_thread_sees_another_s_leniency() -> None:
    cut, failures = saved()[:-200], []

    def work() -> None:
        for _ in range(20):
            try:
                image.read(io.BytesIO(cut))
                failures.append("read")
            except ImageError:
                pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            image.read(io.BytesIO(saved()[:-2]))
        for thread in threads:
            thread.join()
    assert not failures


@pytest.mark.parametrize("bits", [12, 16])
def test_deep_and_lossless_processes_are_named(bits: int) -> None:
    deep = imagecodecs.ljpeg_encode(RNG.integers(0, 2**bits, (16, 16), np.uint16), bitspersample=bits)
    with pytest.raises(ImageError, match=f"{bits}-bit samples"):
        image.read(io.BytesIO(deep))


def test_large_pictures_obey_our_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr("roundel.image.pil._BAND_PIXELS", 10)
    assert read(saved()).width == 64
    with pytest.raises(ImageError, match="64×48 pixels are more than the limit of 3,071"):
        image.read(io.BytesIO(saved()), max_pixels=3071)


# ---- segments


@pytest.mark.parametrize("density", [(300, 300, 1), (118, 59, 2), (72, 72, 1), (4, 3, 0)])
def test_density_is_kept_and_written(density: tuple[int, int, int]) -> None:
    data = saved()
    x, y, unit = density
    data = data[:13] + struct.pack(">BHH", unit, x, y) + data[18:]
    picture = read(data)
    assert picture.resolution == image.Resolution(x, y, {0: 0, 1: 1, 2: 2}[unit])
    again = Image.open(io.BytesIO(written(picture)))
    assert (again.info["jfif_unit"], again.info["jfif_density"]) == (unit, (x, y))
    if unit:
        png = Image.open(io.BytesIO(written(picture, "PNG")))
        inch = 1 if unit == 1 else 2.54
        np.testing.assert_allclose(png.info["dpi"], (x * inch, y * inch), atol=0.02)  # whole numbers per metre
        tiff = Image.open(io.BytesIO(written(picture, "TIFF")))
        assert tiff.tag_v2[282] == x  # type: ignore[attr-defined]
        assert tiff.tag_v2[296] == unit + 1  # type: ignore[attr-defined]


def test_a_jfif_without_a_density_has_none() -> None:
    assert read(saved()).resolution is None


def test_comments_and_photoshop_s_resources_come_back() -> None:
    resources = b"8BIM\x04\x04\0\0\0\0\0\x05hello\0" * 6000  # more than one segment holds
    parts = [resources[:60_000], resources[60_000:]]
    data = with_segments(
        *(segment(0xED, b"Photoshop 3.0\0" + part) for part in parts), segment(0xFE, "Grüße µm".encode())
    )
    picture = read(data)
    assert picture.photoshop == resources
    assert picture.texts == (("Comment", "Grüße µm"),)
    again = read(written(picture))
    assert (again.photoshop, again.texts) == (picture.photoshop, picture.texts)
    assert Image.open(io.BytesIO(written(picture))).info["comment"] == "Grüße µm".encode()
    with pytest.warns(RoundelWarning, match="Photoshop resources and IPTC"):
        written(picture, "PNG")


def test_a_profile_of_two_megabytes_goes_through_jpeg_and_png() -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + RNG.bytes(2 << 20)
    picture = read(saved(icc_profile=icc))
    assert picture.icc == icc
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert read(written(picture, format)).icc == icc
    assert Image.open(io.BytesIO(written(picture))).info["icc_profile"] == icc


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb\0\0\0\x1ejumdc2pa"), "its content credentials"),
        (segment(0xE1, b"FLIR\0\1\0\0" + bytes(50)), "the segment APP1 FLIR"),
        (segment(0xE5, b"own"), "the segment APP5 own"),
    ],
)
def test_segments_that_are_left_out_are_named(content: bytes, named: str) -> None:
    with pytest.warns(RoundelWarning, match=named) as caught:
        image.read(io.BytesIO(with_segments(content)))
    assert len(caught) == 1


# ---- extended XMP


def extended(extension: bytes, step: int = 40_000, digest: bytes | None = None, drop: int | None = None) -> bytes:
    digest = digest or hashlib.md5(extension).hexdigest().upper().encode()
    main = packet(f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{digest.decode()}"')
    parts = [
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">II", len(extension), at)
            + extension[at : at + step],
        )
        for at in range(0, len(extension), step)
    ]  # fmt: skip
    if drop is not None:
        del parts[drop]
    return with_segments(xmp_segment(main), *reversed(parts))


EXTENSION = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
    f'<rdf:Description rdf:about="" xmlns:GD="urn:gd"><GD:Data>{"ü" * 50_000}</GD:Data></rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
).encode()


def test_extended_xmp_is_put_together_and_written_back_to_the_byte() -> None:
    picture = read(extended(EXTENSION))
    assert picture.xmp_extension == EXTENSION
    again = read(written(picture))
    assert (again.xmp, again.xmp_extension) == (picture.xmp, EXTENSION)


def test_formats_with_one_packet_get_both_as_one() -> None:
    from xml.etree import ElementTree

    picture = read(extended(EXTENSION))
    for format in ("PNG", "WEBP", "TIFF"):
        again = read(written(picture, format))
        assert again.xmp is not None
        assert b"HasExtendedXMP" not in again.xmp
        tree = ElementTree.fromstring(again.xmp[again.xmp.index(b"<x:xmpmeta") : again.xmp.rindex(b"<?xpacket")])
        assert tree.find(".//{urn:gd}Data").text == "ü" * 50_000  # type: ignore[union-attr]


def test_an_extension_with_a_missing_part_is_named_and_no_longer_announced() -> None:
    with pytest.warns(RoundelWarning, match="extended XMP, parts of which are missing"):
        picture = image.read(io.BytesIO(extended(EXTENSION, drop=1)))
    assert picture.xmp_extension is None
    assert picture.xmp is not None
    assert b"HasExtendedXMP" not in picture.xmp


def test_a_packet_too_large_for_a_segment_is_divided_and_comes_back() -> None:
    large = packet('xmlns:a="urn:a"', f"<a:b>{'z' * 100_000}</a:b>")
    again = read(written(image.Picture(PIXELS, xmp=large)))
    assert again.xmp_extension is not None
    assert xmp.digest_of_extension(again.xmp or b"") == hashlib.md5(again.xmp_extension).hexdigest().upper().encode()
    joined = xmp.joined(again.xmp or b"", again.xmp_extension)
    assert b"z" * 100_000 in joined
    assert joined.count(b"<rdf:RDF") == 1


def test_descriptions_keep_the_namespaces_that_stood_around_them() -> None:
    from xml.etree import ElementTree

    around = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:q="urn:q"><rdf:RDF xmlns:rdf="{RDF}">'
        '<rdf:Description rdf:about="" q:w="1"/></rdf:RDF></x:xmpmeta>'
    ).encode()
    main = packet('xmlns:n="http://ns.adobe.com/xmp/note/"', f"<n:HasExtendedXMP>{'A' * 32}</n:HasExtendedXMP>")
    found = xmp.joined(main, around)
    tree = ElementTree.fromstring(found[found.index(b"<x:xmpmeta") : found.rindex(b"<?xpacket")])
    assert [element.get("{urn:q}w") for element in tree.iter(f"{{{RDF}}}Description")] == [None, "1"]
    assert b"HasExtendedXMP" not in found


# ---- further pictures

ULTRA_HDR = packet(
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:a="urn:a" a:kept="yes" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"',
    '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="1234"/></rdf:li></rdf:Seq>'
    "</Container:Directory><a:also>kept</a:also>",
)


def with_second(second: bytes, *segments: bytes, attribute: int = 0) -> bytes:
    """A JPEG with a second picture behind it, listed in a multi-picture index."""
    entries_at = 8 + 2 + 12 * 3 + 4
    table = struct.pack("<4sIHHHI4s", b"II*\0", 8, 3, 0xB000, 7, 4, b"0100")
    table += struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHIII", 0xB002, 7, 32, entries_at, 0)
    size = len(with_segments(*segments, segment(0xE2, b"MPF\0" + table + bytes(32))))
    base = 20 + sum(map(len, segments)) + 8
    entries = struct.pack("<IIIHH", 0x030000, size, 0, 0, 0)
    entries += struct.pack("<IIIHH", attribute, len(second), size - base, 0, 0)
    return with_segments(*segments, segment(0xE2, b"MPF\0" + table + entries)) + second


def gain_map(mark: bytes) -> bytes:
    data = saved()
    return data[:20] + xmp_segment(mark) + data[20:]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (with_second(gain_map(b"http://ns.apple.com/HDRGainMap/1.0/")), "its HDR gain map"),
        (with_second(gain_map(b"http://ns.adobe.com/hdr-gain-map/1.0/"), xmp_segment(ULTRA_HDR)), "its HDR gain map"),
        (with_segments(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0")), "its HDR gain map"),
        (with_second(saved()), "1 further picture"),
    ],
    ids=["apple", "ultra hdr", "iso", "other"],
)
def test_further_pictures_are_named_in_one_warning(data: bytes, named: str) -> None:
    with pytest.warns(RoundelWarning, match=f"left out of what the JPEG holds: {named}$") as caught:
        found = image.read(io.BytesIO(data))
    assert len(caught) == 1
    np.testing.assert_array_equal(found.pixels, np.asarray(Image.open(io.BytesIO(saved()))))


def test_previews_are_left_out_without_a_word() -> None:
    assert read(with_second(saved(), attribute=0x010001)).width == 64


def test_xmp_no_longer_announces_a_gain_map_and_keeps_all_else() -> None:
    from xml.etree import ElementTree

    data = with_second(gain_map(b"http://ns.adobe.com/hdr-gain-map/1.0/"), xmp_segment(ULTRA_HDR))
    with pytest.warns(RoundelWarning, match="gain map"):
        found = image.read(io.BytesIO(data)).xmp
    assert found is not None
    assert not any(word in found for word in (b"hdrgm", b"Container", b"GainMap", b"Item"))
    description = ElementTree.fromstring(found[found.index(b"<x:xmpmeta") : found.rindex(b"<?xpacket")])[0][0]
    assert description.get("{urn:a}kept") == "yes"
    assert description.find("{urn:a}also").text == "kept"  # type: ignore[union-attr]


def test_motion_photos_are_named_and_no_longer_announced() -> None:
    data = packet(
        'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" GCamera:BurstID="7" '
        "GCamera:MotionPhotoVersion='1'"
    )
    with pytest.warns(RoundelWarning, match="its video"):
        found = image.read(io.BytesIO(with_segments(xmp_segment(data)))).xmp
    assert found is not None
    assert b"MotionPhoto" not in found
    assert b'GCamera:BurstID="7"' in found


def test_other_xmp_stays_to_the_byte() -> None:
    data = packet('xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"', "<dc:x>ŷ</dc:x>")
    assert read(with_segments(xmp_segment(data))).xmp == data


def test_of_two_packets_the_first_is_taken() -> None:
    first, second = (packet(f'xmlns:a="urn:a" a:b="{number}"') for number in (1, 2))
    assert read(with_segments(xmp_segment(first), xmp_segment(second))).xmp == first


def test_hostile_xmp_takes_no_time() -> None:
    import time

    uri = b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
    start = time.perf_counter()
    for text in (b"<hdrgm:a " * 7000, b"<hdrgm:a>" * 7000, b" hdrgm:a = '" * 5000, b"<rdf:RDF>" * 7000):
        xmp.without_announcements(uri + text)
        xmp.without_announcements(uri + text.replace(b" ", b" " * 8))
        xmp.joined(text, text)
        xmp.digest_of_extension(text)
    assert time.perf_counter() - start < 3
