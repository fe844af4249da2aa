# What this project runs in. The code is the checkout that is mounted at /sparcs, so an image never runs old code.
# docs/running.md has the commands, for Docker, Podman and Apptainer.
FROM python:3.11.14-slim-bookworm

# PyTorch's own index has its build for CPUs; PyPI has the one with CUDA: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRA=paper

# A record names the commit by git, whoever owns the checkout. Debian's updates are wanted, so no version is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*'

# All caches follow HOME, which any user may write to: `docker run --user` takes the checkout's owner.
RUN useradd --create-home --uid 1000 sparcs && chmod 1777 /home/sparcs

WORKDIR /sparcs
COPY pyproject.toml requirements.lock README.md LICENSE ./
ENV PATH=/opt/venv/bin:$PATH
RUN mkdir -p src/sparcs && touch src/sparcs/__init__.py \
    && python3 -m venv /opt/venv \
    && pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -c requirements.lock -e ".[$EXTRA]" \
    && rm -r src/sparcs

ENV HOME=/home/sparcs USER=sparcs
USER 1000
CMD ["snakemake"]
