// AtomicFile and LineReader, each the other's counterpart; the command-line gzip and zstd formats come in through recorded bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/line_reader.h"
#include "core/random.h"
#include "tests/core/temporary_folder.h"

namespace longbow {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::vector<std::string> lines_of(const std::string& path, LineReaderLimits limits = {}) {
  LineReader reader(path, limits);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) lines.push_back(line);
  return lines;
}

std::string error_of(const std::string& path, LineReaderLimits limits = {}) {
  try {
    LineReader reader(path, limits);
    for (std::string line; reader.next(line);) {
    }
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

// As it is, whatever the extension.
void write_raw(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST(Files, RoundTripPlainAndCompressed) {
  const TemporaryFolder folder;
  Rng rng(1, {});
  for (const char* extension : {"", ".gz", ".zst"}) {
    for (const std::size_t num_lines : {0u, 1u, 3u, 20000u}) {
      std::vector<std::string> lines;
      std::string text;
      for (std::size_t i = 0; i < num_lines; ++i) {
        std::string line = i == 1 ? "" : "line " + std::to_string(rng.next_u64());
        if (i == 2) line.assign(700000, 'x');  // longer than every buffer
        text += line + "\n";
        lines.push_back(std::move(line));
      }
      const std::string path = folder.file("lines.txt") + extension;
      AtomicFile file(path);
      for (std::size_t begin = 0; begin < text.size(); begin += 100003) file.write(std::string_view(text).substr(begin, 100003));
      EXPECT_EQ(file.bytes_written(), static_cast<std::int64_t>(text.size()));
      file.commit();
      EXPECT_EQ(lines_of(path), lines) << extension << " " << num_lines;
    }
  }
}

TEST(Files, LineEnds) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "one\r\n\ntwo\nthree");
  LineReader reader(folder.file("a"));
  std::string line;
  EXPECT_EQ(reader.line_number(), 0);
  for (const char* expected : {"one", "", "two", "three"}) {
    ASSERT_TRUE(reader.next(line));
    EXPECT_EQ(line, expected);
  }
  EXPECT_EQ(reader.where(), folder.file("a") + ":4");
  EXPECT_FALSE(reader.next(line));
  EXPECT_FALSE(reader.next(line));
}

TEST(Files, AByteOrderMarkIsNoText) {
  const TemporaryFolder folder;
  for (const char* extension : {"", ".gz"}) {
    write_file_atomically(folder.file("a") + extension, "\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n");
    EXPECT_EQ(lines_of(folder.file("a") + extension), (std::vector<std::string>{"one", "\xEF\xBB\xBFtwo"}));
  }
}

TEST(Files, LinesBehindOneThatIsTooLongAreRead) {
  const TemporaryFolder folder;
  for (const std::size_t length : {11u, 1000u, 600000u}) {  // within a buffer, and over several
    write_file_atomically(folder.file("a.gz"), "one\n" + std::string(length, 'x') + "\nthree\n");
    LineReader reader(folder.file("a.gz"), {.max_line_bytes = 10});
    std::string line;
    ASSERT_TRUE(reader.next(line));
    EXPECT_THROW(reader.next(line), UserError);
    EXPECT_EQ(reader.line_number(), 2);
    ASSERT_TRUE(reader.next(line)) << length;
    EXPECT_EQ(line, "three");
    EXPECT_EQ(reader.line_number(), 3);
    EXPECT_FALSE(reader.next(line));
  }
}

TEST(Files, NothingIsReadBehindCorruptData) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a.gz"), "one\ntwo\n");
  const std::string whole = read_file(folder.file("a.gz"));
  write_raw(folder.file("cut.gz"), whole.substr(0, whole.size() - 3));
  LineReader reader(folder.file("cut.gz"));
  std::string line;
  EXPECT_THROW(while (reader.next(line)){}, UserError);
  EXPECT_FALSE(reader.next(line));
}

TEST(Files, NothingIsReadBehindAReadThatFails) {
  LineReader reader("/proc/self/mem");  // no memory stands at 0, so the read answers EIO
  std::string line;
  EXPECT_THROW(reader.next(line), UserError);
  EXPECT_FALSE(reader.next(line));
}

TEST(Files, BytesAreGivenAsTheyAre) {
  const TemporaryFolder folder;
  const std::string text = "one\r\n\n" + std::string(600000, 'x') + "\n";
  write_file_atomically(folder.file("a.zst"), text);
  LineReader reader(folder.file("a.zst"));
  std::string line, bytes, rest;
  ASSERT_TRUE(reader.next(line));
  while (reader.next_bytes(bytes)) rest += bytes;
  EXPECT_EQ(rest, text.substr(5));
}

