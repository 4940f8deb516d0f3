// The ten lines that a program needs to have a replicated tree: installed headers and library only.

#include <copse/crdt/document.h>

#include <cstdio>

int main() {
  copse::crdt::Document<std::string> here(1), there(2);
  const auto node = here.Create(copse::crdt::kRoot, "hello");
  if (!node.ok() || !there.Merge(here.OpsSince(there.version())).ok()) return 1;
  std::printf("%s\n", there.MetaOf(*node)->c_str());
  return 0;
}
