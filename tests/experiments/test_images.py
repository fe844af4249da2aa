"""CIFAR's images: what is refused, what comes first, what is run again."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from no_files import NO_FILES
from replication import cli, params
from replication.data import download, image_sources, images, official
from replication.data.settings import ImageSources
from replication.experiments.settings import SCALES, resolve_settings
from replication.records.io import ArtifactError, read_json, write_json
from tiny_images import SIZES, Trap, arrays

ROOT = Path(__file__).parents[2]
BASE = params.read_yaml(ROOT / "params.yaml")
RECORD = Path("data/smoke/images/cifar10.json")


def sources(download=False, stand_in=False, **files):
    files = {"cifar10": None, "cifar100": None} | files
    return ImageSources(files=files, download=download, stand_in=stand_in)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(images, "SIZES", SIZES)
    (tmp_path / "data" / "images").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def place(folder):
    return Path("data/images/cifar10.npz")


def prepare(settings, planned=False, name="cifar10"):
    record = image_sources.prepare(name, settings, RECORD.with_name(f"{name}.json"), planned)
    write_json(RECORD.with_name(f"{name}.json"), record)
    return record


def test_images_come_back_as_they_were_written(place):
    np.savez(place, **arrays())
    record = prepare(sources(), planned=True)
    assert (record["source"], record["stand_in"], record["path"]) == ("file", False, "data/images/cifar10.npz")
    assert record["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    loaded = images.load(RECORD)
    for key, array in arrays().items():
        np.testing.assert_array_equal(getattr(loaded, key), array)
    assert loaded.x_train.dtype == np.uint8 and loaded.y_train.dtype == np.int64
    assert (loaded.stand_in, loaded.source, loaded.note) == (False, "file", "a file of the user's own, as it is")


@pytest.mark.parametrize("length", [0, 1, 100, 0.1, 0.5, 0.9, -1])
def test_a_truncated_file_is_refused_by_name(place, length):
    np.savez(place, **arrays())
    content = place.read_bytes()
    prepare(sources(), planned=True)
    place.write_bytes(content[: int(len(content) * length) if isinstance(length, float) else length])
    for refuse in (lambda: images.load(RECORD), lambda: prepare(sources(True, True), planned=True)):
        with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz") as caught:
            refuse()
        assert "\n" not in str(caught.value)
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("where", [0.001, 0.2, 0.5, 0.75, 0.95])
def test_a_flipped_byte_is_refused_by_name(place, where):
    np.savez(place, **arrays())
    content = bytearray(place.read_bytes())
    content[int(len(content) * where)] ^= 1
    prepare(sources(), planned=True)
    place.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz"):
        images.load(RECORD)
    if where > 0.01:  # inside the arrays, where the zip's own checksums see it without a record
        with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz cannot be read: Bad CRC"):
            prepare(sources(), planned=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "holds y_train, x_test, y_test: allowed are x_train, y_train, x_test, y_test, each once"),
        ({"extra": np.zeros(2)}, "holds .*extra: allowed are"),
        ({"x_train": np.zeros((79, 32, 32, 3), np.uint8)}, r"x_train is uint8 of shape \(79, .*allowed is uint8 of"),
        ({"x_test": np.zeros((20, 3, 32, 32), np.uint8)}, r"x_test is uint8 of shape \(20, 3, 32, 32\)"),
        ({"x_train": np.zeros((80, 32, 32, 3), np.float32)}, "x_train is float32 .*allowed is uint8"),
        ({"x_test": np.zeros(20, [("a{b}", "u1")])}, "x_test is .*allowed is uint8"),
        ({"y_train": np.zeros((80, 1), int)}, r"y_train is int64 of shape \(80, 1\)"),
        ({"y_test": np.zeros(20)}, "y_test is float64 .*allowed are integers"),
        ({"y_train": np.full(80, 10)}, "y_train goes from 10 to 10: allowed are 0 to 9"),
        ({"y_test": np.full(20, -1)}, "y_test goes from -1 to -1"),
        ({"lossy_train": np.array([80])}, "lossy_train is no list of images: allowed are .* 0 to 79"),
        ({"lossy_test": np.array([1, 1])}, "lossy_test is no list of images"),
        ({"lossy_test": np.array([0.5])}, "lossy_test is float64"),
    ],
)
def test_what_is_not_cifar_is_refused(place, changes, message):
    np.savez(place, **arrays(**changes))
    with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz:? " + message):
        prepare(sources(True, True), planned=True)


def test_labels_of_cifar_100(folder):
    np.savez("data/images/cifar100.npz", **arrays(classes=100))
    assert prepare(sources(), True, "cifar100")["source"] == "file"
    np.savez("data/images/cifar100.npz", **arrays(y_test=np.full(20, 100)))
    with pytest.raises(ArtifactError, match=r"cifar100\.npz: y_test goes from 100 to 100: allowed are 0 to 99"):
        prepare(sources(), True, "cifar100")


@pytest.mark.parametrize("kind", ["array in npz", "npy", "pickle", "member"])
def test_a_hostile_file_runs_no_code(place, kind):
    trap = np.array([Trap()], dtype=object)
    if kind == "array in npz":
        np.savez(place, **arrays(y_train=trap))
    elif kind == "npy":
        with place.open("wb") as file:
            np.save(file, trap)
    elif kind == "pickle":
        place.write_bytes(pickle.dumps(Trap()))
    else:
        with zipfile.ZipFile(place, "w") as archive:
            for key in images.KEYS:
                archive.writestr(f"{key}.npy", pickle.dumps(Trap()))
    with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz"):
        prepare(sources(True, True), planned=True)
    assert not Path("trapped").exists()


def test_a_file_that_unpacks_without_end_is_refused(place, monkeypatch):
    np.savez_compressed(place, **arrays(lossy_test=np.zeros(10**6, int)))
    monkeypatch.setattr(images, "MOST_BYTES", 10**6)
    with pytest.raises(ArtifactError, match=r"cifar10\.npz holds too much"):
        prepare(sources(), planned=True)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"data_set": "mnist"}', "{"])
def test_a_record_that_is_none_is_refused(folder, text):
    RECORD.parent.mkdir(parents=True)
    RECORD.write_text(text)
    with pytest.raises(ArtifactError, match=r"data/smoke/images/cifar10\.json"):
        images.load(RECORD)


def test_a_file_that_is_gone_is_named(place):
    np.savez(place, **arrays())
    prepare(sources(), planned=True)
    place.unlink()
    with pytest.raises(ArtifactError, match=r"cifar10\.npz is missing: put it back, or delete data/smoke"):
        images.load(RECORD)


def test_approximate_images_are_counted_in_the_note(place):
    np.savez(place, **arrays(lossy_train=np.array([3, 5]), lossy_test=np.array([7])))
    note = "a file of the user's own, as it is, but for 3 images (2 training, 1 test) that are only approximate"
    assert prepare(sources(), planned=True)["note"] == note


@pytest.fixture
def known(monkeypatch):
    """The tiny arrays are CIFAR-10's as copies have them: of three images their JPEG alone is known."""
    unknown = {"train": (3, 5), "test": (7,)}

    def digest(key, chosen):
        numbers = unknown[key[2:]] if key[0] == "x" else ()
        array = arrays()[key]
        return hashlib.sha256(
            (array[[*numbers]] if chosen else np.delete(array, numbers, axis=0)).tobytes()
        ).hexdigest()

    monkeypatch.setattr(official, "UNKNOWN", {"cifar10": unknown})
    monkeypatch.setattr(official, "KNOWN", {"cifar10": {key: digest(key, False) for key in images.KEYS}})
    monkeypatch.setattr(official, "JPEG", {"cifar10": {key: digest(key, True) for key in ("x_train", "x_test")}})
    return unknown


