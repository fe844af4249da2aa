"""Paths that are no files to be read: reading would wait, or go on, for ever."""

import os
import stat
from pathlib import Path


def make_huge(path):
    path.touch()
    os.truncate(path, 2**40)


NO_FILES = {  # what is made at a path
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a random device": lambda path: path.symlink_to("/dev/urandom"),
    "a folder": Path.mkdir,
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "a huge file": make_huge,
}
