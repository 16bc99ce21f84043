"""The report of one run, or of one of its tasks."""

from __future__ import annotations

from fastapi import APIRouter


router = APIRouter()
