// How builders and gates count a prompt's tokens: exactly, by the training tokenizer and its chat template. A word's count is
// remembered from one prompt to the next, because a builder counts a long text several times and most of its words are old.
#pragma once

#include <string>

#include "data/tasks/task_builder.h"

namespace longbow::data {

/// By the recipe's rule: tokens of the templated prompt by the tokenizer of a folder, or bytes / chars_per_token where that is empty.
/// Thread-safe. Throws UserError for a folder without a tokenizer or template. Cost: some 100 MB/s where words stand apart
/// (Tokenizer::words_apart), else the tokenizer's own pace. Memory: 8 MB a thread.
TokenCounter make_token_counter(const std::string& tokenizer_dir, double chars_per_token);

/// Whether `tokenizer_dir` holds a tokenizer.
bool has_tokenizer(const std::string& tokenizer_dir);
/// Of the files that decide how a prompt is counted: vocabulary, settings, chat template.
std::string tokenizer_digest(const std::string& tokenizer_dir);

}  // namespace longbow::data
