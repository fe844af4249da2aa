"""Published networks of experiment 1, loaded in the report."""

from pathlib import Path

from sparcs import SpectralNetwork


def published_networks(published: str | Path) -> dict[str, SpectralNetwork]:
    """The networks of experiment 1 that are published, by their α as text, in rising order; empty if none is."""
    name = "regression_alpha"
    paths = Path(published, "networks").glob(f"{name}*[0-9].safetensors")
    alphas = sorted((path.name.removeprefix(name).removesuffix(".safetensors") for path in paths), key=float)
    return {alpha: SpectralNetwork.load(Path(published, "networks", f"{name}{alpha}.safetensors")) for alpha in alphas}
