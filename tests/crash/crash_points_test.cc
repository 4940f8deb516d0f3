// Every point of a scripted session at which the power may go, and of what was not synced every choice that the disk
// may have kept (a sample, where there are many): the machine starts again and shows what was acknowledged.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "crash/script.h"

namespace copse::crash {
namespace {

using Machine = World::Machine;

constexpr std::uint64_t kWorldSeed = 7;
/// Six sectors, and the lengths that they make files have.
constexpr std::size_t kAllChoicesUpTo = 8;

std::uint64_t Setting(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::stoull(value);
}

/// Runs the script on `world` until its end or until the power of a machine goes; returns the step that it came to.
std::string Play(World& world) {
  for (const Step& step : TheScript()) {
    const absl::Status status = step.run(world);
    if (world.founder().disk().power_is_cut() || world.guest().disk().power_is_cut()) return step.name;
    EXPECT_TRUE(status.ok()) << step.name << ": " << status;
    if (!status.ok()) return step.name;
  }
  return "the end";
}

/// Of `pieces`, which a crash keeps: every choice where they are few, else none, all, all but one, one, and others.
std::vector<std::vector<bool>> Choices(std::size_t pieces, std::uint64_t samples, std::mt19937_64& random) {
  std::vector<std::vector<bool>> choices;
  if (pieces <= kAllChoicesUpTo) {
    for (std::size_t choice = 0; choice < std::size_t{1} << pieces; ++choice) {
      std::vector<bool>& kept = choices.emplace_back();
      for (std::size_t piece = 0; piece < pieces; ++piece) kept.push_back((choice >> piece & 1) != 0);
    }
    return choices;
  }
  for (const bool all : {false, true}) {
    choices.emplace_back(pieces, all);
    choices.emplace_back(pieces, all)[random() % pieces] = !all;
  }
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    const std::uint64_t eighths = 1 + random() % 7;
    std::vector<bool>& kept = choices.emplace_back();
    for (std::size_t piece = 0; piece < pieces; ++piece) kept.push_back(random() % 8 < eighths);
  }
  return choices;
}

class CrashPointsTest : public testing::TestWithParam<Machine> {
 protected:
  /// How many changes the disk of the machine sees while the script is played to its end.
  static std::uint64_t CountPoints() {
    World world(kWorldSeed);
    EXPECT_EQ(Play(world), "the end");
    return world.at(GetParam()).changes();
  }

  /// Plays the script until the power goes after `point` changes, and starts again from each choice.
  void CrashAt(std::uint64_t point) {
    World world(kWorldSeed);
    world.at(GetParam()).CutPowerAfter(point);
    const std::string step = Play(world);
    const std::size_t pieces = world.at(GetParam()).disk().UnsyncedPieces();
    for (const std::vector<bool>& kept : Choices(pieces, samples_, random_)) {
      ++restarts_;
      std::string chosen;
      for (const bool one : kept) chosen += one ? '1' : '0';
      SCOPED_TRACE("after " + std::to_string(point) + " changes, in \"" + step + "\", kept " + chosen);
      World after(world, GetParam(), kept, random_());
      const absl::Status status = after.StartAgainAndCheck();
      ASSERT_TRUE(status.ok()) << status;
    }
    if (!HasFatalFailure()) CrashTwice(world, pieces);
  }

  /// The power goes again while the machine starts.
  void CrashTwice(const World& world, std::size_t pieces) {
    const std::vector<bool> kept = Choices(pieces, 1, random_).back();
    World during(world, GetParam(), kept, random_());
    const std::uint64_t point = random_() % 12;
    during.at(GetParam()).CutPowerAfter(point);
    const absl::Status first = during.StartAgainAndCheck();
    Replica& machine = during.at(GetParam());
    SCOPED_TRACE("and again after " + std::to_string(point) + " changes: " + first.ToString());
    ASSERT_TRUE(machine.disk().power_is_cut() || first.ok());
    during.founder().Kill();
    during.guest().Kill();
    ++restarts_;
    const auto again = Choices(machine.disk().UnsyncedPieces(), 1, random_);
    World after(during, GetParam(), again[random_() % again.size()], random_());
    const absl::Status status = after.StartAgainAndCheck();
    ASSERT_TRUE(status.ok()) << status;
  }

  const std::uint64_t seed_ = Setting("COPSE_CRASH_SEED", 1);
  const std::uint64_t samples_ = Setting("COPSE_CRASH_SAMPLES", 4);
  std::mt19937_64 random_{seed_};
  std::uint64_t restarts_ = 0;
};

TEST_P(CrashPointsTest, WhatWasAcknowledgedIsThereAfterAPowerCutAtAnyChangeOfTheDisk) {
  const std::uint64_t step = Setting("COPSE_CRASH_STEP", 20);
  const std::uint64_t points = CountPoints();
  std::uint64_t tried = 0;
  for (std::uint64_t point = seed_ % step; point <= points && !HasFatalFailure(); point += step, ++tried)
    CrashAt(point);
  std::cout << tried << " of " << points + 1 << " points, " << restarts_ << " starts after a crash, seed " << seed_
            << "\n";
}

INSTANTIATE_TEST_SUITE_P(At, CrashPointsTest, testing::Values(Machine::kFounder, Machine::kGuest),
                         [](const auto& machine) {
                           return machine.param == Machine::kFounder ? "TheFounder" : "TheGuest";
                         });

}  // namespace
}  // namespace copse::crash
