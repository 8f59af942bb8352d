// The wire format: what goes in comes out, the bytes are those of docs/wire_format.md, and nothing a peer sends does harm.
#include "data/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/random.h"
#include "data/protocol.h"

namespace {
// Every allocation of this test program is measured while `watch` is on, so that "bounded" is a fact and not a hope.
thread_local bool watch = false;
thread_local std::size_t largest_allocation = 0;
}  // namespace

// Not inlined: the compiler would see malloc paired with delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (watch && size > largest_allocation) largest_allocation = size;
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size != 0 ? size : 1); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace longbow::data {
namespace {

Prompt example_prompt() { return {"item-7", "key_chain", 12, 3, {1, 5, 9, 2047}}; }

Group example_group() {
  Group group{42, example_prompt(), {}};
  group.completions.push_back({0, {7, 8, 5}, {-0.5f, -1.25f, -0.0f}, FinishReason::stop, 3, 4, 12.5});
  group.completions.push_back({1, {}, {}, FinishReason::abort, 0, 0, 0.0});
  group.completions.push_back({2, {9}, {-3.5f}, FinishReason::length, -1, 9, 1e6});
  group.prefill_ms = 12.5;
  group.decode_ms = 340;
  return group;
}

std::vector<WireMessage> example_messages() {
  SamplingParams sampling{0.7f, 0.95f, 40, 0.01f, 512, {5, 2}, 99};
  return {Hello{1, "worker-1", 0x1234567890ABCDEFu, "bfloat16"},
          Welcome{"run-3", 17, "/dev/shm/longbow", 1 << 20, 60000, 1000},
          LeaseRequest{4},
          Lease{9, example_prompt(), 8, sampling, 16},
          Wait{250},
          GroupDone{example_group()},
          Ack{9, false},
          Heartbeat{{1, 2, 3}},
          Status{18},
          WeightsRequest{18, 1 << 20, 1 << 16},
          WeightsChunk{18, 1 << 20, 1 << 22, std::string("\0\1\2\xFF", 4)},
          Goodbye{},
          Finished{},
          Refuse{"old version"},
          Decline{9, "KV cache: too small"}};
}

std::string error_of(std::string_view bytes, const CodecLimits& limits = {}) {
  try {
    decode_message(bytes, limits);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// Gives changed bytes a checksum that fits, so that a test reaches what lies behind it.
std::string sealed(std::string bytes) {
  const std::uint64_t payload = bytes.size() - kEnvelopeBytes;
  std::memcpy(bytes.data() + 8, &payload, 8);
  const std::uint32_t checksum = crc32c(std::string_view(bytes).substr(kEnvelopeBytes), crc32c(std::string_view(bytes).substr(0, 16)));
  std::memcpy(bytes.data() + 16, &checksum, 4);
  return bytes;
}

TEST(Codec, GroupsAndPromptsRoundTrip) {
  const Group group = example_group();
  const Group back = decode_group(encode_group(group));
  EXPECT_EQ(encode_group(back), encode_group(group));
  EXPECT_EQ(back.lease_id, 42u);
  EXPECT_EQ(back.prompt.item_id, "item-7");
  EXPECT_EQ(back.prompt.tokens, group.prompt.tokens);
  ASSERT_EQ(back.completions.size(), 3u);
  EXPECT_EQ(back.completions[0].tokens, group.completions[0].tokens);
  EXPECT_EQ(back.completions[0].rollout_logprobs, group.completions[0].rollout_logprobs);
  EXPECT_TRUE(std::signbit(back.completions[0].rollout_logprobs[2]));
  EXPECT_EQ(back.completions[1].finish_reason, FinishReason::abort);
  EXPECT_EQ(back.completions[2].max_policy_version, 9);
  EXPECT_EQ(back.completions[2].generation_ms, 1e6);
  EXPECT_EQ(back.prefill_ms, 12.5);
  EXPECT_EQ(back.decode_ms, 340);

  std::uint64_t lease_id = 0;
  EXPECT_EQ(decode_prompt(encode_prompt(example_prompt(), 77), &lease_id).task, "key_chain");
  EXPECT_EQ(lease_id, 77u);
}

TEST(Codec, EveryMessageRoundTrips) {
  for (const WireMessage& message : example_messages()) {
    const std::string bytes = encode_message(message);
    const WireMessage back = decode_message(bytes);
    EXPECT_EQ(back.index(), message.index());
    EXPECT_EQ(encode_message(back), bytes);
  }
}

TEST(Codec, BytesAreThoseOfTheSpecification) {
  const std::string bytes = encode_message(Ack{0x0102030405060708u, true});
  const std::string expected("LNGB\x02\0\x16\0\x09\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(bytes.substr(0, 16), expected);
  EXPECT_EQ(bytes.substr(20), std::string("\x08\x07\x06\x05\x04\x03\x02\x01\x01", 9));
  EXPECT_EQ(bytes, sealed(bytes));
}

TEST(Codec, RefusalsSayWhatIsWrong) {
  const std::string good = encode_message(example_messages()[3]);
  std::string version = good;
  version[4] = 1;
  std::string damaged = good;
  damaged[30] ^= 1;
  std::string kind = good;
  kind[6] = 99;
  EXPECT_EQ(error_of("hello"), "message: expected at least 20 bytes, got 5");
  EXPECT_NE(error_of("GET / HTTP/1.1\r\nHost: example\r\n\r\n").find("magic"), std::string::npos);
  EXPECT_EQ(error_of(sealed(version)), "message: expected wire format version 2, got 1");
  EXPECT_NE(error_of(damaged).find("checksum"), std::string::npos);
  EXPECT_NE(error_of(good.substr(0, good.size() - 1)).find("payload"), std::string::npos);
  EXPECT_EQ(error_of(sealed(kind)), "message: expected a kind from 16 to 30, got 99");
  EXPECT_EQ(error_of(sealed(good.substr(0, good.size() - 3))),
            concat("lease message: min_policy_version: expected 8 bytes, got the 5 that are left (at byte ", good.size() - 8, ")"));
  EXPECT_NE(error_of(sealed(good + "x")).find("1 more bytes"), std::string::npos);
  EXPECT_THROW(decode_group(encode_prompt(example_prompt(), 1)), UserError);
}

TEST(Codec, ValuesOutOfRangeAreRefused) {
  Group group = example_group();
  group.completions[0].rollout_logprobs[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(decode_group(encode_group(group)), UserError);
  group = example_group();
  group.prefill_ms = -1;
  EXPECT_THROW(decode_group(encode_group(group)), UserError);
  group = example_group();
  group.prompt.tokens[2] = -1;
  EXPECT_THROW(decode_group(encode_group(group)), UserError);
  group = example_group();
  group.completions[0].max_policy_version = 2;  // older than the oldest
  EXPECT_THROW(decode_group(encode_group(group)), UserError);
  EXPECT_THROW(decode_message(encode_message(LeaseRequest{-1})), UserError);
  group = example_group();
  group.completions[0].rollout_logprobs.pop_back();
  EXPECT_THROW(encode_group(group), InternalError);
}

TEST(Codec, LimitsHold) {
  const std::string group = encode_message(GroupDone{example_group()});
  EXPECT_EQ(error_of(group), "");
  EXPECT_NE(error_of(group, {.max_prompt_tokens = 3}).find("prompt_tokens: expected at most 3, got 4"), std::string::npos);
  EXPECT_NE(error_of(group, {.max_completion_tokens = 2}).find("expected at most 2, got 3"), std::string::npos);
  EXPECT_NE(error_of(group, {.max_group_size = 2}).find("completions: expected at most 2, got 3"), std::string::npos);
  Lease lease{9, example_prompt(), 8, {}, 16};
  lease.sampling.max_completion_tokens = std::numeric_limits<std::int32_t>::max();
  EXPECT_NE(error_of(encode_message(lease)).find("max_completion_tokens: expected a value in [0, "), std::string::npos)
      << error_of(encode_message(lease));
  EXPECT_NE(error_of(group, {.max_text_bytes = 5}).find("item_id: expected at most 5, got 6"), std::string::npos);
  EXPECT_THROW(encode_message(Hello{1, std::string(5000, 'x'), 0, ""}), UserError);

  // A refusal is cut instead, between characters.
  std::string reason;
  while (reason.size() < 5000) reason += "\xE2\x82\xAC";
  const auto refuse = std::get<Refuse>(decode_message(encode_message(Refuse{reason})));
  EXPECT_EQ(refuse.reason.size(), 4095u);
}

TEST(Codec, FuzzNeverCrashesNorAllocatesBeyondTheMessage) {
  std::vector<std::string> seeds = {encode_group(example_group())};
  for (const WireMessage& message : example_messages()) seeds.push_back(encode_message(message));
  Rng rng(1, {stable_hash("codec fuzz")});
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = rng.pick(seeds);
    switch (rng.below(4)) {
      case 0:
        bytes.resize(rng.below(bytes.size()));
        break;
      case 1:
        for (std::uint64_t flips = 1 + rng.below(4); flips > 0; --flips)
          bytes[rng.below(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
        break;
      case 2:  // a random word, huge lengths among them, somewhere in the payload
        if (bytes.size() >= kEnvelopeBytes + 4) {
          const std::uint32_t word = rng.below(2) == 0 ? 0xFFFFFFFFu >> rng.below(32) : rng.next_u32();
          std::memcpy(bytes.data() + kEnvelopeBytes + rng.below(bytes.size() - kEnvelopeBytes - 3), &word, 4);
        }
        break;
      default:
        for (char& byte : bytes) byte = static_cast<char>(rng.next_u32());
    }
    if (bytes.size() >= kEnvelopeBytes && rng.below(4) != 0) bytes = sealed(bytes);
    largest_allocation = 0;
    watch = true;
    try {
      if (rng.below(8) == 0) {
        decode_group(bytes);
      } else {
        decode_message(bytes);
      }
      ++accepted;
    } catch (const UserError&) {
    }
    watch = false;
    // The largest thing per byte on the wire is a completion: a struct for 37 bytes. Messages of errors are below 1 KiB.
    ASSERT_LE(largest_allocation, 1024 + bytes.size() * 4) << "case " << i;
  }
  EXPECT_GT(accepted, 1000);  // flips in free fields: the checks are reached, not just the checksum
  EXPECT_LT(accepted, 90'000);
}

}  // namespace
}  // namespace longbow::data
