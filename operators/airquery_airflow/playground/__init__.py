"""Ask endpoints by hand, from a page: what is asked, as SQL and as code, and what came back.

Start at `question.py`. Nothing in here knows HTML; the pages are in `airquery_airflow.ui`.
"""

from __future__ import annotations