LISTED = {"lossy_train": np.array([5, 3]), "lossy_test": np.array([7])}
NAMED = {"archive_md5": np.array(download.MD5["cifar10"])}
OWN, COPY, ARCHIVE, FALSE = (
    "a file of the user's own, as it is",
    "the official pixels, as far as public copies show, but for 3 images",
    "the official archive (MD5 c58f30108f718f92721af3b95e74349a), by the SHA-256 of its pixels and labels, but for 3",
    "a file that names the official archive but does not have its pixels",
)


def with_pixels(numbers):
    """The arrays with other pixels in some images of each split."""
    found = arrays()
    for split in SIZES:
        found[f"x_{split}"][[*numbers[split]]] ^= 1
    return found


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (LISTED, COPY),
        (LISTED | {"y_test": arrays()["y_test"].astype(np.int64)}, COPY),
        ({}, OWN),  # the copy's pixels, but it does not say which are approximate
        ({"lossy_train": np.array([3])}, OWN),
        ({"lossy_train": np.array([3, 4]), "lossy_test": np.array([7])}, OWN),
        (LISTED | {"y_test": (arrays()["y_test"] + 1) % 10}, OWN),
        (NAMED, FALSE),
        (NAMED | LISTED, COPY),
        (NAMED | {"x_train": np.zeros((80, 32, 32, 3), np.uint8)}, FALSE),
        (NAMED | {"y_test": (arrays()["y_test"] + 1) % 10}, FALSE),
    ],
)
def test_arrays_and_not_words_decide_what_a_file_is_called(place, known, changes, note):
    np.savez(place, **arrays(**changes))
    record = prepare(sources(), planned=True)
    assert record["note"].startswith(note) and record["source"] == "file"


