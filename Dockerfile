# The server: `docker build -t iam .`, then `docker run --publish 127.0.0.1:8080:8080 iam`.
#
# With nothing else set it keeps an embedded SQLite database and its master key in the volume
# /var/lib/iam. docker-compose.yml shows it on PostgreSQL, with secrets as files.

FROM python:3.11-slim-bookworm AS build

# For a network that reaches packages through a mirror: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source

# The locked packages come first: they change less often than our code, and their layer is kept.
COPY requirements.server.lock ./
RUN python -m venv /opt/iam \
 && /opt/iam/bin/pip install --no-deps --only-binary :all: --require-hashes \
      --requirement requirements.server.lock

COPY . .
# What builds, and pip itself, is of no use to a running server.
RUN /opt/iam/bin/pip install --no-deps --no-build-isolation ./sdk . \
 && /opt/iam/bin/pip uninstall --yes hatchling editables trove-classifiers setuptools pip


FROM python:3.11-slim-bookworm

# A new volume takes owner and mode of its directory from here.
RUN groupadd --gid 10001 iam \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/iam \
      --shell /usr/sbin/nologin iam \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/iam
COPY --from=build /opt/iam /opt/iam

# Nothing is written outside /var/lib/iam and /tmp: the root file system may be read-only.
ENV PATH=/opt/iam/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IAM_DATA_DIR=/var/lib/iam \
    IAM_HOST=0.0.0.0 \
    IAM_PORT=8080
USER 10001:10001
WORKDIR /var/lib/iam
VOLUME ["/var/lib/iam"]
EXPOSE 8080

# No HEALTHCHECK: the same image is server, worker and command line. docker-compose.yml has the
# server's probe.

ENTRYPOINT ["iam"]
CMD ["serve"]
