// Every subcommand of `longbow`: one file each registers itself here and runs as a CLI11 callback.
#pragma once

namespace CLI {
class App;
}

namespace longbow::tools {

void add_data_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);
void add_train_tokenizer_command(CLI::App& app);
void add_pretrain_command(CLI::App& app);
void add_sft_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_learner_command(CLI::App& app);
void add_rollout_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_score_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_logprobs_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_report_command(CLI::App& app);

}  // namespace longbow::tools
