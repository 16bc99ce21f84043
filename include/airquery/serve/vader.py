"""Score texts by the VADER lexicon: one prediction per text, in their order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, TypedDict


if TYPE_CHECKING:
    from collections.abc import Sequence


Sentiment = Literal["Positive", "Neutral", "Negative"]

# The thresholds that the lexicon's authors recommend.
_POSITIVE: Final = 0.05
_NEGATIVE: Final = -0.05


class Prediction(TypedDict):
    """What the lexicon says of one text; `compound` is between -1 and 1."""

    compound: float
    sentiment: Sentiment


def sentiment_of(compound: float) -> Sentiment:
    """Return the label of a compound score."""
    if compound >= _POSITIVE:
        return "Positive"
    return "Negative" if compound <= _NEGATIVE else "Neutral"


class Lexicon:
    """The loaded lexicon. Safe to use from several threads."""

    alive = True

    def __init__(self) -> None:
        # An optional package, and one without types.
        from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # noqa: PLC0415
            SentimentIntensityAnalyzer,
        )

        self._analyzer = SentimentIntensityAnalyzer()

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Score texts."""
        scores = (float(self._analyzer.polarity_scores(text)["compound"]) for text in texts)
        return [Prediction(compound=score, sentiment=sentiment_of(score)) for score in scores]

    async def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """Score texts beside whatever else the server does."""
        return await asyncio.to_thread(self.predict, texts)

    async def close(self) -> None:
        """End nothing: the lexicon lives in this process."""