TEST(Files, SeveralGzipMembersAreOneText) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a.gz"), "one\n");
  write_file_atomically(folder.file("b.gz"), "two\n");
  write_raw(folder.file("joined.gz"), read_file(folder.file("a.gz")) + read_file(folder.file("b.gz")));
  EXPECT_EQ(lines_of(folder.file("joined.gz")), (std::vector<std::string>{"one", "two"}));
}

// `printf 'hello\n' | gzip -n` and `printf 'hello\n' | zstd`: other programs' files.
TEST(Files, ReadsWhatOtherProgramsWrite) {
  const TemporaryFolder folder;
  write_raw(folder.file("a.gz"),
            std::string("\037\213\010\000\000\000\000\000\000\003\313\110\315\311\311\347\002\000\040\060\072\066\006\000\000\000", 26));
  write_raw(folder.file("a.zst"), std::string("\050\265\057\375\004\130\061\000\000\150\145\154\154\157\012\123\210\275\221", 19));
  EXPECT_EQ(lines_of(folder.file("a.gz")), std::vector<std::string>{"hello"});
  EXPECT_EQ(lines_of(folder.file("a.zst")), std::vector<std::string>{"hello"});
}

TEST(Files, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  for (const char* extension : {".gz", ".zst"}) {
    const std::string path = folder.file("a") + extension;
    std::string text;
    for (int i = 0; i < 50; ++i) text += std::to_string(i * i) + "\n";
    write_file_atomically(path, text);
    const std::string whole = read_file(path);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write_raw(path, std::string_view(whole).substr(0, length));
      EXPECT_THAT(error_of(path), HasSubstr(path)) << length;
    }
  }
}

TEST(Files, DamageIsAnErrorOrTheSameText) {
  const TemporaryFolder folder;
  Rng rng(2, {});
  for (const char* extension : {".gz", ".zst"}) {
    const std::string path = folder.file("a") + extension;
    std::string text;
    for (int i = 0; i < 50; ++i) text += std::to_string(rng.next_u32()) + "\n";
    write_file_atomically(path, text);
    const std::string whole = read_file(path);
    const std::vector<std::string> lines = lines_of(path);
    for (int i = 0; i < 150; ++i) {
      std::string bytes = whole;
      bytes[rng.below(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
      write_raw(path, bytes);
      try {
        EXPECT_EQ(lines_of(path), lines);  // a bit of the header that means nothing here
      } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
      }
    }
  }
}

TEST(Files, LimitsHold) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("long"), std::string(1000, 'x') + "\n");
  EXPECT_THAT(error_of(folder.file("long"), {.max_line_bytes = 999}), HasSubstr("line too long: expected at most 999 bytes, got more"));
  EXPECT_EQ(error_of(folder.file("long"), {.max_line_bytes = 1000}), "");
  EXPECT_THAT(error_of(folder.file("long"), {.max_bytes = 1000}), HasSubstr("input too large"));
  // 80 MiB of line ends in some 80 KiB: a small bomb.
  AtomicFile bomb(folder.file("bomb.gz"));
  const std::string piece(1 << 20, '\n');
  for (int i = 0; i < 80; ++i) bomb.write(piece);
  bomb.commit();
  EXPECT_THAT(error_of(folder.file("bomb.gz"), {.max_line_bytes = 10}), HasSubstr("expands too far: expected at most 200 times"));
}

TEST(Files, UnreadableInputsAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of(folder.file("none")), HasSubstr("No such file or directory"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("got a folder"));
  EXPECT_THROW(read_file(folder.file("none")), UserError);
  EXPECT_THROW(read_file(folder.path()), UserError);
  write_raw(folder.file("text.gz"), "no gzip");
  EXPECT_THAT(error_of(folder.file("text.gz")), HasSubstr("corrupt: expected gzip data"));
}

TEST(Files, ReadFileIsBounded) {
  const TemporaryFolder folder;
  const std::string bytes(10000, 'x');
  write_file_atomically(folder.file("a"), bytes);
  EXPECT_EQ(read_file(folder.file("a")), bytes);
  EXPECT_EQ(read_file(folder.file("a"), 10000), bytes);
  EXPECT_THROW(read_file(folder.file("a"), 9999), UserError);
  EXPECT_THROW(read_file("/dev/zero", 100000), UserError);  // has no size to tell beforehand
  EXPECT_EQ(read_file("/dev/null"), "");
}

