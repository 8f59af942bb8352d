// A data set on disk: JSONL files of items, and manifest.json beside them, which says how they were made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "data/bad_lines.h"
#include "data/item.h"

namespace longbow::data {

inline constexpr const char* kManifestName = "manifest.json";

/// One item a line, blank lines aside. `where` is FILE:LINE. Throws UserError naming it for a line that is no item, and for a file without.
/// With `bad_lines` it is their say whether a line that is no item stops the reading.
void for_each_item(const std::string& path, BadLines& bad_lines, const std::function<void(Item item, const std::string& where)>& visit);
void for_each_item(const std::string& path, const std::function<void(Item item, const std::string& where)>& visit);
std::vector<Item> read_items(const std::string& path);

/// The lines of a file, ready to be written.
std::string items_to_jsonl(const std::vector<Item>& items);

/// Whether a file of this name holds items: *.jsonl, *.jsonl.gz or *.jsonl.zst. What a build that was killed left behind does not.
bool is_data_file(std::string_view name);

/// The data files of a built data set, relative to `dir`: those its manifest lists, else every *.jsonl (.gz, .zst) in `dir` and in
/// `dir`/heldout. Throws UserError when there are none.
std::vector<std::string> dataset_files(const std::string& dir);

/// DIR/manifest.json, or null when there is none.
Json read_manifest(const std::string& dir);

/// Of bytes, or of a file's, as the manifest states it: 16 hexadecimal digits.
std::string digest_text(std::uint64_t hash);
std::string bytes_digest(std::string_view bytes);
std::string file_digest(const std::string& path);

}  // namespace longbow::data
