// Corpora of any bytes: as prose, as markup, as rows, as text to decontaminate against and, cut in two where the first two bytes say, as a
// dictionary's index and its articles. Each ends in sentences fit to be read, or in one UserError.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/errors.h"
#include "data/corpus/dictd.h"
#include "data/corpus/sentences.h"
#include "data/corpus/text_source.h"
#include "data/tasks/decontamination.h"
#include "tests/fuzz/scratch_file.h"

namespace {

using namespace longbow;

void check_filler(const std::string& filler) {
  LONGBOW_CHECK(filler.ends_with('.'));
  LONGBOW_CHECK_EQ(data::first_bad_byte(filler), std::string::npos);
}

void check_prose(std::string_view text) {
  std::size_t num_bytes = 0;
  for (const std::string& sentence : data::split_prose(text)) {
    LONGBOW_CHECK(!sentence.empty());
    num_bytes += sentence.size();
    if (const std::string filler = data::filler_from_prose(sentence); !filler.empty()) check_filler(filler);
  }
  LONGBOW_CHECK_LE(num_bytes, text.size());
}

void load(const std::string& path) {
  data::TextSource source;
  source.path = {path};
  source.skip_bad_lines = true;
  try {
    for (const std::string& sentence : data::load_text(source).sentences) check_filler(sentence);
  } catch (const UserError&) {  // too few sentences, mostly
  }
}

void read_dictionary(const fuzz::ScratchFile& index, const fuzz::ScratchFile& articles, const std::uint8_t* data, std::size_t size) {
  const std::size_t cut = size < 2 ? size : std::min<std::size_t>(size, 2 + data[0] + 256u * data[1]);
  index.write(data + std::min<std::size_t>(2, size), cut - std::min<std::size_t>(2, cut));
  articles.write(data + cut, size - cut);
  try {
    data::BadLines bad_lines(true);
    data::read_dictionary(index.path(), 1 << 20, check_prose, bad_lines);
  } catch (const UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchFile prose("corpus_fuzz", ".txt"), markup("corpus_fuzz", ".md"), rows("corpus_fuzz", ".jsonl"),
      index("corpus_fuzz", ".index"), articles("corpus_fuzz", ".dict");
  for (const fuzz::ScratchFile* file : {&prose, &markup, &rows}) {
    file->write(data, size);
    load(file->path());
  }
  try {
    const data::NgramIndex runs({prose.path()});
    runs.shared_with({reinterpret_cast<const char*>(data), size});
  } catch (const UserError&) {
  }
  read_dictionary(index, articles, data, size);
  return 0;
}
