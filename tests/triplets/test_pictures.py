"""Pictures from anywhere: what is stored was always encoded here."""

import hashlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.triplets.pictures import encoded, gradient
from triplets.importers.pictures import Limits, PictureRefused, find_picture, reencode

LIMITS = Limits(max_pixels=10_000, max_bytes=100_000)


def stored(tmp_path, content: bytes, name="in.png", limits=LIMITS) -> Image.Image:
    (tmp_path / name).write_bytes(content)
    result = reencode(tmp_path / name, tmp_path / "out.jpg", limits)
    written = (tmp_path / "out.jpg").read_bytes()
    picture = Image.open(io.BytesIO(written))
    assert picture.format == "JPEG"
    assert (result.width, result.height) == picture.size
    assert result.sha256 == hashlib.sha256(written).hexdigest()
    assert result.original_sha256 == hashlib.sha256(content).hexdigest()
    return picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_known_formats_become_jpeg_and_look_the_same(tmp_path, kind):
    picture = stored(tmp_path, encoded(gradient(1), kind))
    assert np.abs(np.asarray(picture, dtype=int) - np.asarray(gradient(1), dtype=int)).mean() < 4


def test_grey_stays_grey_and_sixteen_bits_become_eight(tmp_path):
    assert stored(tmp_path, encoded(gradient(1).convert("L"), "PNG")).mode == "L"
    deep = Image.fromarray(np.full((8, 8), 65_535 // 2, dtype=np.uint16))
    picture = stored(tmp_path, encoded(deep, "PNG"))
    assert np.abs(np.asarray(picture, dtype=int) - 127).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(tmp_path, mode):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture = stored(tmp_path, encoded(clear.convert(mode), "PNG", **({"transparency": 0} if mode == "P" else {})))
    assert np.asarray(picture.convert("L")).min() > 250


def test_orientation_is_applied_and_metadata_is_gone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    exif[0x010E] = "somebody's name"
    picture = gradient(1).resize((20, 10))
    result = stored(tmp_path, encoded(picture, "JPEG", exif=exif, comment=b"secret", dpi=(300, 300)), "in.jpg")
    assert result.size == (10, 20)
    assert not result.getexif()
    assert "comment" not in result.info
    assert "icc_profile" not in result.info
    written = (tmp_path / "out.jpg").read_bytes()
    assert b"name" not in written
    assert b"secret" not in written


def test_text_in_a_png_and_colour_profiles_are_gone(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "somebody's name")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = stored(tmp_path, encoded(gradient(1), "PNG", pnginfo=text, icc_profile=profile))
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    # A profile that is broken, or of another colour space, harms nothing.
    assert stored(tmp_path, encoded(gradient(1), "PNG", icc_profile=b"no profile")).size == (24, 24)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    content = encoded(gradient(3), "PNG")
    stored(tmp_path, content)
    first = (tmp_path / "out.jpg").read_bytes()
    stored(tmp_path, content)
    assert (tmp_path / "out.jpg").read_bytes() == first


HTML = b"<!doctype html><script>alert(document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)" width="9" height="9"/>'


@pytest.mark.parametrize(
    "content", [HTML, SVG, b"", b"GIF89a" + b"\x00" * 20, b"%PDF-1.7", b"\xff\xd8\xff\xe0" + b"\x00" * 50]
)
def test_what_is_no_picture_is_refused_whatever_its_name(tmp_path, content):
    (tmp_path / "face.jpg").write_bytes(content)
    with pytest.raises(PictureRefused, match=r"is no picture|cannot be read"):
        reencode(tmp_path / "face.jpg", tmp_path / "out.jpg", LIMITS)
    assert not (tmp_path / "out.jpg").exists()


def test_a_phones_picture_is_refused_by_its_name(tmp_path):
    (tmp_path / "face.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 50)
    with pytest.raises(
        PictureRefused, match="is a HEIC or AVIF picture, as phones take them: expected it saved as JPEG"
    ):
        reencode(tmp_path / "face.jpg", tmp_path / "out.jpg", LIMITS)


def test_a_page_behind_a_real_picture_does_not_come_along(tmp_path):
    stored(tmp_path, encoded(gradient(1), "PNG") + HTML)
    assert b"script" not in (tmp_path / "out.jpg").read_bytes()


def test_a_picture_that_ends_too_early_is_refused(tmp_path):
    (tmp_path / "face.jpg").write_bytes(encoded(gradient(1, 64))[:-200])
    with pytest.raises(PictureRefused, match="is a damaged JPEG"):
        reencode(tmp_path / "face.jpg", None, LIMITS)


def png_bomb(width, height):
    """A PNG of a few hundred bytes that claims, and would decode to, width x height pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 10_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(200, 51), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, size, monkeypatch):
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda self: pytest.fail("was decoded"))
    (tmp_path / "bomb.png").write_bytes(png_bomb(*size))
    with pytest.raises(PictureRefused, match="expected at most 10,000"):
        reencode(tmp_path / "bomb.png", None, LIMITS)


def test_a_file_that_is_too_big_is_refused_unread(tmp_path):
    with open(tmp_path / "big.jpg", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(PictureRefused, match=r"has 1,099,511,627,776 bytes: expected at most 100,000"):
        reencode(tmp_path / "big.jpg", None, LIMITS)


def test_pipes_and_folders_are_no_pictures(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(PictureRefused, match="not a plain file"):
            reencode(tmp_path / name, None, LIMITS)


class TestFinding:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "secret.png").write_bytes(b"outside")
        (tmp_path / "images" / "deep").mkdir(parents=True)
        (tmp_path / "images" / "deep" / "a.png").write_bytes(b"inside")
        return tmp_path / "images"

    def test_what_lies_below_is_found(self, folder):
        assert find_picture(folder, "deep/a.png") == folder / "deep" / "a.png"

    @pytest.mark.parametrize(
        "name", ["../secret.png", "deep/../../secret.png", "deep/../deep/a.png", "/etc/passwd", "C:\\a.png", "C:/a.png",
                 "..\\secret.png", "deep\\a.png", "//host/share/a.png", ".", "..", "./.."],
    )  # fmt: skip
    def test_what_leads_elsewhere_is_refused(self, folder, name):
        with pytest.raises(PictureRefused, match=r"outside|expected a path relative"):
            find_picture(folder, name)

    def test_links_are_refused_on_every_step_of_the_way(self, folder):
        (folder / "link.png").symlink_to(folder.parent / "secret.png")
        (folder / "inner.png").symlink_to(folder / "deep" / "a.png")
        (folder / "up").symlink_to(folder.parent)
        for name in ("link.png", "inner.png", "up/secret.png"):
            with pytest.raises(PictureRefused, match="symbolic link"):
                find_picture(folder, name)

    def test_a_link_that_replaces_a_file_after_the_look_is_not_followed(self, folder):
        path = find_picture(folder, "deep/a.png")
        path.unlink()
        path.symlink_to(folder.parent / "secret.png")
        with pytest.raises(PictureRefused, match="cannot be opened"):
            reencode(path, None, LIMITS)

    def test_what_is_missing_is_named(self, folder):
        with pytest.raises(PictureRefused, match="there is no such file in"):
            find_picture(folder, "deep/b.png")

    @pytest.mark.parametrize("name", ["deep/A.PNG", "deep/a", "deep/a.jpg", "a.png"])
    def test_what_may_have_been_meant_is_named(self, folder, name):
        with pytest.raises(PictureRefused, match=r"there is no such file in .*, but there is 'deep/a\.png'"):
            find_picture(folder, name)

    def test_a_name_is_found_however_its_accents_are_spelt(self, folder):
        (folder / "Ju\u0308rgen").mkdir()
        (folder / "Ju\u0308rgen" / "mu\u0308de.png").write_bytes(b"inside")
        assert find_picture(folder, "J\u00fcrgen/m\u00fcde.png").read_bytes() == b"inside"
        (folder / "Ju\u0308rgen" / "a\u0308.png").symlink_to(folder.parent / "secret.png")
        with pytest.raises(PictureRefused, match="symbolic link"):
            find_picture(folder, "J\u00fcrgen/\u00e4.png")
