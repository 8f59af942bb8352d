"""Records ratios of Python's difflib, autojunk on, into tests/rewards/sequence_ratio_golden.json.

Usage: sequence_ratio_golden.py OUT    (standard library only; its version is stored in OUT)
Texts are random words, letters of small alphabets, and one another's edits, short of 200 code points and beyond, where autojunk sets in.
"""

import difflib
import json
import platform
import random
import sys

SEED = 20


def edited(rng: random.Random, text: str) -> str:
    characters = list(text)
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(characters) + 1)
        length = rng.randrange(1, 30)
        kind = rng.randrange(3)
        if kind == 0:
            del characters[at : at + length]
        elif kind == 1:
            characters[at:at] = [rng.choice("xyz é日😀") for _ in range(length)]
        else:
            piece = characters[at : at + length]
            del characters[at : at + length]
            at = rng.randrange(len(characters) + 1)
            characters[at:at] = piece
    return "".join(characters)


def texts(rng: random.Random):
    words = ["".join(rng.choice("etaoinshrdlucmfw") for _ in range(rng.randrange(2, 9))) for _ in range(40)]
    for length in (0, 1, 5, 40, 199, 200, 201, 420, 800):
        for alphabet in ("ab", "abcdefgh", None):
            if alphabet:
                yield "".join(rng.choice(alphabet) for _ in range(length))
            else:
                yield " ".join(rng.choice(words) for _ in range(length // 5 + 1))[:length]


def main() -> None:
    rng = random.Random(SEED)
    cases = []
    previous = ""
    for text in texts(rng):
        other = edited(rng, text)
        for a, b in ((text, other), (previous, text)) if len(text) != 199 else ((other, text),):
            cases.append({"a": a, "b": b, "ratio": difflib.SequenceMatcher(None, a, b).ratio()})
        previous = text
    document = {"command": "tools/oracle/sequence_ratio_golden.py", "versions": {"python": platform.python_version()}, "seed": SEED}
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(json.dumps(document)[:-1] + ', "cases": [\n')
        out.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]}\n")


main()
