"""Label the tokens of texts by a BERT model: a program of its own, run by its path.

The first line of JSON on stdin names the model's folder; every further one is a list of texts, and
is answered by one line on stdout: for each text its tokens, `[start, end, word, label, score]`. It
computes with one thread and ends when stdin does. A text that is longer than the model can read is
read in windows that overlap: no token is left out. It imports nothing of airquery, so that starting
it costs the libraries' imports only.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


# What the model was made for, less the two tokens that stand around every text.
LONGEST_WINDOW: Final = 510
OVERLAP: Final = 128
# Memory grows with the tokens that are computed at once.
_TOKENS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The tokens from `start` to `end`, of which those from `first` to `last` are asked about.

    The others are only there to be read: what stands at a cut has too little beside it.
    """

    start: int
    end: int
    first: int
    last: int


def windows(count: int) -> Iterator[Window]:
    """Yield the windows over `count` tokens. Each token is asked about in one of them."""
    start = first = 0
    while start + LONGEST_WINDOW < count:
        following = start + LONGEST_WINDOW - OVERLAP
        last = following + OVERLAP // 2
        yield Window(start=start, end=start + LONGEST_WINDOW, first=first, last=last)
        start, first = following, last
    if count:
        yield Window(start=start, end=count, first=first, last=count)


class Model:
    """The loaded model."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 - the package has no types
        from tokenizers import Tokenizer  # noqa: PLC0415 - tests import the windows alone

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # What stands around every text; where a text itself says so, it is text.
        self._around = self._tokenizer.encode("").ids
        self._tokenizer.encode_special_tokens = True
        named = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        self._labels = [named[str(number)] for number in range(len(named))]

    def label(self, texts: Sequence[str]) -> list[list[tuple[int, int, int | None, str, float]]]:
        """Return the tokens of each text, in their order: where, of which word, what, how sure."""
        encoded = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        labels: list[list[tuple[str, float]]] = [[("O", 0.0)] * len(each.ids) for each in encoded]
        asked = [(text, one) for text, each in enumerate(encoded) for one in windows(len(each.ids))]
        for group in _groups(asked):
            ids = [encoded[text].ids[one.start : one.end] for text, one in group]
            for (text, one), found in zip(group, self._predict(ids), strict=True):
                kept = found[one.first - one.start : one.last - one.start]
                labels[text][one.first : one.last] = kept
        return [
            [
                (start, end, word, *label)
                for (start, end), word, label in zip(
                    each.offsets, each.word_ids, labels[text], strict=True
                )
            ]
            for text, each in enumerate(encoded)
        ]

    def _predict(self, windows_: Sequence[Sequence[int]]) -> Iterator[list[tuple[str, float]]]:
        import numpy as np  # noqa: PLC0415 - tests import the windows alone

        first, last = self._around
        shape = (len(windows_), 2 + max(map(len, windows_)))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, window in enumerate(windows_):
            ids[row, : len(window) + 2] = [first, *window, last]
            mask[row, : len(window) + 2] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        [logits] = self._session.run(None, inputs)
        for row, window in enumerate(windows_):
            yield self._best(logits[row, 1 : len(window) + 1])

    def _best(self, logits: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return the likeliest label of each token, and how likely it is."""
        import numpy as np  # noqa: PLC0415 - tests import the windows alone

        best = logits.argmax(-1)
        likely = 1 / np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)
        return [
            (self._labels[number], round(float(score), 4))
            for number, score in zip(best, likely, strict=True)
        ]


def _groups(asked: Sequence[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
    """Put windows of about one length together, as many as may be computed at once."""
    group: list[tuple[int, Window]] = []
    for text, one in sorted(asked, key=lambda each: each[1].end - each[1].start):
        if (len(group) + 1) * (one.end - one.start + 2) > _TOKENS_AT_ONCE and group:
            yield group
            group = []
        group.append((text, one))
    if group:
        yield group


def main() -> None:
    """Answer line by line until stdin ends."""
    model = Model(Path(json.loads(sys.stdin.buffer.readline())["path"]))
    _say({"ready": True})
    for line in sys.stdin.buffer:
        _say(model.label(json.loads(line)))


def _say(message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
