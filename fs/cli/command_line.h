#pragma once

namespace copse::cli {

/// Parses the command line, runs the command, prints what it has to say. Returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace copse::cli
