"""The compose file and the image: checked as text, because there may be no engine to run them."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml


ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
AIRFLOW = [name for name in SERVICES if name.startswith("airflow-")]
LASTING = [name for name in SERVICES if name != "airflow-init"]
ENDPOINTS: dict[str, Any] = yaml.safe_load(
    (ROOT / "include" / "endpoints" / "local.yaml").read_text(encoding="utf-8")
)["endpoints"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SECRETS = {
    "AIRFLOW__API__SECRET_KEY": "AIRQUERY_API_SECRET",
    "AIRFLOW__API_AUTH__JWT_SECRET": "AIRQUERY_JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY": "AIRQUERY_FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "AIRQUERY_POSTGRES_PASSWORD",
    "AIRQUERY_SERVE_TOKEN": "AIRQUERY_SERVE_TOKEN",
}


def environment(service: str) -> dict[str, str]:
    """Return what a service finds in its environment."""
    return dict(SERVICES[service]["environment"])


def test_the_parts_of_airflow_and_the_models_are_there() -> None:
    assert set(SERVICES) == {
        "postgres",
        "airflow-init",
        "airflow-apiserver",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "serve",
    }
    commands = {name: SERVICES[name]["command"][:2] for name in AIRFLOW}
    assert commands == {
        "airflow-init": ["airflow", "db"],
        "airflow-apiserver": ["airflow", "api-server"],
        "airflow-scheduler": ["airflow", "scheduler"],
        "airflow-dag-processor": ["airflow", "dag-processor"],
        "airflow-triggerer": ["airflow", "triggerer"],
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_only_for_services_that_can_become_ready(service: str) -> None:
    for awaited, how in SERVICES[service].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[awaited]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert SERVICES[awaited]["restart"] == "no"


@pytest.mark.parametrize("service", LASTING)
def test_a_lasting_service_is_watched_and_started_again(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", [name for name in LASTING if name != "postgres"])
def test_a_health_check_in_python_is_python(service: str) -> None:
    _, python, option, script = SERVICES[service]["healthcheck"]["test"]

    assert (python, option) == ("python", "-c")
    compile(script, service, "exec")


@pytest.mark.parametrize("service", AIRFLOW)
def test_every_part_of_airflow_has_the_same_environment(service: str) -> None:
    assert environment(service) == environment("airflow-init")


@pytest.mark.parametrize(("setting", "variable"), SECRETS.items())
def test_a_secret_is_asked_for_and_never_written_down(setting: str, variable: str) -> None:
    value = environment("airflow-scheduler")[setting]

    assert re.search(r"\$\{" + variable + r":\?" + variable + r" is not set, see [^}]+\}", value)


def test_the_commands_at_the_head_of_the_file_make_every_secret(tmp_path: Path) -> None:
    head = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").split("\nx-image")[0]
    commands = "\n".join(re.findall(r"^#   (.*)", head, flags=re.MULTILINE))

    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)

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


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg2-binary"])
def test_the_drivers_of_the_database_are_locked(driver: str) -> None:
    # Airflow opens a synchronous and an asynchronous engine on the same database.
    assert re.search(rf"^{driver}==", LOCK, flags=re.MULTILINE)


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_repository_is_mounted_to_be_read_only() -> None:
    for service in SERVICES.values():
        for mount in service["volumes"]:
            source, _, mode = mount.split(":") if mount.count(":") == 2 else (*mount.split(":"), "")
            if source.startswith("."):
                assert (ROOT / source).is_dir()
                assert mode == "ro"
            else:
                assert source in COMPOSE["volumes"]


def test_what_the_settings_name_inside_the_containers_is_mounted_there() -> None:
    settings = environment("airflow-scheduler")
    mounted = {
        mount.split(":")[1]: mount.split(":")[0] for mount in SERVICES[AIRFLOW[0]]["volumes"]
    }

    assert mounted[settings["AIRFLOW__CORE__DAGS_FOLDER"]] == "./dags"
    inside, name = settings["AIRQUERY_ENDPOINTS"].split("/include/")
    assert mounted[f"{inside}/include"] == "./include"
    assert (ROOT / "include" / name).is_file()
    assert mounted[settings["AIRQUERY_HOME"]] == "airquery-home"
    assert settings["AIRQUERY_WAREHOUSE"].startswith(settings["AIRQUERY_HOME"])
    assert "PYTHONPATH" not in settings


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
    assert told | {"AIRQUERY_SERVE_TOKEN"} == {
        name for name in environment("airflow-scheduler") if name.startswith("AIRQUERY_")
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


def test_the_image_installs_only_what_is_hashed_and_runs_as_nobody_special() -> None:
    installs = re.findall(r"\bpip install\b[^&]*", DOCKERFILE.replace("\\\n", " "))

    assert len(installs) == 3
    assert all("--no-deps" in install for install in installs)
    assert all("--require-hashes" in install or "/wheel/" in install for install in installs)
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, flags=re.MULTILINE) == ["airflow"]