@pytest.mark.parametrize(("wrong", "source", "note"), [({}, "download", ARCHIVE), ({"train": (4,)}, "file", FALSE)])
def test_the_archive_has_pixels_of_its_own_where_the_copies_have_jpeg_s(place, known, wrong, source, note):
    np.savez(place, **with_pixels(known | wrong), **NAMED)
    record = prepare(sources(), planned=True)
    assert (record["source"], record["note"][: len(note)]) == (source, note)


def test_black_images_that_call_themselves_official_are_not(place):
    black = {f"x_{split}": np.zeros((size, 32, 32, 3), np.uint8) for split, size in SIZES.items()}
    np.savez(place, **arrays(**black), **NAMED)
    record = prepare(sources(), planned=True)
    assert record["source"] == "file" and record["note"].startswith(FALSE)


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_at_once(place, kind):
    np.savez(place, **arrays())
    prepare(sources(), planned=True)
    place.unlink()
    NO_FILES[kind](place)
    for refuse in (lambda: images.load(RECORD), lambda: prepare(sources(True, True), planned=True)):
        with pytest.raises(
            ArtifactError, match=r"data/images/cifar10\.npz (cannot be read|has 1099511627776 bytes)"
        ) as caught:
            refuse()
        assert "\n" not in str(caught.value)
    image_sources.files_in_place(sources(), {"cifar10": RECORD})


def test_a_stand_in_is_marked(folder):
    from sklearn.datasets import load_digits

    for name in ("cifar10", "cifar100"):
        record = prepare(sources(stand_in=True), name=name)
        loaded = images.load(RECORD.with_name(f"{name}.json"))
        assert loaded.stand_in and loaded.source == record["source"] == "stand-in"
        assert loaded.note.startswith("STAND-IN DATA")
    assert "only 0 to 9 occur" in loaded.note
    x, y = np.concatenate([loaded.x_train, loaded.x_test]), np.concatenate([loaded.y_train, loaded.y_test])
    digits = load_digits()
    assert x.shape == (1797, 32, 32, 3) and (x[..., :1] == x).all()
    small = x[:, ::4, ::4, 0] / 255 * 16
    np.testing.assert_allclose(x[:, 3::4, 3::4, 2] / 255 * 16, small)
    drawn = sorted((*image.ravel().round().astype(int), label) for image, label in zip(small, y, strict=True))
    original = zip(digits.images, digits.target, strict=True)
    assert drawn == sorted((*image.ravel().astype(int), label) for image, label in original)


def test_the_order_of_the_sources(place, known, monkeypatch):
    asked = []

    def fetch(name, folder):
        asked.append(name)
        if len(asked) == 1:
            raise download.DownloadError("the download failed (offline)")
        return with_pixels(known)

    monkeypatch.setattr(image_sources, "fetch", fetch)
    everything = sources(True, True)
    with pytest.raises(ArtifactError, match=r"cifar10\.npz is missing and the download failed \(offline\): put the"):
        prepare(sources(download=True))
    assert prepare(sources(stand_in=True))["source"] == "stand-in" and asked == ["cifar10"]
    assert prepare(everything)["source"] == "download" and len(asked) == 2
    assert [path.name for path in RECORD.parent.iterdir()] == ["cifar10.json"]  # the digits are gone
    np.savez("own.npz", **arrays(x_test=np.zeros((20, 32, 32, 3), np.uint8)))
    assert prepare(sources(True, True, cifar10="own.npz"), True)["path"] == "own.npz"
    np.savez(place, **arrays(x_train=np.zeros((80, 32, 32, 3), np.uint8)))
    assert prepare(everything, True)["source"] == "file" and len(asked) == 2
    with pytest.raises(params.ParameterError, match=r"images\.files\.cifar10 = 'none\.npz': there is no such file"):
        prepare(sources(True, True, cifar10="none.npz"))


