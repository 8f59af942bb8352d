#include "data/dataset.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/line_reader.h"
#include "data/qa/row.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

// A path of a manifest is data from outside: it must stay inside the data set's folder.
void require_inside(const std::string& file, const std::string& dir) {
  const fs::path path(file);
  const bool leaves = path.is_absolute() || std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  if (file.empty() || leaves)
    throw UserError(concat("manifest: expected a file inside the data set, got \"", file, "\" (", dir, "/", kManifestName, ")"));
}

std::vector<std::string> listed_files(const Json& manifest, const std::string& dir) {
  std::vector<std::string> files;
  try {
    for (const Json& entry : manifest.at("files").as_array()) files.push_back(entry.at("file").as_string());
  } catch (const UserError& error) {
    throw UserError(concat("manifest: ", error.what(), " (", dir, "/", kManifestName, ")"));
  }
  for (const std::string& file : files) require_inside(file, dir);
  return files;
}

}  // namespace

void for_each_item(const std::string& path, BadLines& bad_lines, const std::function<void(Item item, const std::string& where)>& visit) {
  LineReader reader(path);
  bool is_empty = true;
  std::optional<Item> item;
  const auto take = [&](const std::string& line) {
    item.reset();
    if (line.find_first_not_of(" \t") != std::string::npos) item = item_from_json(parse_row(line));
  };
  while (next_good_line(reader, bad_lines, take)) {
    if (!item) continue;
    visit(std::move(*item), reader.where());
    is_empty = false;
  }
  if (is_empty) throw UserError(concat("data set: expected at least one item, got none (", path, ")"));
}

void for_each_item(const std::string& path, const std::function<void(Item item, const std::string& where)>& visit) {
  BadLines none_allowed(false);
  for_each_item(path, none_allowed, visit);
}

std::vector<Item> read_items(const std::string& path) {
  std::vector<Item> items;
  for_each_item(path, [&](Item item, const std::string&) { items.push_back(std::move(item)); });
  return items;
}

std::string items_to_jsonl(const std::vector<Item>& items) {
  std::string lines;
  for (const Item& item : items) lines += item_to_json(item).dump() + "\n";
  return lines;
}

bool is_data_file(std::string_view name) {
  const auto ends_with = [&](std::string_view tail) { return name.size() > tail.size() && name.ends_with(tail); };
  return ends_with(".jsonl") || ends_with(".jsonl.gz") || ends_with(".jsonl.zst");
}

std::vector<std::string> dataset_files(const std::string& dir) {
  if (!fs::is_directory(dir))
    throw UserError(concat("data set: expected a folder, got ", fs::exists(dir) ? "a file" : "nothing", " (", dir, ")"));
  std::vector<std::string> files;
  if (const Json manifest = read_manifest(dir); !manifest.is_null()) {
    files = listed_files(manifest, dir);
  } else {
    for (const fs::path& folder : {fs::path(dir), fs::path(dir) / "heldout"}) {
      if (!fs::is_directory(folder)) continue;
      for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.is_regular_file() && is_data_file(entry.path().filename().string()))
          files.push_back(fs::relative(entry.path(), dir).string());
      }
    }
    std::sort(files.begin(), files.end());
  }
  if (files.empty()) throw UserError(concat("data set: expected .jsonl files, got none (", dir, ")"));
  return files;
}

Json read_manifest(const std::string& dir) {
  const std::string path = (fs::path(dir) / kManifestName).string();
  return fs::exists(path) ? read_json_file(path) : Json();
}

std::string digest_text(std::uint64_t hash) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kHex[(hash >> shift) & 15];
  return text;
}

std::string bytes_digest(std::string_view bytes) { return digest_text(hash64(bytes)); }

std::string file_digest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(concat("data set: expected a readable file, got none (", path, ")"));
  std::vector<char> block(1 << 20);
  Hash64 hash;
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
    hash.add({block.data(), static_cast<std::size_t>(file.gcount())});
  return digest_text(hash.value());
}

}  // namespace longbow::data
