"""Make entities of labelled tokens: where one begins, where it ends, and how sure the model is.

A word is what its first piece is. A word goes on with the entity before it if the model says so
(`I-`), or if nothing stands between them: a name such as O'Brien is three words to the tokenizer.
`start` and `end` count characters of the text, as `substring` in SQL does, so `text[start:end]` is
the entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    # Where it starts and ends, the number of its word, its label (B-, I- or O), how likely that is.
    Token = tuple[int, int, int | None, str, float]


class Entity(TypedDict):
    """What one stretch of a text is; `score` is the mean over its words, from 0 to 1."""

    text: str
    label: str
    start: int
    end: int
    score: float


def entities_of(text: str, tokens: Iterable[Token]) -> list[Entity]:
    """Return the entities of a text in their order."""
    found: list[Entity] = []
    scores: list[list[float]] = []
    for start, end, _, tag, score in _words(tokens):
        position, _, label = tag.partition("-")
        if not label:
            continue
        if found and _goes_on(found[-1], label, start, inside=position == "I", text=text):
            found[-1]["end"] = end
            scores[-1].append(score)
        else:
            found.append(Entity(text="", label=label, start=start, end=end, score=0.0))
            scores.append([score])
    for entity, each in zip(found, scores, strict=True):
        entity["text"] = text[entity["start"] : entity["end"]]
        entity["score"] = round(sum(each) / len(each), 4)
    return found


def _goes_on(before: Entity, label: str, start: int, *, inside: bool, text: str) -> bool:
    between = text[before["end"] : start]
    return before["label"] == label and (not between or (inside and between.isspace()))


def _words(tokens: Iterable[Token]) -> Iterator[Token]:
    """Put the pieces of each word together under the label of the first."""
    word: Token | None = None
    for token in tokens:
        if word is not None and token[2] == word[2]:
            word = (word[0], token[1], *word[2:])
            continue
        if word is not None:
            yield word
        word = token
    if word is not None:
        yield word
