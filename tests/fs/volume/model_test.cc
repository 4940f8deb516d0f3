// Random programs against the volume and against a model that shares nothing with it: the same results, the same
// errors, the same tree; and the same again from the ops alone.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "fs/volume/posix_program.h"

namespace copse::fs {
namespace {

RC_GTEST_PROP(VolumeProperty, BehavesLikeAPosixFileSystemAndReplaysToTheSame, ()) {
  PosixProgram program([](int begin, int end) { return *rc::gen::inRange(begin, end); });
  const int steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) program.Step();
  program.CompareTree();
  program.CompareReplay();
}

}  // namespace
}  // namespace copse::fs
