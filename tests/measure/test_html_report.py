"""The page of `roundel eval`: whole, well-formed, and fetching nothing."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from roundel.measure import curves, html_report
from roundel.measure.crops import Crop, Exhibit
from roundel.measure.provenance import Provenance
from tests.measure.test_rd import points

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """A page's elements and texts; a tag that does not match is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if data.strip():
            self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def fetched(page: Page) -> list[str]:
    """What a browser would fetch: links of elements, and url() of styles, save data and parts of the page itself."""
    links = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "data", "poster") and value
    ]
    styles = [attributes["style"] or "" for _, attributes in page.elements if "style" in attributes] + page.texts
    links += [link for style in styles for link in re.findall(r"url\(['\"]?([^)'\"]*)", style)]
    links += [text for text in page.texts if "@import" in text]
    return [link for link in links if not link.startswith(("data:", "#"))]


RNG = np.random.default_rng(52)
PART = RNG.integers(0, 256, (40, 50, 3), np.uint8)
EXHIBIT = Exhibit(
    "a <b> & c.png",
    (100, 80),
    (16, 8),
    PART,
    (Crop("mine", 30, 4000, 31.234, 61.04, PART ^ 1), Crop("rival", 12, 3900, math.inf, math.nan, PART)),
)
ORIGIN = Provenance("roundel eval x -c 'a<b'", "abc", "x: 2 pictures", "machine", {"roundel": "0.1"})


def test_the_page_has_all_and_fetches_nothing() -> None:
    pytest.importorskip("matplotlib")
    from roundel.measure.rd_plot import svg

    both = points("mine", 0.1) + points("rival", 0.2)
    compared = curves.comparisons(both, ["mine", "rival"])
    page = Page(
        html_report.page(
            "two pictures",
            [
                html_report.curves_section(svg(both)),
                html_report.bd_rates_section(compared),
                html_report.crops_section([EXHIBIT]),
                html_report.points_section(both),
                html_report.provenance_section(ORIGIN, {"mine": "effort 7"}),
            ],
        )
    )
    assert fetched(page) == []
    assert len(page.all("svg")) == 1
    assert {"+100.0 (100)", "−50.0 (100)"} <= set(page.texts)
    assert "a <b> & c.png, 100 × 80" in page.texts
    assert "roundel eval x -c 'a<b'" in page.texts
    assert "4,000 bytes, 4.000 bpp" in page.texts
    assert "PSNR ∞ dB" in page.texts
    assert "SSIMULACRA2 61.0" in page.texts
    assert not [text for text in page.texts if "nan" in text.split()]


def test_crops_hold_the_pixels_themselves() -> None:
    page = Page(html_report.crops_section([EXHIBIT]))
    shown = [attributes["src"] or "" for attributes in page.all("img")]
    found = [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))) for url in shown]
    for pixels, expected in zip(found, (PART, PART ^ 1, PART), strict=True):
        np.testing.assert_array_equal(pixels, expected)


def test_curves_carry_names_and_the_third_metric_only_where_it_was_measured() -> None:
    pytest.importorskip("matplotlib")
    from roundel.measure.rd_plot import svg

    plain = svg(points("mine", 0.1))
    assert "MS-SSIM" in plain
    assert "SSIMULACRA2" not in plain
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", plain)
    scored = [curves.Point(*(vars(p) | {"ssimulacra2": 20.0 + p.psnr_db}).values()) for p in points("mine", 0.1)]
    assert "SSIMULACRA2" in svg(scored)
