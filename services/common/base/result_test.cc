#include "services/common/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace headwater {
namespace {

enum class Error { kShort, kBad };

TEST(ResultTest, HoldsAValueOrAnError) {
  Result<int, Error> good = 7;
  Result<int, Error> bad = Error::kBad;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(*good, 7);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error(), Error::kBad);
}

TEST(ResultTest, MovesItsValueOut) {
  Result<std::unique_ptr<int>, Error> result = std::make_unique<int>(3);
  std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(ResultDeathTest, AsksBeforeItGives) {
  Result<int, Error> bad = Error::kShort;
  EXPECT_DEATH({ static_cast<void>(bad.value()); }, "check failed");
}

}  // namespace
}  // namespace headwater
