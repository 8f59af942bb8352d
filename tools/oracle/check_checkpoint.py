"""Compares a checkpoint's log-probabilities as `longbow logprobs` gives them with those of transformers.

    python3 tools/oracle/check_checkpoint.py build/longbow models/quickstart [--record tests/model/golden/quickstart.json] [text ...]

Prints versions and the largest difference; exits 1 above 1e-3 (float32 on both sides, bfloat16 weights). --record writes what
transformers says, and its versions, for tests/model/golden_test.cc.
"""
import argparse
import json
import subprocess
import sys

import torch
import transformers


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("longbow")
    parser.add_argument("checkpoint")
    parser.add_argument("--record")
    parser.add_argument("texts", nargs="*")
    options = parser.parse_args()
    longbow, checkpoint = options.longbow, options.checkpoint
    texts = options.texts or ["<s><|user|>\nIt was a salmon that Marlow noticed.\n\nQuestion: Who saw a fish?<|end|>\n<|assistant|>\n", "A salmon is a fish. " * 40]
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager").eval()
    sequences = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    lines = "".join(json.dumps({"tokens": tokens}) + "\n" for tokens in sequences)
    answer = subprocess.run([longbow, "logprobs", "--model", checkpoint, "--dtype", "float32", "-"], input=lines, capture_output=True, text=True, check=True)
    worst, rows = 0.0, []
    for tokens, line in zip(sequences, answer.stdout.splitlines()):
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
        expected = torch.log_softmax(logits[:-1].double(), -1).gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]
        actual = torch.tensor(json.loads(line)["logprobs"][1:], dtype=torch.float64)
        worst = max(worst, (expected - actual).abs().max().item())
        rows.append({"tokens": tokens, "logprobs": [None, *expected.tolist()], "last_logits": logits[-1].tolist()})
        print(f"{len(tokens)} tokens: largest difference {(expected - actual).abs().max().item():.2e}")
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, largest difference {worst:.2e}")
    if options.record:
        with open(options.record, "w") as out:
            json.dump({"transformers": transformers.__version__, "torch": torch.__version__, "rows": rows}, out)
    return int(worst > 1e-3)


if __name__ == "__main__":
    sys.exit(main())
