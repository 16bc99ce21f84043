"""Write a BERT embedding model as a q8_0 GGUF file, from its safetensors.

The words keep their ids, and a text becomes the same ids as under the model's own tokenizer.
Two-dimensional weights are quantised; position and token-type embeddings, norms and biases stay
exact.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import gguf


# The marks of the GGUF vocabulary: a piece that starts a word has it, one that continues has none.
_WORD_START: Final = "\u2581"
_CONTINUES: Final = "##"
_CONTROL: Final = frozenset({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
_UNUSED: Final = re.compile(r"\[unused\d+\]")

# Of the model, but not of the embedding: the pooler serves next-sentence prediction.
_NOT_USED: Final = frozenset(
    {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
)
_EXACT: Final = frozenset({"position_embd.weight", "token_types.weight"})


def write_gguf(source_dir: Path, target: Path) -> None:
    """Convert the model in `source_dir` (config, tokenizer, weights) to the file `target`."""
    import gguf  # noqa: PLC0415 - optional package

    config = json.loads((source_dir / "config.json").read_bytes())
    tokenizer = json.loads((source_dir / "tokenizer.json").read_bytes())
    with closing(gguf.GGUFWriter(target, "bert")) as writer:
        _add_settings(writer, config)
        _add_vocabulary(writer, tokenizer["model"]["vocab"])
        _add_tensors(writer, source_dir / "model.safetensors", blocks=config["num_hidden_layers"])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()


def _add_settings(writer: gguf.GGUFWriter, config: Mapping[str, Any]) -> None:
    import gguf  # noqa: PLC0415 - optional package

    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_description("Converted from safetensors and quantised to q8_0 by airquery.")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_vocabulary(writer: gguf.GGUFWriter, ids: Mapping[str, int]) -> None:
    pieces = sorted(ids, key=ids.__getitem__)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece_text(piece) for piece in pieces])
    writer.add_token_types([_piece_type(piece) for piece in pieces])
    writer.add_bos_token_id(ids["[CLS]"])
    writer.add_eos_token_id(ids["[SEP]"])
    writer.add_sep_token_id(ids["[SEP]"])
    writer.add_unk_token_id(ids["[UNK]"])
    writer.add_pad_token_id(ids["[PAD]"])
    writer.add_mask_token_id(ids["[MASK]"])


def piece_text(piece: str) -> str:
    """Spell a WordPiece the GGUF way: `##ing` is `ing`, `walk` has the mark of a word's start."""
    if piece in _CONTROL or _UNUSED.fullmatch(piece):
        return piece
    if piece.startswith(_CONTINUES) and piece != _CONTINUES:
        return piece.removeprefix(_CONTINUES)
    return _WORD_START + piece


def _piece_type(piece: str) -> gguf.TokenType:
    import gguf  # noqa: PLC0415 - optional package

    if piece in _CONTROL:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.UNUSED if _UNUSED.fullmatch(piece) else gguf.TokenType.NORMAL


def _add_tensors(writer: gguf.GGUFWriter, weights: Path, *, blocks: int) -> None:
    import gguf  # noqa: PLC0415 - optional package
    from safetensors.numpy import load_file  # noqa: PLC0415 - optional package

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, blocks)
    for source_name, tensor in load_file(weights).items():
        source = source_name.removeprefix("bert.")
        if source in _NOT_USED:
            continue
        name = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ValueError(f"The tensor {source_name!r} has no place in a BERT GGUF file.")
        if tensor.ndim == 1 or name in _EXACT:
            writer.add_tensor(name, tensor.astype("float32"))
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quantize(tensor, kind), raw_dtype=kind)
