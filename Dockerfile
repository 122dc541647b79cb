# The worker of docker-compose.yml: `tandem` with a model of its own, as an ordinary user.
FROM python:3.12-slim

# openssl makes the certificates of docker-compose.yml.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssl \
    && rm -rf /var/lib/apt/lists/*

# Not user 1000: that one owns the cluster's private key in the shared volume.
RUN useradd --create-home --uid 10001 tandem \
    && install --directory --owner tandem /home/tandem/.cache

WORKDIR /opt/tandem
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY cluster cluster
COPY encoder encoder
COPY evaluation evaluation
COPY ingest ingest
COPY mappings mappings
COPY query query
COPY tandem tandem
RUN pip install --no-cache-dir --constraint constraints.txt ".[demo,evaluate,openvino,serve]"

USER tandem
WORKDIR /home/tandem
ENTRYPOINT ["tandem"]
CMD ["--help"]