TEST(AtomicFile, NothingAppearsBeforeCommit) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "old");
  {
    AtomicFile file(folder.file("a"));
    file.write("new");
    EXPECT_EQ(read_file(folder.file("a")), "old");
  }
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_EQ(folder.num_entries(), 1u);
  write_file_atomically(folder.file("a"), "new");
  EXPECT_EQ(read_file(folder.file("a")), "new");
  EXPECT_EQ(folder.num_entries(), 1u);
}

// The next writer removes what a killed one left, whatever numbers its process had; a live writer's file stays.
TEST(AtomicFile, LeftoversOfKilledWritersGoWithTheNextOne) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder.file("a"));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(folder.num_entries(), 1u);
  for (int counter = 0; counter < 200; ++counter) write_raw(folder.file(concat(".a.partial-", ::getpid(), "-", counter)), "half");
  write_raw(folder.file(".ab.partial-1-0"), "of another file");
  {
    AtomicFile live(folder.file("a"));
    live.write("first");
    EXPECT_EQ(folder.num_entries(), 2u);
    write_file_atomically(folder.file("a"), "second");
    EXPECT_EQ(folder.num_entries(), 3u);
    live.commit();
  }
  EXPECT_EQ(read_file(folder.file("a")), "first");
  EXPECT_EQ(folder.num_entries(), 2u);
}

// Every writer cleans up before it writes: none may take another's file away.
TEST(AtomicFile, WritersOfOneFileDoNotDisturbEachOther) {
  const TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      for (int j = 0; j < 50; ++j) EXPECT_NO_THROW(write_file_atomically(folder.file("a"), std::string(1000, static_cast<char>('a' + i))));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string bytes = read_file(folder.file("a"));
  EXPECT_EQ(bytes, std::string(1000, bytes.front()));
  EXPECT_EQ(folder.num_entries(), 1u);
}

TEST(AtomicFile, TheSameBytesGiveTheSameFile) {
  const TemporaryFolder folder;
  for (const char* extension : {".gz", ".zst"}) {
    write_file_atomically(folder.file("a") + extension, "text");
    write_file_atomically(folder.file("b") + extension, "text");
    EXPECT_EQ(read_file(folder.file("a") + extension), read_file(folder.file("b") + extension));
  }
}

TEST(AtomicFile, AWriteThatFindsNoRoomIsOneErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "old");
  // A file size limit stands in for a full disk: the same call fails in the same way.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 20, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    AtomicFile file(folder.file("a"));
    file.write(std::string(3 << 20, 'x'));
    file.commit();
  } catch (const UserError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("expected room for 2097152 bytes after the first 1048576"));
  EXPECT_THAT(message, HasSubstr(folder.file("a")));
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_EQ(folder.num_entries(), 1u);
}

TEST(AtomicFile, APipeIsWrittenToAndStaysAPipe) {
  const TemporaryFolder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] { read = read_file(path); });
  write_file_atomically(path, "through");
  reader.join();
  EXPECT_EQ(read, "through");
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  EXPECT_EQ(folder.num_entries(), 1u);
}

TEST(AtomicFile, ALinkStaysALink) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("elsewhere"));
  for (const char* name : {"there", "not_yet"}) {
    if (std::string(name) == "there") write_raw(folder.file("elsewhere/there"), "old");
    std::filesystem::create_symlink(std::string("elsewhere/") + name, folder.file(name));
    write_file_atomically(folder.file(name), "new");
    EXPECT_TRUE(std::filesystem::is_symlink(folder.file(name))) << name;
    EXPECT_EQ(read_file(folder.file(std::string("elsewhere/") + name)), "new");
  }
}

TEST(AtomicFile, AFolderInItsPlaceIsNamed) {
  const TemporaryFolder folder;
  try {
    write_file_atomically(folder.path(), "x");
    ADD_FAILURE() << "a folder was overwritten";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("expected a file, got a folder (" + folder.path() + ")"));
  }
}

TEST(AtomicFile, AMissingFolderIsNamed) {
  const TemporaryFolder folder;
  EXPECT_THROW(AtomicFile(folder.file("none/a")), UserError);
  make_directories(folder.file("some/deep/folder"));
  make_directories(folder.file("some/deep/folder"));
  write_file_atomically(folder.file("some/deep/folder/a"), "x");
  EXPECT_THROW(make_directories(folder.file("some/deep/folder/a")), UserError);
  EXPECT_THROW(make_directories(folder.file("some/deep/folder/a/b")), UserError);
}

}  // namespace
}  // namespace longbow
