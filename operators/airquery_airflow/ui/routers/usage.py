"""The page of what was asked and paid."""

from __future__ import annotations

from fastapi import APIRouter


router = APIRouter()
