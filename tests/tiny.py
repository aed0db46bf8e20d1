"""Tiny real models with random weights and a real (byte-level BPE) tokenizer, made in a second."""

from pathlib import Path

CORPUS = [
    "The quick brown fox jumps over the lazy dog. The answer is 42.",
    "Question: how many apples? Answer: 3 + 4 = 7. So the answer is (a) yes.",
    "premise hypothesis entailment neutral contradiction true false label rationale explain",
]
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(folder: Path, *, end: str = "<|im_end|>") -> int:
    """Save a trained tokenizer in `folder`; returns its vocabulary size."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        CORPUS * 4, vocab_size=320, special_tokens=["<|pad|>", "<|im_start|>", end]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        eos_token=end,
        pad_token="<|pad|>",
        bos_token="<|im_start|>",
    )
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def make_decoder(folder: Path, *, seed: int = 0) -> Path:
    """A Llama of two layers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    vocabulary = make_tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def make_t5(folder: Path, *, seed: int = 0) -> Path:
    """A T5 v1.1 of two layers."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    vocabulary = make_tokenizer(folder)
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=vocabulary,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=2,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def make_bert(folder: Path, *, seed: int = 0) -> Path:
    """A BERT of two layers, for the mean-pooling embedder."""
    import torch
    from transformers import BertConfig, BertModel

    vocabulary = make_tokenizer(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        pad_token_id=0,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def make_all(folder: Path) -> None:
    make_decoder(folder / "decoder")
    make_t5(folder / "t5")
    make_bert(folder / "bert")
