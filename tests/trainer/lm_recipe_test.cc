// What a next-token recipe cannot be.
#include "trainer/lm_recipe.h"

#include <gtest/gtest.h>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

TEST(LmRecipe, NeedsStagesAndEachAWindow) {
  LmRecipe recipe;
  EXPECT_THROW(check_stages(recipe), UserError);
  recipe.stages.resize(2);
  check_stages(recipe);
  recipe.stages[1].windows.clear();
  EXPECT_THROW(check_stages(recipe), UserError);
}

}  // namespace
}  // namespace longbow::trainer
