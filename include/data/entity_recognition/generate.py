"""Write `messages.jsonl`: short messages, and where in each of them a person or a place is named.

Most are made from `templates.txt` and `values.json`, so what is true of them is known and not
judged. Some are reviews as customers wrote them, read from the data of `product_reviews` and
labelled by hand. The same seed writes the same file:
`python include/data/entity_recognition/generate.py`.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Final


HERE: Final = Path(__file__).parent
REVIEWS: Final = HERE.parent / "product_reviews" / "amazonReviewSnippets_GroundTruth.txt"
DAYS: Final = ("2026-10-01", "2026-10-02", "2026-10-03")

# Labelled by hand: everything that names a person, or an address of any kind. A brand is neither.
REVIEWS_OF_DAYS: Final = (
    {3: (), 12: (), 22: (("bart", "GIVEN_NAME"),), 26: ()},
    {49: (), 52: (("www.apexdigitalinc.com", "URL"),), 79: (), 182: ()},
    {
        43: (),
        80: (("isacc", "GIVEN_NAME"), ("fisher", "SURNAME")),
        189: (),
        196: (("www.crazycellphone.com", "URL"),),
    },
)
# {LABEL}, or {LABEL=value} for what belongs to the template.
HOLE: Final = re.compile(r"\{([A-Z_]+)(?:=([^}]+))?\}")


def main() -> None:
    """Write the file."""
    (HERE / "messages.jsonl").write_text(messages(), encoding="utf-8")


def messages() -> str:
    """Return the lines of the file."""
    templates = (HERE / "templates.txt").read_text(encoding="utf-8").strip().split("\n\n")
    fill = Filler()
    known = _reviews()
    lines: list[str] = []
    for day, labelled in zip(DAYS, REVIEWS_OF_DAYS, strict=True):
        made = [("template", *fill.in_(template)) for template in templates]
        # Longer than a BERT model can read at once.
        long = "\n\n".join(fill.chance.sample(templates, len(templates)) * 2)
        made.append(("template", *fill.in_(long)))
        for review, entities in labelled.items():
            made.append(("review", known[review], [_named(known[review], *e) for e in entities]))
        fill.chance.shuffle(made)
        for origin, text, true in made:
            message = {
                "id": len(lines) + 1,
                "written_on": day,
                "origin": origin,
                "text": text,
                "entities": true,
            }
            lines.append(json.dumps(message, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


class Filler:
    """Puts values by chance into templates, and remembers where each stands."""

    def __init__(self) -> None:
        known = json.loads((HERE / "values.json").read_text(encoding="utf-8"))
        self.chance = random.Random(20261001)  # noqa: S311 - the same file every time
        self._values: dict[str, list[str]] = known["values"]
        self._places: list[dict[str, str]] = known["places"]
        self._patterns: dict[str, list[str]] = known["patterns"]

    def in_(self, template: str) -> tuple[str, list[dict[str, object]]]:
        """Return the text and its entities. All of a text is in one town."""
        text, entities, done = "", [], 0
        place = self.chance.choice(self._places)
        for hole in HOLE.finditer(template):
            label = hole[1]
            text += template[done : hole.start()]
            value = hole[2] or place.get(label) or self._value(label)
            entities.append(_entity(value, label, len(text)))
            text += value
            done = hole.end()
        return text + template[done:], entities

    def _value(self, label: str) -> str:
        if label in self._values:
            return self.chance.choice(self._values[label])
        pattern = self.chance.choice(self._patterns[label])
        digits = re.sub("#", lambda _: self.chance.choice("123456789"), pattern)
        return re.sub(r"\?", lambda _: self.chance.choice("ABCDEFGHKLMNPRSTX"), digits)


def _named(text: str, value: str, label: str) -> dict[str, object]:
    return _entity(value, label, text.index(value))


def _entity(value: str, label: str, start: int) -> dict[str, object]:
    return {"text": value, "label": label, "start": start, "end": start + len(value)}


def _reviews() -> dict[int, str]:
    """Return each review as its sentences by their number."""
    sentences: dict[int, dict[int, str]] = {}
    for line in REVIEWS.read_text(encoding="ascii").splitlines():
        id_, _, text = line.split("\t")
        review, number = map(int, id_.split("_"))
        sentences.setdefault(review, {})[number] = text
    return {
        review: " ".join(text for _, text in sorted(numbered.items()))
        for review, numbered in sentences.items()
    }


if __name__ == "__main__":
    main()
