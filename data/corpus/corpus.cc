#include "data/corpus/corpus.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/random.h"

namespace longbow::data {
namespace {

constexpr int kPeopleTopic = 18;         // lexnames(5): noun.person
constexpr std::uint64_t kHeldoutIn = 5;  // one name in five is held out

// WordNet knows 226 kinds of fish and not which of them a child knows; this list does, and the graph has the last word:
// a member that is no kind of its category's synset is refused. `lemma` and `topic` pick the synset.
struct CategorySource {
  const char* word;
  const char* lemma;
  int topic;
  const char* members;
};
constexpr CategorySource kSources[] = {
    {"fish", "fish", 5, "salmon trout shark tuna herring cod eel carp pike perch halibut mackerel"},
    {"bird", "bird", 5, "sparrow robin eagle owl hawk pigeon parrot crow swan falcon vulture goose"},
    {"tree", "tree", 20, "oak pine elm maple birch willow cedar spruce poplar fir larch beech"},
    {"tool", "tool", 6, "hammer chisel shovel rake plow drill wrench pliers hoe awl screwdriver sickle"},
    {"garment", "garment", 6, "coat shirt skirt jacket sweater vest robe scarf overcoat blouse cardigan cloak parka"},
    {"vehicle", "vehicle", 6, "truck car bicycle wagon taxi tractor bus ambulance tricycle motorcycle jeep sled"},
    {"insect", "insect", 5, "bee ant moth beetle mosquito butterfly wasp cricket locust termite grasshopper cockroach"},
    {"flower", "flower", 20, "daisy orchid poppy begonia peony marigold zinnia aster carnation sunflower chrysanthemum gardenia"},
    {"instrument", "musical_instrument", 6, "piano guitar violin flute trumpet harp cello drum banjo clarinet oboe accordion"},
    {"dance", "dancing", 4, "waltz tango ballet polka minuet foxtrot rumba mambo gavotte samba fandango hornpipe"},
    {"vegetable", "vegetable", 13, "potato carrot onion cabbage pea tomato spinach turnip celery broccoli lettuce eggplant"},
    {"reptile", "reptile", 5, "lizard snake turtle crocodile python cobra alligator tortoise iguana gecko viper rattlesnake"},
    {"fruit", "edible_fruit", 13, "apple banana pear orange lemon peach plum grape mango cherry melon apricot"},
    {"building", "building", 6, "hotel barn theater chapel hospital cathedral cottage stable tavern library temple school"},
    {"dog", "dog", 5, "terrier poodle beagle collie spaniel greyhound dachshund corgi hound puppy pug basset"},
    {"weapon", "weapon", 6, "sword rifle pistol spear dagger cannon lance revolver bayonet bow shotgun musket"},
    {"shoe", "shoe", 6, "sandal sneaker moccasin clog loafer oxford brogan sabot wedgie anklet"},
    {"boat", "boat", 6, "canoe kayak barge gondola skiff dinghy tugs coracle ferry pirogue trawler launch"},
    {"hat", "hat", 6, "bonnet fedora sombrero derby boater homburg sunbonnet stetson busby toque"},
    {"gem", "gem", 27, "agate amethyst garnet opal topaz sapphire ruby emerald jasper onyx moonstone turquoise"},
};

std::vector<Category> build_categories(const WordNet& wordnet) {
  std::vector<Category> categories;
  for (const CategorySource& source : kSources) {
    Category category;
    category.word = source.word;
    category.synset = -1;
    for (const std::int32_t sense : wordnet.noun_senses(source.lemma)) {
      if (category.synset < 0 && wordnet.synsets()[sense].topic == source.topic) category.synset = sense;
    }
    if (category.synset < 0) {
      throw UserError(concat("WordNet: expected a sense of \"", source.lemma, "\" in topic ", source.topic, ", got none (index.noun)"));
    }
    std::istringstream members(source.members);
    for (std::string member; members >> member;) {
      const bool gives_itself_away = member.find(category.word) != std::string::npos;
      if (!gives_itself_away && wordnet.any_sense_is_a(member, category.synset)) category.members.push_back(member);
    }
    categories.push_back(std::move(category));
  }
  return categories;
}

// People one would rather not meet in an exercise.
constexpr std::string_view kAvoidedNames[] = {"Hitler",  "Himmler",  "Goebbels", "Goering",  "Eichmann", "Stalin", "Allah",
                                              "Jesus",   "Christ",   "Jehovah",  "Mohammed", "Muhammad", "Buddha", "Yahweh",
                                              "Mahomet", "Khomeini", "Putin",    "Saddam",   "Arafat",   "Lenin"};
bool is_name(const std::string& word) {
  if (word.size() < 4 || word.size() > 8 || !std::isupper(static_cast<unsigned char>(word[0]))) return false;
  return std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

std::set<std::string> person_names(const WordNet& wordnet) {
  std::set<std::string> names;
  for (const WordNet::Synset& synset : wordnet.synsets()) {
    if (synset.topic != kPeopleTopic || !synset.is_instance) continue;
    for (const std::string& word : synset.words) {
      std::string lower = word;
      if (!is_name(word) || std::find(std::begin(kAvoidedNames), std::end(kAvoidedNames), word) != std::end(kAvoidedNames)) continue;
      lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
      if (!wordnet.is_common_word(lower)) names.insert(word);
    }
  }
  return names;
}

// One sentence of filler from a definition, or nothing: leading labels such as "(music)" go, and so does all that could be
// taken for an entity, a number or the end of a sentence.
std::string filler_sentence(std::string_view definition) {
  constexpr std::size_t kMinBytes = 16, kMaxBytes = 160;
  if (!definition.empty() && definition.front() == '(') {
    const std::size_t close = definition.find(')');
    definition = close == std::string_view::npos ? "" : definition.substr(close + 1);
  }
  while (!definition.empty() && definition.front() == ' ') definition.remove_prefix(1);
  if (definition.size() < kMinBytes || definition.size() > kMaxBytes) return "";
  for (const char c : definition) {
    if (!((c >= 'a' && c <= 'z') || std::string_view(" ,;'()-").find(c) != std::string_view::npos)) return "";
  }
  if (is_unpleasant(definition)) return "";
  std::string sentence(definition);
  if (sentence[0] < 'a') return "";
  sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  return sentence + ".";
}

}  // namespace

std::uint64_t Corpus::digest() const {
  std::string all;
  for (const auto* list : {&train_names_, &heldout_names_, &filler_}) {
    for (const std::string& one : *list) all += one + '\n';
  }
  for (const Category& category : categories_) {
    all += category.word + ':';
    for (const std::string& member : category.members) all += member + '\n';
  }
  return hash64(all);
}

Split split_of(std::string_view name) { return stable_hash(name) % kHeldoutIn == 0 ? Split::heldout : Split::train; }

std::string_view name_of(Split split) { return split == Split::train ? "train" : "heldout"; }

std::string_view article(std::string_view noun) {
  return !noun.empty() && std::string_view("aeiou").find(noun.front()) != std::string_view::npos ? "an" : "a";
}

Corpus::Corpus(WordNet wordnet, TextCollection text)
    : wordnet_(std::move(wordnet)), categories_(build_categories(wordnet_)), filler_(std::move(text.sentences)) {
  for (const std::string& name : person_names(wordnet_)) {
    (split_of(name) == Split::train ? train_names_ : heldout_names_).push_back(name);
  }
  if (!filler_.empty()) return;
  std::unordered_set<std::string_view> seen;
  for (const WordNet::Synset& synset : wordnet_.synsets()) {
    if (!seen.insert(synset.definition).second) continue;
    std::string sentence = filler_sentence(synset.definition);
    if (!sentence.empty()) filler_.push_back(std::move(sentence));
  }
}

void Corpus::invent_names(std::size_t count, std::uint64_t seed) {
  Rng rng(seed, {stable_hash("invent_names")});
  std::set<std::string> known(train_names_.begin(), train_names_.end());
  const std::vector<std::string> given = train_names_;
  const std::size_t wanted = known.size() + count, max_draws = 100 * count;
  for (std::size_t draws = 0; known.size() < wanted && draws < max_draws; ++draws) {
    const std::string &front = rng.pick(given), &back = rng.pick(given);
    std::string name = front.substr(0, 2 + rng.below(front.size() - 2)) + back.substr(2 + rng.below(back.size() - 2));
    std::string lower = name;
    lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
    if (!is_name(name) || split_of(name) != Split::train || wordnet_.is_common_word(lower)) continue;
    if (known.insert(name).second) train_names_.push_back(std::move(name));
  }
  if (known.size() < wanted) {
    throw UserError(concat("invented_names: expected ", count, " names that blends of ", given.size(), " allow, got ",
                           count - (wanted - known.size())));
  }
}

const Category* Corpus::find_category(std::string_view word) const {
  const auto found = std::find_if(categories_.begin(), categories_.end(), [&](const Category& category) { return category.word == word; });
  return found == categories_.end() ? nullptr : &*found;
}

std::vector<std::string> Corpus::is_a_sentences(int num_categories) const {
  std::vector<std::string> sentences;
  for (const Category& category : categories_) {
    if (num_categories-- <= 0) break;
    for (const std::string& member : category.members) {
      sentences.push_back(concat(article(member) == "an" ? "An " : "A ", member, " is ", article(category.word), " ", category.word, "."));
    }
  }
  return sentences;
}

}  // namespace longbow::data
