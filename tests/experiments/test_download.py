"""The official download from the test's own server: silent, slow, wrong or right."""

import hashlib
import io
import pickle
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from replication.data import download, image_sources, images, official
from replication.data.settings import ImageSources
from replication.records.io import write_json
from tiny_images import SIZES, Trap, arrays


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # where the data sets of these tests are defined
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def tiny_archive(content):
    """An archive as CIFAR-10's, two batches long, and the MD5 of its files."""
    packed, md5 = io.BytesIO(), {}
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for split, name in (("train", "data_batch_1"), ("test", "test_batch"), ("", "batches.meta")):
            batch = {"label_names": list("abcdefghij")}
            if split:
                planes = content[f"x_{split}"].transpose(0, 3, 1, 2).reshape(-1, 3072)
                batch = {"data": planes, "labels": content[f"y_{split}"].tolist()}
            text = pickle.dumps(batch)
            md5[name] = hashlib.md5(text).hexdigest()
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return packed.getvalue(), md5


@pytest.fixture
def server(folder, monkeypatch):
    """Start a server of ``body``, or one that never answers (None), for a tiny data set that torchvision reads."""
    started = []

    def start(body, md5, batches):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if body is None:
                    return time.sleep(5)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, daemon=True).start()
        started.append(http)
        module = f"tiny_{http.server_port}"
        text = f"""
            from torchvision.datasets import CIFAR10
            class Tiny(CIFAR10):
                url, tgz_md5 = "http://127.0.0.1:{http.server_port}/archive", {md5!r}
                train_list = [["data_batch_1", {batches["data_batch_1"]!r}]]
                test_list = [["test_batch", {batches["test_batch"]!r}]]
                meta = {{**CIFAR10.meta, "md5": {batches["batches.meta"]!r}}}
        """
        (folder / f"{module}.py").write_text("\n".join(line[12:] for line in text.splitlines()))
        monkeypatch.setitem(download.DATA_SETS, "cifar10", f"{module}:Tiny")

    yield start
    for http in started:
        http.shutdown()
        http.server_close()


def test_a_download_becomes_a_file(server, folder, monkeypatch):
    monkeypatch.setattr(images, "SIZES", SIZES)
    digests = {key: hashlib.sha256(array.astype(np.uint8)).hexdigest() for key, array in arrays().items()}
    monkeypatch.setattr(official, "KNOWN", {"cifar10": digests})
    monkeypatch.setattr(official, "UNKNOWN", {"cifar10": {"train": (), "test": ()}})
    monkeypatch.setattr(official, "JPEG", {"cifar10": {}})
    settings = ImageSources(files={"cifar10": None, "cifar100": None}, download=True, stand_in=False)
    body, batches = tiny_archive(arrays())
    server(body, hashlib.md5(body).hexdigest(), batches)
    record = image_sources.prepare("cifar10", settings, folder / "record.json", planned=False)
    write_json(folder / "record.json", record)
    assert (record["source"], record["stand_in"], record["found"]) == ("download", False, False)
    expected = "the official archive (MD5 c58f30108f718f92721af3b95e74349a), by the SHA-256 of its pixels and labels"
    assert record["note"] == expected
    loaded = images.load(folder / "record.json")
    for key, array in arrays().items():
        np.testing.assert_array_equal(getattr(loaded, key), array)
    assert list(Path("data/images").iterdir()) == [Path("data/images/cifar10.npz")]


def test_a_wrong_archive_is_never_opened(server, folder):
    trap = io.BytesIO()
    with tarfile.open(fileobj=trap, mode="w:gz") as archive:
        text = pickle.dumps(Trap())
        info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    body, batches = tiny_archive(arrays())
    server(trap.getvalue(), hashlib.md5(body).hexdigest(), batches)
    with pytest.raises(download.DownloadError, match=r"^the download failed \(.*File not found or corrupted\.\)$"):
        download.fetch("cifar10", folder / "images", silence=20)
    assert not Path("trapped").exists() and list((folder / "images").iterdir()) == []


def test_a_server_that_never_answers_is_given_up(server, folder):
    server(None, "", tiny_archive(arrays())[1])
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match=r"^the download (failed|was given up after 1 s of silence)"):
        download.fetch("cifar10", folder / "images", silence=1)
    assert time.monotonic() - start < 20
    assert list((folder / "images").iterdir()) == []


def test_a_process_that_hangs_is_ended(folder, monkeypatch):
    (folder / "hanging.py").write_text("import time\ndef lookup(root, download):\n    time.sleep(60)\n")
    monkeypatch.setitem(download.DATA_SETS, "cifar10", "hanging:lookup")
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match=r"^the download was given up after 0\.5 s of silence$"):
        download.fetch("cifar10", folder / "images", silence=0.5)
    assert time.monotonic() - start < 20


def test_a_slow_process_is_left_alone(folder, monkeypatch):
    text = "import sys, time\ndef lookup(root, download):\n    for second in range(8):\n        time.sleep(0.25)\n"
    (folder / "slow.py").write_text(text + "        print(second, flush=True)\n    sys.exit('at its end')")
    monkeypatch.setitem(download.DATA_SETS, "cifar10", "slow:lookup")
    with pytest.raises(download.DownloadError, match=r"^the download failed \(at its end\)$"):
        download.fetch("cifar10", folder / "images", silence=1)
