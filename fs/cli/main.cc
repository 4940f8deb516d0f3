#include "cli/command_line.h"

int main(int argc, char** argv) { return copse::cli::RunCommandLine(argc, argv); }
