"""Makes tests/model/golden: a tiny random SWA-NoPE SmolLM3 checkpoint and what transformers says about it.

    python tools/oracle/model_golden.py tests/model/golden

Each row of logits_and_logprobs.json holds a sequence, its log-probabilities (float32, eager attention) and the logits of its
last position. Lengths stand around the window of 8. transformers itself writes the checkpoint, in its own spelling of config.json.
"""

import json
import pathlib
import sys

import torch
import transformers
from transformers import SmolLM3Config, SmolLM3ForCausalLM

SEED = 20
WINDOW = 8
LENGTHS = [1, WINDOW - 1, WINDOW, WINDOW + 1, 40]


def make_model():
    torch.manual_seed(SEED)
    config = SmolLM3Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True, use_sliding_window=True,
        sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"] * 2, no_rope_layers=[1, 0, 1, 0],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        initializer_range=0.3, attn_implementation="eager",
    )
    model = SmolLM3ForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            parameter.copy_(parameter.to(torch.bfloat16))  # half the file's size, and exact in it
    return model


def sequence_row(model, length):
    tokens = torch.randint(0, model.config.vocab_size, (length,), generator=torch.Generator().manual_seed(SEED + length))
    with torch.no_grad():
        logits = model(tokens[None], use_cache=False).logits[0]
    logprobs = torch.log_softmax(logits, dim=-1)
    chosen = [None] + [logprobs[i - 1, tokens[i]].item() for i in range(1, length)]
    return {"tokens": tokens.tolist(), "logprobs": chosen, "last_logits": logits[-1].tolist()}


def main():
    out = pathlib.Path(sys.argv[1])
    model = make_model()
    rows = [sequence_row(model, length) for length in LENGTHS]
    model.to(torch.bfloat16).save_pretrained(out / "checkpoint")
    made_by = {"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED, "command": "python tools/oracle/model_golden.py tests/model/golden"}
    (out / "logits_and_logprobs.json").write_text(json.dumps({"made_by": made_by, "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
