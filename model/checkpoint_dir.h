// A checkpoint as a directory in Hugging Face's layout, complete enough that transformers loads it.
#pragma once

#include <string>

#include "model/config.h"
#include "model/weights.h"

namespace longbow::model {

/// Writes config.json, generation_config.json and model.safetensors into `dir` (made when missing) and copies the tokenizer's
/// files (tokenizer.*, vocabulary, merges, chat template) that `tokenizer_source_dir` holds; empty: none are copied.
/// Each file is replaced atomically, the weights last. Throws UserError when a file cannot be written.
void save_checkpoint_dir(const std::string& dir, const ModelConfig& config, const ParameterLayout& layout, const Weights& weights,
                         kernels::DType dtype, const std::string& tokenizer_source_dir);

}  // namespace longbow::model
