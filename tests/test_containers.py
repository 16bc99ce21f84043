"""The compose file and the images: checked as text, because there may be no engine to run them.

`make test-deploy` runs them.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml


ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
AIRFLOW = [name for name in SERVICES if name.startswith("airflow-")]
# They end when they have done their work, or are called for.
PASSING = {"airflow-init", "journal-init", "airflow-cli"}
LASTING = [name for name in SERVICES if name not in PASSING]
SCHEMA = Path(__file__).parent / "deploy" / "compose_spec.json"
ENDPOINTS: dict[str, Any] = yaml.safe_load(
    (ROOT / "include" / "endpoints" / "local.yaml").read_text(encoding="utf-8")
)["endpoints"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# What Airflow signs, encrypts and stores with.
AIRFLOWS_OWN = {
    "AIRFLOW__API__SECRET_KEY": "AIRQUERY_API_SECRET",
    "AIRFLOW__API_AUTH__JWT_SECRET": "AIRQUERY_JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY": "AIRQUERY_FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "AIRQUERY_POSTGRES_PASSWORD",
}
SECRETS = AIRFLOWS_OWN | {
    "AIRFLOW__CELERY__BROKER_URL": "AIRQUERY_REDIS_PASSWORD",
    "AIRFLOW__CELERY__RESULT_BACKEND": "AIRQUERY_REDIS_PASSWORD",
    "AIRQUERY_JOURNAL": "AIRQUERY_JOURNAL_PASSWORD",
    "AIRQUERY_SERVE_TOKEN": "AIRQUERY_SERVE_TOKEN",
}


def environment(service: str) -> dict[str, str]:
    """Return what a service finds in its environment."""
    return dict(SERVICES[service].get("environment", {}))


def warehouse(name: str) -> dict[str, str]:
    """Return what a file of `include/warehouse/` adds to the environment of Airflow's services."""
    [said] = {SERVICES[service]["env_file"] for service in AIRFLOW}
    file = ROOT / said.replace("${AIRQUERY_WAREHOUSE_FILE:-folder}", name)
    lines = file.read_text(encoding="utf-8").splitlines()
    return {
        key: value for key, _, value in (line.partition("=") for line in lines if line[0] != "#")
    }


def mounts(service: str) -> dict[str, str]:
    """Return what stands where in a service, by the place."""
    named = [one.split(":") for one in SERVICES[service]["volumes"] if ":" in one]
    return {where: source for source, where, *_ in named}


def test_the_parts_of_airflow_and_the_models_are_there() -> None:
    assert set(SERVICES) == {
        "postgres",
        "redis",
        "journal-init",
        "airflow-init",
        "airflow-apiserver",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "airflow-worker",
        "serve",
        "airflow-cli",
        "vllm",
        "objects",
    }
    assert {name: SERVICES[name]["command"][:3] for name in AIRFLOW} == {
        "airflow-init": ["airflow", "db", "migrate"],
        "airflow-apiserver": ["airflow", "api-server", "--workers"],
        "airflow-scheduler": ["airflow", "scheduler"],
        "airflow-dag-processor": ["airflow", "dag-processor"],
        "airflow-triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
        "airflow-worker": ["airflow", "celery", "worker"],
        "airflow-cli": ["bash"],
    }
    assert environment("airflow-scheduler")["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


@pytest.mark.parametrize("file", ["docker-compose.yml", "tests/deploy/docker-compose.debian.yml"])
def test_a_file_is_what_the_compose_specification_allows(file: str) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    said = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))

    errors = jsonschema_rs.validator_for(schema).iter_errors(said)

    assert [(error.instance_path, error.message) for error in errors] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_only_for_services_that_can_become_ready(service: str) -> None:
    for awaited, how in SERVICES[service].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[awaited]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert SERVICES[awaited]["restart"] == "no"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_lasts_is_watched_and_started_again(service: str) -> None:
    lasts = service in LASTING

    assert ("healthcheck" in SERVICES[service]) == lasts
    assert SERVICES[service]["restart"] == ("unless-stopped" if lasts else "no")


