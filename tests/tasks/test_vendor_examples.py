"""The examples that Databricks prints for its functions, run as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest


if TYPE_CHECKING:
    from tests.tasks.conftest import Ways


MAIL = "John Doe lives in New York. His email is john.doe@example.com."
ACME = "John Doe lives in New York and works for Acme Corp."
SPARK = (
    "Apache Spark is a unified analytics engine for large-scale data processing. It provides"
    " high-level APIs in several languages."
)
LABEL = {
    "type": "object",
    "properties": {
        "label": {"type": ["string", "null"], "enum": ["urgent", "not urgent", None]},
    },
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("call", "answer", "value", "user"),
    [
        (
            'ai_analyze_sentiment("I am happy")',
            '{"sentiment": "positive"}',
            "positive",
            "I am happy",
        ),
        (
            'ai_classify("My password is leaked.", ARRAY("urgent", "not urgent"))',
            '{"label": "urgent"}',
            "urgent",
            "My password is leaked.",
        ),
        (
            f"ai_extract('{ACME}', array('person', 'location', 'organization'))",
            '{"person": "John Doe", "location": "New York", "organization": "Acme Corp."}',
            {"person": "John Doe", "location": "New York", "organization": "Acme Corp."},
            ACME,
        ),
        (
            "ai_fix_grammar('This sentence have some mistake')",
            "This sentence has some mistakes",
            "This sentence has some mistakes",
            "This sentence have some mistake",
        ),
        (
            "ai_gen('Generate a concise, cheerful email title for a summer bike sale with 20% discount')",
            "Pedal into summer: 20% off!",
            "Pedal into summer: 20% off!",
            "Generate a concise, cheerful email title for a summer bike sale with 20% discount",
        ),
        (
            f"ai_mask('{MAIL}', array('person', 'email'))",
            "[MASKED] lives in New York. His email is [MASKED].",
            "[MASKED] lives in New York. His email is [MASKED].",
            MAIL,
        ),
        (f"ai_summarize('{SPARK}', 20)", "An engine for data.", "An engine for data.", SPARK),
        ('ai_translate("Hello, how are you?", "es")', "Hola", "Hola", "Hello, how are you?"),
    ],
)
def test_an_example_gives_its_value_and_sends_the_text_alone(
    ways: Ways, call: str, answer: str, value: object, user: str
) -> None:
    ways.script.answer = lambda _: answer

    asked = ways.ask(f"SELECT {call} AS r", databricks=True)

    assert asked.values == [value]
    [(system, said)] = asked.messages
    assert (said, user in system) == (user, False)


def test_identical_texts_have_similarity_one_and_are_asked_once(ways: Ways) -> None:
    asked = ways.ask("SELECT ai_similarity('Apache Spark', 'Apache Spark') AS r", databricks=True)

    assert (asked.values, asked.inputs) == ([1.0], ["Apache Spark"])


def test_a_classification_of_version_two_takes_a_map_of_options(ways: Ways) -> None:
    ways.script.answer = lambda _: '{"label": "urgent"}'

    asked = ways.ask(
        """SELECT ai_classify('My password is leaked.', '["urgent", "not urgent"]',
                              MAP('version', '2.0', 'instructions', 'Leaks are urgent.')) AS r""",
        databricks=True,
    )

    assert asked.values == ['{"response":["urgent"],"error_message":null}']
    assert "Leaks are urgent." in asked.messages[0][0]
    assert asked.bodies[0]["response_format"]["json_schema"]["schema"] == LABEL


def test_an_extraction_of_version_two_takes_a_typed_schema(ways: Ways) -> None:
    ways.script.answer = lambda _: '{"invoice_id": "A-7", "total": 12.5, "paid": null}'

    asked = ways.ask(
        """SELECT ai_extract('Invoice A-7 over 12.50',
             '{"invoice_id": {"type": "string"}, "total": {"type": "number"}, "paid": {"type": "boolean"}}',
             MAP('version', '2.1')) AS r""",
        databricks=True,
    )

    assert orjson.loads(asked.values[0]) == {
        "response": {"invoice_id": "A-7", "total": 12.5, "paid": None},
        "error_message": None,
        "metadata": {"version": "2.1"},
    }


def test_a_decision_takes_its_questions_by_id(ways: Ways) -> None:
    ways.script.answer = lambda _: "A"

    asked = ways.ask(
        """SELECT ai_decide('The card was charged twice.',
             '{"team": {"type": "choice", "instructions": "Which team?",
                        "criteria": {"billing": "charges", "support": null}}}',
             MAP('version', '1.0')) AS r""",
        databricks=True,
    )

    assert orjson.loads(asked.values[0])["response"] == {
        "answers": {
            "team": {
                "type": "choice",
                "choice": "billing",
                "probabilities": None,
                "confidence": None,
            }
        }
    }
