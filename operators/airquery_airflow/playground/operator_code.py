"""Write a statement as the task of a DAG that asks the same."""

from __future__ import annotations


# What Airflow would render as a template.
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def operator_code(sql: str) -> str:
    """Return Python that makes the task; it runs as it stands in a DAG."""
    text = _python(sql)
    rendered = any(mark in sql for mark in _TEMPLATE_MARKS)
    names = ["from airquery_airflow import AIQueryOperator"]
    if rendered:
        names.insert(0, "from airflow.sdk import literal")
        text = f"literal({text})"
    return "\n".join(
        (
            *names,
            "",
            "answers = AIQueryOperator(",
            '    task_id="answers",',
            '    table="playground.answers",',
            f"    sql={text},",
            ")",
        )
    )


def _python(text: str) -> str:
    """Write a text as a literal of Python, readable where that is the same text."""
    plain = all(sign.isprintable() or sign == "\n" for sign in text)
    if '"""' in text or "\\" in text or not plain or text.endswith('"'):
        return repr(text)
    return f'"""{text}"""'
