"""The functions as their macro files declare them: arguments, versions, default endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.sqlfn.functions import MODE, asking, functions
from tests.conftest import registry_of


if TYPE_CHECKING:
    from airquery.testing import EndpointServer


CALLS = {
    "ai_agg": "t, 'Count.'",
    "ai_classify": "t, ['a', 'b']",
    "ai_decide": """t, '{"q": {"type": "noul", "instructions": "Is it?"}}'""",
    "ai_extract": "t, ['a']",
    "ai_mask": "t, ['a']",
    "ai_similarity": "t, t",
    "ai_translate": "t, 'de'",
}
VERSIONED = sorted(
    name
    for name, function in functions().items()
    if "version" in {one.name for one in function.arguments}
)
EMBEDDING = {"ai_embed", "ai_similarity"}


def call(name: str, more: str = "") -> str:
    return f"SELECT {name}({CALLS.get(name, 't')}{more}) AS r FROM (VALUES ('x')) AS v(t)"


@pytest.mark.parametrize("name", VERSIONED)
def test_a_version_is_pinned_and_others_are_refused(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, name: str
) -> None:
    where = f", endpoint => '{'vectors' if name in EMBEDDING else 'llm'}'"

    run = airquery.run(connection, call(name, f"{where}, version => '1.0'"))
    with pytest.raises(airquery.AirqueryError) as caught:
        airquery.run(connection, call(name, f"{where}, version => '1.1'"))

    assert run.table is not None
    assert run.stats.sent == server.count > 0
    assert f"{name}: version is '1.1'. Did you mean '1.0'?" in str(caught.value)


@pytest.mark.parametrize("name", sorted(asking() - {"ai_query"}))
def test_without_an_endpoint_the_functions_own_is_asked_or_none_by_name(
    server: EndpointServer, settings: airquery.Settings, name: str
) -> None:
    several = airquery.connect(registry=registry_of(server), settings=settings)
    single = "words" if name in EMBEDDING else "vectors"
    one = airquery.connect(
        registry=airquery.Registry.from_mapping({single: server.endpoint(single, "completions")}),
        settings=settings,
    )

    with pytest.raises(airquery.AirqueryError, match=f"{name} names no endpoint") as caught:
        airquery.run(one, call(name))

    assert f"AIRQUERY_FUNCTION_{name.upper()}" in str(caught.value)
    if name in EMBEDDING:
        assert airquery.run(several, call(name)).stats.sent == 1
    else:
        with pytest.raises(airquery.AirqueryError, match=f"{name} names no endpoint"):
            airquery.run(several, call(name))
    several.close()
    one.close()


@pytest.mark.parametrize("name", sorted(functions()))
def test_an_argument_that_there_is_not_is_refused_by_name(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        airquery.run(connection, call(name, ", nonsense => 1"))

    assert f"{name}: it has no argument 'nonsense'." in str(caught.value)


def test_the_mode_of_a_plan_is_no_argument_of_a_user(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(airquery.AirqueryError, match=f"no argument '{MODE}'"):
        airquery.run(connection, call("ai_gen", f", endpoint => 'llm', {MODE} => 'later'"))


def test_the_columns_of_a_table_may_be_named_like_arguments(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run = airquery.run(
        connection,
        "SELECT ai_summarize(content, endpoint => 'llm') AS r"
        f" FROM (VALUES ('x', 1, 2, 3)) AS v(content, request, call, {MODE})",
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": "x"}]


def test_a_further_cursor_knows_the_functions_once_it_is_registered(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    cursor = connection.cursor()
    with pytest.raises(duckdb.CatalogException):
        cursor.sql(call("ai_gen", ", endpoint => 'llm'"))

    airquery.register(cursor)

    assert cursor.sql(call("ai_gen", ", endpoint => 'llm'")).fetchall() == [("x",)]
