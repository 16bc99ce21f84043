"""An auth manager with one user who may read some DAGs only; the others are Airflow's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails

# May read only DAGs whose id begins so.
ONLY = "open_"


class SomeDagsAuthManager(SimpleAuthManager):
    """Airflow's simple one, but that the user `ann` may read some DAGs only."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """Tell whether a user may do something with a DAG."""
        known: DagDetails | None = details
        if user.get_id() == "ann" and known is not None and not (known.id or "").startswith(ONLY):
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