def test_a_broken_link_is_not_downloaded_over(place):
    place.symlink_to("nowhere.npz")
    with pytest.raises(ArtifactError, match=r"data/images/cifar10\.npz cannot be read"):
        prepare(sources(True, True))
    assert place.is_symlink()


def test_a_download_of_its_own_does_not_become_an_input(place, known, monkeypatch):
    monkeypatch.setattr(image_sources, "fetch", lambda name, folder: with_pixels(known))
    records, settings = {"cifar10": RECORD}, sources(download=True)
    assert image_sources.files_in_place(settings, records) == []
    first = prepare(settings)
    assert image_sources.files_in_place(settings, records) == []
    assert prepare(settings) == first
    elsewhere = {"cifar10": Path("data/laptop/images/cifar10.json")}  # another scale finds it in place
    assert image_sources.files_in_place(settings, elsewhere) == [str(place)]
    np.savez(place, **arrays())  # a file of the user's own takes its place
    assert image_sources.files_in_place(settings, records) == [str(place)]
    prepare(settings, planned=True)
    assert image_sources.files_in_place(settings, records) == [str(place)]
    place.write_bytes(b"broken")
    assert image_sources.files_in_place(settings, records) == [str(place)]


def test_the_scales_allow_what_they_should():
    allowed = {scale: resolve_settings(BASE, {"scale": scale}).images for scale in SCALES}
    sources_allowed = {scale: (settings.download, settings.stand_in) for scale, settings in allowed.items()}
    strict = (True, False)
    assert sources_allowed == {"smoke": (False, True), "laptop": (True, True), "overnight": strict, "paper": strict}
    with pytest.raises(params.ParameterError, match=r"images\.download = 'perhaps'"):
        resolve_settings(BASE, {"images": {"download": "perhaps"}})
    with pytest.raises(params.ParameterError, match=r"images\.files\.cifar10 = ''"):
        resolve_settings(BASE, {"images": {"files": {"cifar10": ""}}})


def test_no_images_is_one_sentence(folder, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["prepare-images", "cifar10", "--settings", sources().model_dump_json(), "--output", "ten.json"])
    assert caught.value.code == 2
    sentence = "replication: data/images/cifar10.npz is missing and images.download = false: put the file there"
    assert capsys.readouterr().err.startswith(sentence)
    assert not Path("ten.json").exists()


def snakemake(folder, *arguments):
    program = Path(sys.executable).parent
    command = [program / "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--directory", folder]
    environment = os.environ | {"PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "500"}
    records = [f"data/smoke/images/{name}.json" for name in images.CLASSES]
    arguments = ["--cores", "1", *arguments, *records, "--config", "scale=smoke"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.pipeline
def test_real_images_replace_a_stand_in_unasked_and_once(tmp_path):
    snakemake(tmp_path)
    assert [read_json(path)["source"] for path in (tmp_path / "data/smoke/images").glob("*.json")] == ["stand-in"] * 2
    zeros = {f"x_{split}": np.zeros((size, 32, 32, 3), np.uint8) for split, size in images.SIZES.items()}
    zeros |= {f"y_{split}": np.zeros(size, np.uint8) for split, size in images.SIZES.items()}
    (tmp_path / "data" / "images").mkdir()
    np.savez_compressed(tmp_path / "data" / "images" / "cifar10.npz", **zeros)
    output = snakemake(tmp_path)
    assert "the images of cifar10 " in output and "the images of cifar100" not in output  # whose record stays
    records = {name: read_json(tmp_path / "data/smoke/images" / f"{name}.json") for name in ("cifar10", "cifar100")}
    assert (records["cifar10"]["source"], records["cifar100"]["source"]) == ("file", "stand-in")
    assert json.dumps(records).count(str(tmp_path)) == 0
    assert "Nothing to be done" in snakemake(tmp_path, "-n")
