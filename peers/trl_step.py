"""GRPO steps of TRL on the model that `longbow bench grpo_whole_step` trains, to be held against it: generation, scoring,
backward, optimizer. Nothing else in the repository runs this file; it needs `pip install trl==1.16.0` beside torch (docs/performance.md).

    python peers/trl_step.py --prompt 2048 --completion 64 [--steps 2] [--gradient-checkpointing]

Prints one JSON line: seconds of each step and of its generation, peak memory, versions. Weights are bf16 throughout (the optimizer's
moments too), which is the least that TRL can do here; ours keeps f32 masters.
"""
import argparse
import json
import random
import tempfile
import time

import datasets
import tokenizers
import torch
import transformers
import trl

VOCAB = 8192
WINDOW = 128
GROUP = 8


def make_model():
    """The m105 hybrid of tools/bench_model.h: three sliding layers with rotary embedding, then a full one without."""
    kinds = ["full_attention" if i % 4 == 3 else "sliding_attention" for i in range(8)]
    config = transformers.SmolLM3Config(
        vocab_size=VOCAB, hidden_size=1024, intermediate_size=3072, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=2,
        head_dim=128, max_position_embeddings=1 << 17, tie_word_embeddings=True, use_sliding_window=True, sliding_window=WINDOW,
        layer_types=kinds, no_rope_layers=[0 if kind == "full_attention" else 1 for kind in kinds],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, bos_token_id=0, eos_token_id=1, pad_token_id=0,
        dtype=torch.bfloat16, attn_implementation="sdpa",
    )
    return transformers.SmolLM3ForCausalLM(config).to(torch.bfloat16)


def make_tokenizer():
    """Word t17 is token 17, so that prompts have the length asked for."""
    model = tokenizers.models.WordLevel({f"t{i}": i for i in range(VOCAB)}, unk_token="t0")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="t0", eos_token="t1")


def alternating_rewards(completions, **_):
    return [float(i % 2) for i in range(len(completions))]


class StepClock(transformers.TrainerCallback):
    """Seconds of each step, of the clock and of processors, as the trainer counts steps: its batch's generation is inside."""

    def __init__(self):
        self.seconds, self.cpu_seconds = [], []
        self.start = 0.0, 0.0

    def on_step_begin(self, *_, **__):
        self.start = time.perf_counter(), time.process_time()

    def on_step_end(self, *_, **__):
        self.seconds.append(time.perf_counter() - self.start[0])
        self.cpu_seconds.append(time.process_time() - self.start[1])


def time_generation(model):
    seconds = []
    generate = model.generate

    def timed(*args, **kwargs):
        start = time.perf_counter()
        answer = generate(*args, **kwargs)
        seconds.append(time.perf_counter() - start)
        return answer

    model.generate = timed
    return seconds


def peak_resident_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--completion", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random.seed(1)
    torch.manual_seed(1)
    prompts = [" ".join(f"t{random.randrange(2, VOCAB)}" for _ in range(options.prompt)) for _ in range(options.steps)]
    model, clock = make_model(), StepClock()
    generation = time_generation(model)
    with tempfile.TemporaryDirectory() as folder:
        config = trl.GRPOConfig(
            output_dir=folder, use_cpu=True, bf16=False, max_steps=options.steps, per_device_train_batch_size=GROUP, num_generations=GROUP,
            max_completion_length=options.completion, generation_kwargs={"min_new_tokens": options.completion}, temperature=1.0, beta=0.0,
            learning_rate=1e-6, gradient_checkpointing=options.gradient_checkpointing, save_strategy="no", logging_strategy="no",
            report_to="none", disable_tqdm=True,
        )
        trainer = trl.GRPOTrainer(
            model=model, reward_funcs=alternating_rewards, args=config, train_dataset=datasets.Dataset.from_dict({"prompt": prompts}),
            processing_class=make_tokenizer(), callbacks=[clock],
        )
        trainer.train()
    print(json.dumps({
        "seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds, "generation_seconds": generation,
        "peak_rss_bytes": peak_resident_bytes(), "parameters": sum(p.numel() for p in model.parameters()),
        "prompt": options.prompt, "completion": options.completion, "group": GROUP, "threads": options.threads,
        "gradient_checkpointing": options.gradient_checkpointing,
        "trl": trl.__version__, "transformers": transformers.__version__, "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
