# The image of docker-compose.yml: everything requirements.lock names, and the airquery wheel.
# Each download is checked: pip checks uv by its hash, uv checks the rest.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r uv.txt \
 && /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps \
      --require-hashes --compile-bytecode -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY include/airquery include/airquery
COPY operators/airquery_airflow operators/airquery_airflow
COPY sql/airquery_sql sql/airquery_sql
RUN /opt/venv/bin/uv build --python /opt/venv/bin/python --no-build-isolation --wheel -o /wheel \
 && /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-deps --compile-bytecode \
      /wheel/*.whl

FROM python:3.11-slim-bookworm
# The embedded model server is linked against OpenMP.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 50000 --gid 0 --create-home --home-dir /opt/airflow airflow \
 && install -d -o airflow -g 0 /var/lib/airquery
COPY --from=build /opt/venv /opt/venv
# By default idle OpenMP threads spin, and take the processor from everything beside them.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_WAIT_POLICY=passive \
    AIRFLOW_HOME=/opt/airflow \
    AIRQUERY_HOME=/var/lib/airquery
WORKDIR /opt/airquery
USER airflow
CMD ["airquery", "--help"]