def test_a_health_check_in_python_is_python() -> None:
    checks = {name: SERVICES[name]["healthcheck"]["test"] for name in LASTING}
    scripts = {name: check[3] for name, check in checks.items() if check[2:3] == ["-c"]}

    assert set(checks) - set(scripts) == {"postgres", "redis", "objects"}
    for name, script in scripts.items():
        compile(script, name, "exec")


@pytest.mark.parametrize("service", [name for name in AIRFLOW if name != "airflow-worker"])
def test_every_part_of_airflow_but_the_worker_has_the_same_environment(service: str) -> None:
    assert environment(service) == environment("airflow-init")


def test_a_worker_is_told_what_the_others_are_but_no_secret_of_airflows_own() -> None:
    all_of_it, worker = environment("airflow-init"), environment("airflow-worker")

    assert worker == {name: all_of_it[name] for name in worker}
    assert not AIRFLOWS_OWN.keys() & worker.keys()
    assert {name for name in all_of_it if name.startswith("AIRQUERY_")} <= worker.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_privileges_and_an_end_to_its_memory(service: str) -> None:
    said = SERVICES[service]

    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"} & said.keys()
    if service != "vllm":  # its image is made to be root, and to write where its models go
        assert said["read_only"] is True
        assert re.fullmatch(r"\d+[mg]", said["mem_limit"])
        assert said["pids_limit"] <= 1024


