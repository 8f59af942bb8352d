// Lines of any bytes, plain and as gzip: the line reader, the strict JSON parser and the item schema end in values or UserErrors; what
// was parsed is written and parsed again to the same value.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"
#include "data/item.h"
#include "data/sources.h"
#include "tests/fuzz/scratch_file.h"

namespace {

using namespace longbow;

// Numbers beyond a double's precision aside, a written value reads as it was: texts agree after one round.
void check_round_trip(const Json& json) {
  const std::string text = json.dump();
  LONGBOW_CHECK(parse_json(text, "again").dump() == text);
}

void read_lines(const std::string& path) {
  try {
    LineReader reader(path, {.max_line_bytes = 1 << 16});
    for (std::string line;;) {
      try {
        if (!reader.next(line)) return;
      } catch (const UserError&) {
        continue;
      }
      try {
        const Json json = parse_json(line, "line");
        check_round_trip(json);
        data::item_from_verl_row(json, "math");
      } catch (const UserError&) {
      }
      try {
        check_round_trip(data::item_to_json(data::item_from_json(parse_json(line, "line"))));
      } catch (const UserError&) {
      }
    }
  } catch (const UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchFile plain("jsonl_fuzz"), zipped("jsonl_fuzz", ".gz"), packed("jsonl_fuzz", ".zst");
  for (const fuzz::ScratchFile* file : {&plain, &zipped, &packed}) {
    file->write(data, size);
    read_lines(file->path());
  }
  return 0;
}
