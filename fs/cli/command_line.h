#pragma once

namespace copse::cli {

/// Parses the command line (or mount(8)'s, where the program was started as its helper), runs the command, prints what
/// it has to say. Returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace copse::cli
