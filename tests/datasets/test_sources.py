"""Data sets of every kind that users have, with everything in them that should not be there."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from generator import images
from generator.datasets.blocks import blocks
from generator.datasets.decoding import PictureError, array, decoded, fitted
from generator.datasets.sources import Item, open_source, read_dataset
from generator.errors import UserError

Array = NDArray[Any]


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(*colour: int) -> Image.Image:
    return Image.new("RGB", (8, 6), colour)


FILES = {
    "cats/tabby/a.png": file_of(plain(200, 0, 0), "PNG"),
    "cats/b.JPG": file_of(plain(0, 200, 0), "JPEG"),
    "dogs/c.webp": file_of(plain(0, 0, 200), "WEBP", lossless=True),
    "top.png": file_of(plain(9, 9, 9), "PNG"),
    "dogs/again.png": file_of(plain(9, 9, 9), "PNG"),
    "notes.txt": b"no picture",
    ".hidden/x.png": file_of(plain(1, 1, 1), "PNG"),
    "__MACOSX/._a.png": b"junk",
}
LABELS = {"cats/tabby/a.png": "cats/tabby", "cats/b.JPG": "cats", "dogs/c.webp": "dogs"}


def as_folder(path: Path) -> Path:
    for name, data in FILES.items():
        (path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "set" / name).write_bytes(data)
    return path / "set"


def as_zip(path: Path) -> Path:
    with zipfile.ZipFile(path / "set.zip", "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.writestr("cats/", b"")
    return path / "set.zip"


def as_tar(path: Path) -> Path:
    with tarfile.open(path / "set.tar.gz", "w:gz") as archive:
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("cats/passwd.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path / "set.tar.gz"


@pytest.mark.parametrize("make", [as_folder, as_zip, as_tar])
def test_folders_and_archives_give_the_same_pictures_and_labels(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = make(tmp_path)
    found = read_dataset(path)
    # The same picture twice is one, under its first name.
    assert [item.name for item in found.items] == [*sorted(LABELS), "dogs/again.png"] or {
        item.name for item in found.items
    } == {*LABELS, "dogs/again.png"}
    assert {item.name: item.label for item in found.items if item.name in LABELS} == LABELS
    source = open_source(path)
    for item in found.items:
        assert item.digest == hashlib.sha256(FILES[item.name]).hexdigest()
        assert source.image(item.name).size == (8, 6)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", ["uint8", "float32", "uint16", "bool"])
def test_arrays_give_their_rows(save: Callable[..., None], kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (12, 5, 7, 3)).astype("uint8")
    given: Array = {
        "uint8": levels,
        "float32": levels.astype("float32") / 255,
        "uint16": levels.astype("uint16") * 257,
        "bool": levels > 127,
    }[kind]
    labels = np.array(["odd" if n % 2 else "even" for n in range(12)])
    save(tmp_path / "set.npz", images=given, labels=labels)
    found = read_dataset(tmp_path / "set.npz")
    assert [item.label for item in found.items] == labels.tolist()
    source = open_source(tmp_path / "set.npz")
    expected = np.where(levels > 127, 255, 0) if kind == "bool" else levels
    for index, item in enumerate(found.items):
        assert (np.asarray(source.image(item.name)) == expected[index]).all()


def test_grey_arrays_and_whole_number_labels(tmp_path: Path) -> None:
    levels = np.arange(4 * 9, dtype="uint8").reshape(4, 3, 3)
    np.savez(tmp_path / "set.npz", images=levels[..., None], labels=[3, 1, 3, 1])
    found = read_dataset(tmp_path / "set.npz")
    assert [item.label for item in found.items] == ["3", "1", "3", "1"]
    assert (np.asarray(open_source(tmp_path / "set.npz").image("2")) == levels[2]).all()


BROKEN = {
    "nothing": (lambda p: None, "no such folder or file"),
    "empty": (lambda p: p.mkdir(), "holds no pictures that can be read"),
    "text.zip": (lambda p: p.write_text("no archive"), "is no data set"),
    "objects.npz": (lambda p: np.savez(p, images=np.array([{}], object)), "holds Python objects"),
    "other.npz": (lambda p: np.savez(p, pictures=np.zeros(3)), "no array `images` (it holds pictures)"),
    "flat.npz": (lambda p: np.savez(p, images=np.zeros((3, 4))), "should be (n, height, width)"),
    "labels.npz": (lambda p: np.savez(p, images=np.zeros((3, 4, 4)), labels=[1]), "1 labels for 3 images"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_data_set_is_said_in_a_line(name: str, tmp_path: Path) -> None:
    make, words = BROKEN[name]
    make(tmp_path / name)
    with pytest.raises(UserError) as raised:
        read_dataset(tmp_path / name)
    assert words in raised.value.message and name in raised.value.message
    assert "\n" not in raised.value.message


# -- single pictures -------------------------------------------------------------------------------


def test_pictures_of_every_kind_are_read_as_people_see_them() -> None:
    transparent = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert array(decoded(file_of(transparent, "PNG")), 3)[0, 0].tolist() == [128, 128, 128]
    palette = plain(10, 20, 30).convert("P", palette=Image.Palette.ADAPTIVE)
    assert array(decoded(file_of(palette, "PNG")), 3)[0, 0].tolist() == [10, 20, 30]
    deep = Image.fromarray(np.full((4, 4), 128 * 257, "uint16"))
    assert array(decoded(file_of(deep, "PNG")), 1)[0, 0].tolist() == [128]
    assert array(decoded(file_of(Image.new("L", (4, 4), 77), "PNG")), 3)[0, 0].tolist() == [77] * 3
    assert array(decoded(file_of(Image.new("CMYK", (4, 4), (0, 0, 0, 0)), "JPEG")), 3).min() > 250
    assert array(decoded(file_of(plain(1, 2, 3), "PNG")), 5)[0, 0].tolist() == [1, 2, 3, 1, 2]


def test_pictures_stand_upright_as_their_camera_says() -> None:
    image = Image.fromarray(np.arange(6 * 8 * 3, dtype="uint8").reshape(6, 8, 3))
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = decoded(file_of(image, "PNG", exif=turned))
    assert upright.size == (6, 8)
    assert (np.asarray(upright) == np.rot90(np.asarray(image), -1)).all()


def test_broken_and_oversized_pictures_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = file_of(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")), "PNG")
    for data in (whole[: len(whole) // 2], whole[:20], b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40):
        with pytest.raises(PictureError) as raised:
            decoded(data)
        assert "\n" not in raised.value.message
    monkeypatch.setattr(images, "LARGEST", 1000)
    with pytest.raises(PictureError, match="too large"):
        decoded(whole)


def test_no_bytes_do_more_than_be_refused() -> None:
    random = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"):
        whole = bytearray(file_of(plain(10, 200, 30).resize((40, 30)), kind))
        for _ in range(40):
            broken = bytearray(whole)
            for place in random.integers(0, len(broken), 6):
                broken[place] = random.integers(0, 256)
            try:
                assert decoded(bytes(broken)).mode in ("L", "RGB")
            except PictureError:
                continue


def test_pictures_are_fitted_by_their_centre_whole_or_distorted() -> None:
    left, right = np.zeros((10, 10, 3), "uint8"), np.full((10, 10, 3), 255, "uint8")
    image = Image.fromarray(np.concatenate([left, right, right, left], axis=1))
    assert np.asarray(fitted(image, (10, 20), "crop")).min() == 255
    assert np.asarray(fitted(image, (10, 20), "squash"))[:, [0, -1]].max() < 20
    whole = np.asarray(fitted(image, (40, 40), "pad"))
    assert (whole[0] == 128).all() and (whole[20, 20] == 255).all() and (whole[20, 0] == 0).all()


# -- blocks ----------------------------------------------------------------------------------------


def test_a_picture_more_or_less_changes_one_block_or_two() -> None:
    items = [Item(f"{n:04}", "", hashlib.sha256(str(n).encode()).hexdigest()) for n in range(3000)]
    before = {block for block in blocks(items, 32, 10_000)}
    for place in (0, 100, 1500, 2999):
        without = set(blocks(items[:place] + items[place + 1 :], 32, 10_000))
        assert len(without - before) <= 2
        more = Item(f"{place:04}a", "", hashlib.sha256(b"new").hexdigest())
        assert len(set(blocks([*items[:place], more, *items[place:]], 32, 10_000)) - before) <= 2
    assert [item for block in blocks(items) for item in block] == items
    assert max(map(len, blocks(items))) <= 256
