// WordNet's files of any bytes: the input's first two bytes say how much of the rest is data.noun; what follows is index.noun.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "core/errors.h"
#include "data/corpus/wordnet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longbow;
  namespace fs = std::filesystem;
  static const fs::path dir = [] {
    const fs::path made = fs::temp_directory_path() / concat("wordnet_fuzz", ::getpid());
    fs::create_directories(made);
    for (const char* part : {"data.verb", "data.adj", "data.adv"}) std::ofstream(made / part) << "";
    return made;
  }();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t nouns =
      size < 2 ? size : std::min<std::size_t>(size, 2 + static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]));
  std::ofstream(dir / "data.noun", std::ios::binary)
      << bytes.substr(std::min<std::size_t>(2, size), nouns - std::min<std::size_t>(2, nouns));
  std::ofstream(dir / "index.noun", std::ios::binary) << bytes.substr(nouns);
  for (const bool skip_bad_lines : {false, true}) {
    try {
      const data::WordNet wordnet = data::WordNet::load(dir.string(), skip_bad_lines);
      for (std::size_t i = 0; i < wordnet.synsets().size(); ++i) wordnet.is_a(static_cast<std::int32_t>(i), 0);
    } catch (const UserError&) {
    }
  }
  return 0;
}
