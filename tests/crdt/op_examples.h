#pragma once

#include <copse/crdt/op.h>

#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt_test {

/// Lower case digits; spaces are skipped.
inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  int digits = 0;
  int value = 0;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 == 0) {
      bytes.push_back(static_cast<char>(value));
      value = 0;
    }
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    if (!hex.empty()) hex += ' ';
    hex += kDigits[(static_cast<unsigned char>(byte)) >> 4];
    hex += kDigits[(static_cast<unsigned char>(byte)) & 15];
  }
  return hex;
}

/// The worked example of docs/format/ops.md and columns.md: a file is created and written, then deleted by its author.
inline std::vector<crdt::Op> ExampleOps() {
  using namespace crdt;
  const NodeId inode = NodeId::Of(2, 10);
  const NodeId dentry = NodeId::Of(2, 11);
  std::vector<Op> ops(4);
  ops[0] = Op{Timestamp::Of(10, 2), inode, Place{kFileInodes, ""}, {}, {Field{FieldId{1, ""}, "\x01", {}}}, false};
  ops[1] = Op{Timestamp::Of(11, 2), dentry, Place{NodeId::Of(1, 7), "notes"}, {}, {}, true};
  ops[2] = Op{Timestamp::Of(14, 2),
              inode,
              {},
              {},
              {Field{FieldId{3, ""}, "hi", std::vector{Timestamp::Of(12, 1)}}, Field{FieldId{9, "k"}, {}, {}}},
              true};
  ops[3] = Op{Timestamp::Of(15, 2), dentry, Place{kTrash, "notes"}, Timestamp::Of(11, 2), {}, true};
  return ops;
}

/// An op in which every number and every kind of part is at its end.
inline crdt::Op ExtremeOp() {
  using namespace crdt;
  const Timestamp last = Timestamp::Of(kCounterMax, 0xffff);
  Op op;
  op.time = last;
  op.child = NodeId::Of(0xffff, 0);
  op.place = Place{NodeId::Of(0, 4), std::string(300, '\0')};
  op.guard = Timestamp{};
  op.fields = {Field{FieldId{0, ""}, "", std::vector<Timestamp>{}},
               Field{FieldId{0xffffffff, ""}, {}, std::vector{Timestamp{}, Timestamp::Of(kCounterMax, 1), last}},
               Field{FieldId{0xffffffff, std::string(1, '\0')}, {}, {}}};
  return op;
}

}  // namespace copse::crdt_test
