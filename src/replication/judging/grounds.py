"""Why a claim is judged as it is: the paper's own words, the reason of its region, and what would change its verdict.

They stand in ``claims.toml`` beside the claims of an experiment, as prose: nothing is judged by them.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from replication.records.io import ArtifactError


@dataclass(frozen=True)
class Quote:
    """A short quotation of the paper, and its place there."""

    place: str
    text: str


@dataclass(frozen=True)
class Grounds:
    """The paper's words on a claim, why its region is what it is, and what would change the verdict."""

    quotes: tuple[Quote, ...] = ()
    region: str = ""
    changes: str = ""


def read_grounds(path: Path) -> dict[str, Grounds]:
    """The grounds of an experiment's claims by id; of none without such a file.

    Raises ArtifactError, naming the file and the claim, if it holds something else.
    """
    if not path.exists():
        return {}
    try:
        claims = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from None
    return {name: _grounds(path, name, fields) for name, fields in claims.items()}


def _grounds(path: Path, name: str, fields: object) -> Grounds:
    try:
        return Grounds(**(fields | {"quotes": tuple(Quote(**quote) for quote in fields["quotes"])}))
    except (KeyError, TypeError):
        raise ArtifactError(
            f"{path}: {name} = {fields}: allowed are quotes, each with place and text, region and changes"
        ) from None