def test_only_who_asks_others_leaves_the_inner_network() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert all("inside" in service["networks"] for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {
        "airflow-apiserver",
        "airflow-triggerer",
        "airflow-worker",
        "vllm",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_named_with_its_whole_version_or_built_here(service: str) -> None:
    said = SERVICES[service]

    if "build" in said:
        assert re.search(rf"^FROM \S+ AS {said['build']['target']}$", DOCKERFILE, re.MULTILINE)
        assert said["image"] == f"airquery-{said['build']['target']}:latest"
    else:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", said["image"])


@pytest.mark.parametrize(("setting", "variable"), SECRETS.items())
def test_a_secret_is_asked_for_and_never_written_down(setting: str, variable: str) -> None:
    value = environment("airflow-scheduler")[setting]

    assert re.search(r"\$\{" + variable + r":\?" + variable + r" is not set, see [^}]+\}", value)


def test_the_commands_at_the_head_of_the_file_make_every_secret(tmp_path: Path) -> None:
    head = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").split("\nx-image")[0]
    commands = "\n".join(re.findall(r"^#   (?!docker)(.*)", head, flags=re.MULTILINE))

    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)

    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    lines = (tmp_path / ".env").read_text(encoding="utf-8").splitlines()
    made = dict(line.split("=", 1) for line in lines)
    assert set(made) == set(SECRETS.values())
    assert len(base64.urlsafe_b64decode(made.pop("AIRQUERY_FERNET_KEY"))) == 32
    # They stand in a URL, and sign with SHA-512.
    assert all(re.fullmatch("[0-9a-f]{128}", value) for value in made.values())


def test_the_database_is_reached_with_the_password_it_is_made_with() -> None:
    made = environment("postgres")
    reached = environment("airflow-scheduler")["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]

    assert reached == (
        f"postgresql+psycopg2://{made['POSTGRES_USER']}:{made['POSTGRES_PASSWORD']}"
        f"@postgres:5432/{made['POSTGRES_DB']}"
    )
    assert environment("journal-init")["PGPASSWORD"] == made["POSTGRES_PASSWORD"]


def test_the_journal_has_a_database_and_a_password_of_its_own() -> None:
    script = SERVICES["journal-init"]["command"][-1].removeprefix("--file=/opt/airquery/")
    text = (ROOT / script).read_text(encoding="utf-8")
    made = environment("journal-init")["JOURNAL_PASSWORD"]

    assert environment("airflow-worker")["AIRQUERY_JOURNAL"] == (
        f"postgresql://airquery:{made}@postgres:5432/airquery"
    )
    assert "getenv password JOURNAL_PASSWORD" in text
    assert {*re.findall(r"CREATE (?:ROLE|DATABASE) (\w+)", text)} == {"airquery"}


def test_the_queue_is_reached_with_the_password_it_is_started_with() -> None:
    made = environment("redis")["REDISCLI_AUTH"]
    reached = environment("airflow-worker")

    assert reached["AIRFLOW__CELERY__BROKER_URL"] == f"redis://:{made}@redis:6379/0"
    assert reached["AIRFLOW__CELERY__RESULT_BACKEND"] == f"redis://:{made}@redis:6379/1"
    assert "requirepass $$REDISCLI_AUTH" in SERVICES["redis"]["command"][-1]


def test_only_the_api_server_holds_the_passwords_of_persons() -> None:
    file = environment("airflow-apiserver")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    folder = str(Path(file).parent)

    assert [name for name in SERVICES if folder in mounts(name)] == ["airflow-apiserver"]
    assert f"airflow-apiserver cat {file}" in (ROOT / "docker-compose.yml").read_text("utf-8")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg2-binary", "celery", "redis"])
def test_the_drivers_of_the_databases_are_locked(driver: str) -> None:
    # Airflow opens a synchronous and an asynchronous engine on the same database.
    assert re.search(rf"^{driver}==", LOCK, flags=re.MULTILINE)


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_repository_is_mounted_to_be_read_only() -> None:
    for service in SERVICES.values():
        for source, where, *mode in (one.split(":") for one in service["volumes"] if ":" in one):
            if source.startswith("."):
                assert (ROOT / source).is_dir()
                assert mode == ["ro"]
            else:
                assert source in COMPOSE["volumes"]
                assert where.startswith("/")


def test_what_the_settings_name_inside_the_containers_is_mounted_there() -> None:
    settings, mounted = environment("airflow-worker"), mounts("airflow-worker")

    assert mounted[settings["AIRFLOW__CORE__DAGS_FOLDER"]] == "./dags"
    inside, _, name = settings["AIRQUERY_ENDPOINTS"].partition("/include/")
    assert mounted[f"{inside}/include"] == "./include"
    for profile in ("local", "gpu"):
        file = name.replace("${AIRQUERY_ENDPOINT_FILE:-local}", profile)
        assert (ROOT / "include" / file).is_file()
    assert mounted[settings["AIRQUERY_HOME"]] == "airquery-home"
    assert warehouse("folder")["AIRQUERY_WAREHOUSE"].startswith(settings["AIRQUERY_HOME"])
    assert "PYTHONPATH" not in settings


def test_the_endpoints_of_a_gpu_are_the_same_but_for_the_chat_model() -> None:
    text = (ROOT / "include" / "endpoints" / "gpu.yaml").read_text(encoding="utf-8")
    endpoints = yaml.safe_load(text)["endpoints"]
    command = SERVICES["vllm"]["command"]

    chat = endpoints.pop("reviews-llm")
    assert endpoints == {name: one for name, one in ENDPOINTS.items() if name != "reviews-llm"}
    assert chat["model"] == command[command.index("--served-model-name") + 1]
    assert chat["base_url"].endswith(f"vllm:{command[command.index('--port') + 1]}}}/v1")
    assert environment("vllm")["VLLM_API_KEY"] == environment("serve")["AIRQUERY_SERVE_TOKEN"]


def test_the_object_store_is_where_the_warehouse_looks_for_it() -> None:
    settings, store = warehouse("objects"), SERVICES["objects"]

    [port] = [one.removeprefix("-s3.port=") for one in store["command"] if "s3.port" in one]
    assert settings["AIRQUERY_WAREHOUSE"].startswith("s3://")
    assert settings["AWS_ENDPOINT_URL"] == f"http://objects:{port}"
    assert f"http://127.0.0.1:{port}/" in store["healthcheck"]["test"][-1]
    assert not set(settings) & set(environment("airflow-worker"))


def test_the_object_store_has_the_keys_of_the_tasks_and_none_of_its_own() -> None:
    names = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

    assert environment("objects") == {name: f"${{{name}:-}}" for name in names}
    # A name without a value hands on what Compose finds under it.
    assert {name for name, value in warehouse("objects").items() if not value} == names
    script = SERVICES["objects"]["entrypoint"][2].replace("$$", "$")
    for missing in names:
        keys = dict.fromkeys(names - {missing}, "x")
        ran = subprocess.run(
            ["sh", "-euc", script, "objects"], env=keys, capture_output=True, text=True, check=False
        )
        assert ran.returncode != 0
        assert f"{missing}: is not set, see docker-compose.yml" in ran.stderr


def test_the_model_server_listens_where_the_endpoints_point() -> None:
    command = SERVICES["serve"]["command"]
    url = environment("airflow-scheduler")["AIRQUERY_SERVE_URL"]

    assert url == f"http://serve:{command[command.index('--port') + 1]}"
    assert {name: endpoint["task"] for name, endpoint in ENDPOINTS.items()} == {
        "reviews-llm": "chat",
        "minilm": "embeddings",
        "vader": "custom",
        "bert-ner": "custom",
    }
    for endpoint in ENDPOINTS.values():
        assert endpoint["base_url"].removesuffix("/v1") == "${AIRQUERY_SERVE_URL}"
        assert endpoint["identity"] == "airquery-serve"


def test_the_model_server_lets_in_only_those_who_have_its_token() -> None:
    token = environment("serve")["AIRQUERY_SERVE_TOKEN"]

    assert "--allow-remote" in SERVICES["serve"]["command"]
    assert token == environment("airflow-scheduler")["AIRQUERY_SERVE_TOKEN"]
    assert {endpoint["api_key"] for endpoint in ENDPOINTS.values()} == {"${AIRQUERY_SERVE_TOKEN:-}"}


def test_make_ui_and_the_containers_tell_airquery_the_same_things() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = {
        name
        for targets, name in re.findall(
            r"^([\w ]+): export (AIRQUERY_\w+) :?=", makefile, flags=re.MULTILINE
        )
        if "ui" in targets.split()
    }

    # `make ui` listens on loopback: it passes a token on that the environment holds, and needs none.
    # Its journal is the default one.
    told_containers = environment("airflow-scheduler") | warehouse("folder")
    assert told | {"AIRQUERY_SERVE_TOKEN", "AIRQUERY_JOURNAL"} == {
        name for name in told_containers if name.startswith("AIRQUERY_")
    }


def test_openmp_threads_of_the_models_sleep_when_idle() -> None:
    assert environment("serve")["OMP_WAIT_POLICY"] == "passive"
    assert re.search(r"\bOMP_WAIT_POLICY=passive\b", DOCKERFILE)


def test_the_image_is_made_of_files_that_are_there_and_let_through() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
        for source in sources.split()
    }

    assert "*" in ignore
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_what_the_images_install_is_held_against_the_hashes_of_the_lock() -> None:
    installs = re.findall(r"\bpip install\b[^&\n]*", DOCKERFILE.replace("\\\n", " "))

    assert len(installs) == 7
    ours = [install for install in installs if install.rstrip().endswith("/wheel/*.whl")]
    assert all("--no-deps" in install for install in ours)
    assert all(
        "--require-hashes" in install or "--constraint requirements.lock" in install
        for install in installs
        if install not in ours
    )
    assert len(ours) == 2


def test_the_base_has_its_whole_version_and_stands_once() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, flags=re.MULTILINE)
    froms = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)

    assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-bookworm", base)
    stages = {stage for _, stage in froms}
    assert {image for image, _ in froms if image not in stages} == {"${PYTHON}"}
    assert len(froms) == DOCKERFILE.count("\nFROM ")


@pytest.mark.parametrize("stage", ["airflow", "serve"])
def test_an_image_runs_as_nobody_special_and_takes_only_packages_along(stage: str) -> None:
    text = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    (said,) = (part for part in text if part.startswith(f"runtime AS {stage}\n"))

    lines = [line for line in said.splitlines() if line and not line.startswith("#")]
    assert re.findall(r"^USER (\w+)$", said, flags=re.MULTILINE) == ["airflow"]
    assert [line for line in lines if line.startswith(("COPY", "ADD"))] == [
        f"COPY --from={stage}-packages /opt/venv /opt/venv"
    ]
    assert not any(line.startswith("RUN") for line in lines[lines.index("USER airflow") :])


def test_an_image_of_debian_leaves_no_lists_and_nothing_that_is_only_recommended() -> None:
    for command in re.findall(r"apt-get install[^\n]*(?:\n[^\n]*){2}", DOCKERFILE):
        assert "--no-install-recommends" in command
        assert "rm -rf /var/lib/apt/lists/*" in command
    assert DOCKERFILE.count("apt-get install") == 1
