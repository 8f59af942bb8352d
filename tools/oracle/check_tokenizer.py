"""Checks that transformers reads a tokenizer directory of Longbow as Longbow does: same ids, same text back.

Usage: check_tokenizer.py DIR LONGBOW    (LONGBOW: the command; DIR: what `longbow train-tokenizer --out` wrote)
Needs transformers and sentencepiece. A literal U+2581 is left out: transformers takes it for a space, Longbow keeps it.
"""

import json
import random
import subprocess
import sys

from transformers import AutoTokenizer

TEXTS = [
    "", "hello", "Hello, world!", " leading", "trailing ", "two  spaces   three", "line\nline\n\nline\r\n", "\t\ttabs\n", "1234567890 3.14 1e-9",
    "<s>", "<s><|user|>\nWhat is 12 + 30?<|end|>\n<|assistant|>\n", "a<|end|>b<|end|><|end|>", "<|end", "<unk></s>", "caf\u00e9 na\u00efve \u0153uvre",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0", "\U0001f600\U0001f469\u200d\U0001f467", "\u00a0no-break\u2003em", "aaaaaaaaaaaaaaaa", "-----====-----", "(((())))",
    "the cat sat on the mat; a genus of trees of the family Rosaceae", "x = {'a': [1, 2]}\n    return x\n", "\u0000nul",
]


def main() -> None:
    directory, command = sys.argv[1:3]
    rng = random.Random(0)
    words = " ".join(TEXTS).split(" ")
    texts = TEXTS + [" ".join(rng.choices(words, k=rng.randint(1, 40))) for _ in range(300)]
    texts += ["".join(rng.choices("abcdeinorst  \n.,", k=rng.randint(1, 200))) for _ in range(300)]
    lines = "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))
    output = subprocess.run([command, "tokenize", "--model", directory, "-"], input=lines, capture_output=True, text=True, check=True).stdout
    ours = [json.loads(line)["tokens"] for line in output.splitlines()]
    theirs = AutoTokenizer.from_pretrained(directory)
    bad = 0
    for text, tokens in zip(texts, ours, strict=True):
        expected = theirs.encode(text, add_special_tokens=False)
        decoded = theirs.decode(tokens, skip_special_tokens=False)
        if tokens != expected or decoded != text:
            bad += 1
            print(f"differs: {text!r}\n  longbow      {tokens}\n  transformers {expected}\n  decoded      {decoded!r}")
    prompt = theirs.apply_chat_template([{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False)
    assert prompt == "<s><|user|>\nHi<|end|>\n<|assistant|>\n", prompt
    print(f"{len(texts) - bad} of {len(texts)} texts agree")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
