"""Letters of PNG figures: names in any letters are written, or a number stands for them and the figure says so."""

import io
import logging
from pathlib import Path

import pytest
import rest_framework
from PIL import Image, ImageChops

from analysis import lettering, plot_files
from analysis.drawing import Drawing, Words
from analysis.drawing.sheet import width_of

#: A font of symbols alone, out of a wheel that is there anyway: it has U+F005, a star.
SYMBOLS = str(Path(rest_framework.__file__).parent / "static/rest_framework/fonts/fontawesome-webfont.ttf")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
STAR = "\uf005"


@pytest.fixture(autouse=True)
def own_fonts(monkeypatch):
    """No fonts but ours, whatever the environment names."""
    monkeypatch.delenv("FIGURE_FONTS", raising=False)
    for kept in (lettering.files, lettering._warn_once):
        kept.cache_clear()
    yield
    lettering.files.cache_clear()


def given(monkeypatch, *paths):
    monkeypatch.setenv("FIGURE_FONTS", ":".join(map(str, paths)))
    lettering.files.cache_clear()


def picture(*texts, is_turned=False):
    items = tuple(Words(20, 30 + 20 * k, text, is_turned=is_turned) for k, text in enumerate(texts))
    return Image.open(io.BytesIO(plot_files.png(Drawing(320, 120, items))))


def ink(image, box):
    """Return how many px of a part of a picture are not paper."""
    part = image.convert("RGB").crop(box)
    return sum(
        ImageChops.difference(part, Image.new("RGB", part.size, plot_files.LIGHT["paper"])).convert("L").histogram()[9:]
    )


def test_common_letters_are_ours():
    for text in ("happy −0.5", "é ä ß ² ×", "α β σ", "Счастье", "‹1› … “x” →"):
        assert lettering.missing([text]) == {} and lettering.replaced(text, {}) == text
    assert not lettering.has(lettering.files()[0], "笑") and not lettering.has(lettering.files()[0], "س")


def test_a_number_stands_for_a_name_that_no_font_has_and_the_figure_says_so(caplog):
    texts = ["笑顔, test", "山田 太郎", "سعيد", "笑顔"]
    with caplog.at_level(logging.WARNING):
        stand_ins = lettering.missing(texts)
        lettering.missing(texts)
    assert [lettering.replaced(text, stand_ins) for text in texts] == ["‹1›, test", "‹2›", "‹3›", "‹1›"]
    assert lettering.told(stand_ins).startswith("‹1› to ‹3› stand for names in letters that this file’s font lacks")
    assert lettering.told({"笑": "‹1›"}).startswith("‹1› stands for a name")
    assert caplog.text.count("set FIGURE_FONTS") == 1
    plain, told = picture("happy"), picture("笑顔")
    assert plain.size == (640, 240) and told.width == 640 and told.height > 240
    assert ink(told, (0, 240, 640, told.height)) > 300  # the line that says so
    drawing = Drawing(320, 120, (Words(20, 30, "‹1›"),))
    alike = Image.open(io.BytesIO(plot_files.png(drawing))).crop((0, 0, 640, 230))
    assert ImageChops.difference(alike, told.crop((0, 0, 640, 230))).getbbox() is None
    assert "笑顔" in plot_files.svg(Drawing(320, 120, (Words(20, 30, "笑顔"),)))


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_font_that_is_given_writes_what_ours_lacks(monkeypatch, is_turned):
    given(monkeypatch, SYMBOLS)
    assert lettering.parts(f"one {STAR} two") == [
        ("one ", lettering.files()[0]), (f"{STAR} ", SYMBOLS), ("two", lettering.files()[0]),
    ]  # fmt: skip
    with_star = picture(f"one {STAR} two", is_turned=is_turned)
    assert with_star.size == (640, 240)
    box = (0, 0, 640, 120)
    assert ink(with_star, box) > ink(picture("one  two", is_turned=is_turned), box) + 100


def test_a_figure_of_common_letters_is_the_same_with_and_without_further_fonts(monkeypatch):
    before = plot_files.png(Drawing(320, 120, (Words(20, 30, "happy"), Words(20, 90, "é", is_turned=True))))
    given(monkeypatch, SYMBOLS)
    assert plot_files.png(Drawing(320, 120, (Words(20, 30, "happy"), Words(20, 90, "é", is_turned=True)))) == before


def test_what_is_no_font_is_refused_with_its_name(monkeypatch, tmp_path):
    (tmp_path / "poem.ttf").write_text("roses are red")
    for path, says in ((tmp_path / "poem.ttf", "which is no font"), (tmp_path / "lost.ttf", "which is not there")):
        given(monkeypatch, path)
        with pytest.raises(lettering.FontUnreadable, match=f"{path.name}', {says}"):
            picture("笑")


@pytest.mark.skipif(not DEJAVU.is_file(), reason=f"{DEJAVU} has Arabic letters and is not there")
def test_letters_that_run_to_the_left_stand_joined_and_in_order(monkeypatch):
    given(monkeypatch, DEJAVU)
    assert lettering.missing(["سعيد جدا"]) == {}
    # Joined, a word is narrower than its letters one by one; the first letter read is the rightmost.
    whole, _ = lettering.strip("سعيد", 40.0, (0, 0, 0, 255))
    apart = sum(lettering.font(str(DEJAVU), 40.0).getlength(letter) for letter in "سعيد")
    assert whole.getbbox()[2] - whole.getbbox()[0] < 0.9 * apart
    # In a line of ours such a name comes first where it is written first, as in an SVG.
    alone, mixed = (lettering.strip(text, 40.0, (0, 0, 0, 255))[0] for text in ("سعيد", "سعيد, x"))
    left, top, right, bottom = alone.getbbox()
    assert mixed.crop((left, top, right, bottom)).tobytes() == alone.crop((left, top, right, bottom)).tobytes()


def test_room_is_kept_for_broad_letters():
    assert width_of("笑顔", 10.0) == pytest.approx(20.0)
    assert width_of("e\u0301", 10.0) == width_of("e", 10.0) and width_of("ab", 10.0) == pytest.approx(11.2)
