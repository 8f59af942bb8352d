// MultiNeedle read back: the rendered conversation is cut into turns again, and those with the asked form and topic are counted.
#include <algorithm>
#include <set>

#include "data/tasks/multi_needle.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"

namespace longbow::data {
namespace {

struct Question {
  std::int64_t which = 0;
  std::string thing, prefix;
  bool asks_text = false;
};

std::optional<Question> parse_question(std::string_view text) {
  for (const char* pattern : kTextQuestions) {
    if (const auto heard = hear_of_thing(text, pattern))
      return Question{number_of_ordinal(heard->words[0]), heard->thing, heard->words[1], true};
  }
  for (const char* pattern : kCodeQuestions) {
    if (const auto heard = hear_of_thing(text, pattern)) return Question{number_of_ordinal(heard->words[0]), heard->thing, "", false};
  }
  return std::nullopt;
}

struct Turn {
  std::string_view speaker, reply;
  std::string thing;
  std::vector<std::string_view> codes;
  EvidenceSpan span;
};

// The turn that a block of the text is, if it is one.
std::optional<Turn> parse_turn(std::string_view block, std::int64_t start) {
  const std::size_t colon = block.find(": "), mark = block.find(kReplyMark);
  if (colon == std::string_view::npos || mark == std::string_view::npos || colon > mark) return std::nullopt;
  Turn turn;
  turn.speaker = block.substr(0, colon);
  turn.reply = block.substr(mark + kReplyMark.size());
  turn.span = {start, start + static_cast<std::int64_t>(block.size())};
  const std::string_view request = block.substr(colon + 2, mark - colon - 2);
  for (const char* pattern : kRequests) {
    if (auto heard = hear_of_thing(request, pattern)) turn.thing = std::move(heard->thing);
  }
  if (turn.thing.empty()) return std::nullopt;
  for (const Sentence& sentence : split_sentences(turn.reply)) {
    if (const auto words = match(sentence.text, kReferencePattern)) turn.codes.push_back((*words)[0]);
  }
  return turn;
}

std::vector<Turn> parse_turns(std::string_view context, std::string& problem) {
  std::vector<Turn> turns;
  for (std::size_t start = 0; start < context.size();) {
    const std::size_t end = std::min(context.find(kTurnBreak, start), context.size());
    if (auto turn = parse_turn(context.substr(start, end - start), static_cast<std::int64_t>(start))) {
      turns.push_back(std::move(*turn));
    } else if (problem.empty()) {
      problem = concat("byte ", start, " begins no turn of the conversation");
    }
    start = end + kTurnBreak.size();
  }
  return turns;
}

// The asked turn's own words, or the reference in the last step.
std::string answer_in_chain(const Question& question, const std::string& step) {
  if (question.asks_text) {
    const auto turn = parse_turn(step, 0);
    return turn ? concat(question.prefix, " ", turn->reply) : "";
  }
  const auto heard = hear_of_thing(step, kReferenceStep);
  return heard && number_of_ordinal(heard->words[0]) == question.which ? heard->words[1] : "";
}

}  // namespace

Reading read_multi_needle(const Item& item, const Corpus&) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto question = parts ? parse_question(parts->question) : std::nullopt;
  if (!question || question->which == 0) {
    reading.problem = "the question is none that multi_needle asks";
    return reading;
  }
  const std::vector<Turn> turns = parse_turns(parts->context, reading.problem);
  std::set<std::string> speakers, replies;
  std::vector<const Turn*> same;
  for (const Turn& turn : turns) {
    speakers.emplace(turn.speaker);
    if (!question->asks_text && turn.codes.size() != 1 && reading.problem.empty())
      reading.problem = concat("a turn has ", turn.codes.size(), " references");
    if (turn.thing == question->thing) same.push_back(&turn);
  }
  reading.entities.assign(speakers.begin(), speakers.end());
  if (!reading.problem.empty()) return reading;

  const auto answer_of = [&](const Turn& turn) {
    return question->asks_text ? concat(question->prefix, " ", turn.reply) : std::string(turn.codes.front());
  };
  for (const Turn* turn : same) {
    reading.guesses.push_back(answer_of(*turn));
    reading.candidates.push_back({reading.guesses.back(), turn->span.start + (turn->reply.data() - turn->speaker.data())});
    if (!replies.insert(reading.guesses.back()).second) reading.problem = "two of the turns that are counted read the same";
  }
  reading.oracle_answer = answer_in_chain(*question, item.gold_chain.back());
  if (question->which > static_cast<std::int64_t>(same.size())) return reading;
  const Turn& asked = *same[static_cast<std::size_t>(question->which) - 1];
  reading.answers = {answer_of(asked)};
  reading.evidence = {asked.span};
  if (question->asks_text) {
    reading.gold_chain = {std::string(parts->context.substr(asked.span.start, asked.span.end - asked.span.start))};
  } else {
    for (std::size_t i = 0; i < static_cast<std::size_t>(question->which); ++i)
      reading.gold_chain.push_back(reference_step(i + 1, question->thing, same[i]->codes.front()));
  }
  return reading;
}

}  // namespace longbow::data
