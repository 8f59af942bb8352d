#include "core/profile.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/clock.h"

namespace longbow {
namespace {

void spend(double seconds) {
  const Stopwatch watch;
  while (watch.seconds() < seconds) {
  }
}

TEST(Profile, SumsScopesByPathAndNestsThem) {
  Profile profile;
  {
    const Profile::Watch watch(profile);
    for (int i = 0; i < 2; ++i) {
      const ProfileScope outer("outer");
      {
        const ProfileScope inner("inner");
        spend(0.01);
      }
      spend(0.002);
    }
    const ProfileScope inner("inner");  // another path: not inside outer
  }
  const auto entries = profile.entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].path, "outer");
  EXPECT_EQ(entries[1].path, "outer/inner");
  EXPECT_EQ(entries[2].path, "inner");
  EXPECT_EQ(entries[0].count, 2);
  EXPECT_EQ(entries[1].count, 2);
  EXPECT_GE(entries[1].seconds, 0.02);
  EXPECT_GE(entries[0].seconds, entries[1].seconds + 0.004);
  EXPECT_LT(entries[2].seconds, entries[1].seconds);
}

TEST(Profile, SeesItsOwnThreadAndOnlyWhileItWatches) {
  Profile profile, other;
  { const ProfileScope before("before"); }
  {
    const Profile::Watch watch(profile);
    std::thread([] { const ProfileScope elsewhere("elsewhere"); }).join();
    {
      const Profile::Watch nested(other);
      const ProfileScope scope("nested");
    }
    const ProfileScope scope("seen");
  }
  ASSERT_EQ(profile.entries().size(), 1u);
  EXPECT_EQ(profile.entries()[0].path, "seen");
  ASSERT_EQ(other.entries().size(), 1u);
  EXPECT_EQ(other.entries()[0].path, "nested");
}

TEST(Profile, AnExceptionClosesItsScopes) {
  Profile profile;
  const Profile::Watch watch(profile);
  try {
    const ProfileScope outer("outer");
    const ProfileScope inner("inner");
    throw 1;
  } catch (int) {
  }
  const ProfileScope next("next");
  EXPECT_EQ(profile.entries().back().path, "next");
}

}  // namespace
}  // namespace longbow
