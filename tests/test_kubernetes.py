"""docs/kubernetes: checked as text against the chart's names and against docker-compose.yml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml


ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
MANIFESTS: dict[str, Any] = {
    one["kind"]: one
    for one in yaml.safe_load_all((FOLDER / "serve.yaml").read_text(encoding="utf-8"))
}
CONTAINER = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"][0]
# What the chart knows of what is set here, by its place. `*` is text of the user's own.
CHART = [
    "airflowVersion",
    "apiSecretKeySecretName",
    "apiServer.resources",
    "config.*.*",
    "dagProcessor.enabled",
    "dagProcessor.resources",
    "dags.gitSync.branch",
    "dags.gitSync.enabled",
    "dags.gitSync.repo",
    "dags.gitSync.subPath",
    "data.brokerUrlSecretName",
    "data.metadataSecretName",
    "defaultAirflowRepository",
    "defaultAirflowTag",
    "env",
    "executor",
    "fernetKeySecretName",
    "jwtSecretName",
    "postgresql.enabled",
    "redis.passwordSecretName",
    "scheduler.resources",
    "secret",
    "securityContexts.container",
    "securityContexts.pod",
    "triggerer.resources",
    "volumeMounts",
    "volumes",
    "workers.replicas",
    "workers.resources",
    "workers.terminationGracePeriodSeconds",
]


def places(values: dict[str, Any], above: str = "") -> list[str]:
    """List where values are set, as deep as the chart names them."""
    found = []
    for name, value in values.items():
        place = f"{above}{name}"
        if known(place) or not isinstance(value, dict):
            found.append(place)
        else:
            found += places(value, f"{place}.")
    return found


def known(place: str) -> bool:
    """Tell whether the chart knows a place."""
    return any(
        re.fullmatch(re.escape(one).replace(r"\*", "[a-z_]+"), place) is not None for one in CHART
    )


def test_the_values_have_only_names_that_the_chart_knows() -> None:
    assert [place for place in places(VALUES) if not known(place)] == []


@pytest.mark.parametrize("part", ["apiServer", "scheduler", "dagProcessor", "triggerer", "workers"])
def test_every_part_has_the_memory_that_it_has_in_compose(part: str) -> None:
    service = {"apiServer": "apiserver", "dagProcessor": "dag-processor", "workers": "worker"}
    limit = SERVICES[f"airflow-{service.get(part, part)}"]["mem_limit"]

    assert VALUES[part]["resources"]["limits"]["memory"] == limit.replace("g", "Gi")


def test_a_task_is_told_the_same_in_a_cluster_as_in_compose() -> None:
    told = {one["name"]: one["value"] for one in VALUES["env"]}
    lines = (ROOT / "include" / "warehouse" / "folder.env").read_text(encoding="utf-8").splitlines()
    folder = dict(line.split("=") for line in lines if not line.startswith("#"))
    compose = SERVICES["airflow-worker"]["environment"] | folder
    secret = {one["envName"] for one in VALUES["secret"]}

    assert told.keys() | secret == {name for name in compose if name.startswith("AIRQUERY_")}
    assert secret == {"AIRQUERY_JOURNAL", "AIRQUERY_SERVE_TOKEN"}
    for name in ("AIRQUERY_HOME", "AIRQUERY_WAREHOUSE"):
        assert told[name] == compose[name]
    claim = MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert VALUES["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    assert VALUES["volumeMounts"][0]["mountPath"] == compose["AIRQUERY_HOME"]
    limit = compose["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"]
    assert VALUES["config"]["workers"]["execution_api_timeout"] == limit


def test_the_models_are_where_the_workers_look_for_them() -> None:
    service = MANIFESTS["Service"]
    (port,) = service["spec"]["ports"]
    told = {one["name"]: one["value"] for one in VALUES["env"]}

    assert told["AIRQUERY_SERVE_URL"] == f"http://{service['metadata']['name']}:{port['port']}"
    assert CONTAINER["ports"] == [{"containerPort": port["targetPort"]}]
    assert str(port["targetPort"]) in SERVICES["serve"]["command"]
    pods = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == pods
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == pods


def test_the_models_run_as_contained_as_in_compose() -> None:
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    pod = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    (token,) = CONTAINER["env"]
    assert token["name"] == "AIRQUERY_SERVE_TOKEN"
    assert token["valueFrom"]["secretKeyRef"] == {"name": "airquery", "key": "serve-token"}


def test_no_image_is_taken_from_where_nobody_said() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in FOLDER.iterdir())
    images = re.findall(r"(?:image|defaultAirflowRepository): (\S+)", text)

    assert len(images) == 2
    assert all(image.startswith("registry.example.com/airquery-") for image in images)
