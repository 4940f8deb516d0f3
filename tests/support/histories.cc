// Histories are built in two steps: rapidcheck draws small numbers, which it knows how to shrink, and a function
// without randomness turns them into ops that could have been made by honest actors. What a number chooses from depends
// on the ops before, so that guards and replaced versions name real ops most of the time.

#include <copse/crdt/ids.h>
#include <support/histories.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace copse::crdt {
namespace {

void Show(Timestamp time, std::ostream& out) { out << time.counter() << "@" << time.actor(); }

void Show(const Field& field, std::ostream& out) {
  out << " " << field.id.number << ":" << field.id.key << "=" << field.value.value_or("(none)");
  if (!field.replaces) return;
  out << " replaces";
  for (const Timestamp replaced : *field.replaces) Show(replaced, out << " ");
}

}  // namespace

void showValue(const Op& op, std::ostream& out) {
  Show(op.time, out);
  out << " " << op.child.value;
  if (op.place) out << " -> " << op.place->parent.value << "/" << op.place->name;
  if (op.guard) Show(*op.guard, out << " guard ");
  for (const Field& field : op.fields) Show(field, out);
  out << (op.ends_batch ? "." : ",");
}

}  // namespace copse::crdt

namespace copse::test_support {
namespace {

using crdt::ActorId;
using crdt::Field;
using crdt::FieldId;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

struct FieldDraw {
  int number;
  bool key;
  bool multi_value;
  bool value;
  int replaces;
};

struct OpDraw {
  int kind;
  int child;
  int parent;
  int name;
  int claim;
  std::vector<FieldDraw> fields;
};

struct BatchDraw {
  int actor;
  int concurrency;  // By how much its clock lags behind what the other actors have made.
  std::vector<OpDraw> ops;
};

struct Universe {
  int nodes;
  int actors;
};

class HistoryBuilder {
 public:
  explicit HistoryBuilder(Universe universe) : universe_(universe) {}

  void Add(const BatchDraw& draw) {
    const auto actor = static_cast<ActorId>(1 + draw.actor % universe_.actors);
    const std::uint64_t lag = std::min<std::uint64_t>(static_cast<std::uint64_t>(draw.concurrency), highest_);
    std::uint64_t counter = std::max(clocks_[actor], highest_ - lag);
    Batch batch;
    for (const OpDraw& op : draw.ops) batch.push_back(Make(op, Timestamp::Of(++counter, actor)));
    if (batch.empty()) return;
    batch.back().ends_batch = true;
    clocks_[actor] = counter;
    highest_ = std::max(highest_, counter);
    batches_.push_back(std::move(batch));
  }

  std::vector<Batch> Take() && { return std::move(batches_); }

 private:
  NodeId Node(int draw) const {
    const int index = draw % universe_.nodes;
    return NodeId::Of(static_cast<ActorId>(1 + index % universe_.actors), 100 + static_cast<std::uint64_t>(index));
  }

  NodeId Parent(int draw) const {
    const int index = draw % (universe_.nodes + 3);
    return index < 3 ? NodeId{static_cast<std::uint64_t>(1 + index)} : Node(index - 3);
  }

  Op Make(const OpDraw& draw, Timestamp time) {
    constexpr int kMoves = 6;
    constexpr int kGuardedDeletions = 9;
    Op op;
    op.time = time;
    op.child = Node(draw.child);
    op.ends_batch = false;
    const std::string name(1, static_cast<char>('a' + draw.name));
    if (draw.kind < kMoves) {
      op.place = crdt::Place{Parent(draw.parent), name};
    } else if (draw.kind < kGuardedDeletions) {
      op.place = crdt::Place{crdt::kTrash, name};
      op.guard = Guard(op, draw.claim);
    } else if (draw.parent == 0) {
      op.child = crdt::kRoot;  // An op with fields only may address it.
    }
    for (const FieldDraw& field : draw.fields) AddField(op, field);
    std::sort(op.fields.begin(), op.fields.end(), [](const Field& a, const Field& b) { return a.id < b.id; });
    if (op.place) placed_[op.child].insert(time);
    return op;
  }

  // Mostly the time of an earlier op on the child, effective or not; sometimes one that was never its claim.
  Timestamp Guard(const Op& op, int draw) const {
    std::vector<Timestamp> claims = {Timestamp{}, Timestamp{op.time.value - 1}};
    if (const auto found = placed_.find(op.child); found != placed_.end()) {
      claims.insert(claims.end(), found->second.begin(), found->second.lower_bound(op.time));
    }
    return claims[claims.size() - 1 - static_cast<std::size_t>(draw) % claims.size()];
  }

  void AddField(Op& op, const FieldDraw& draw) {
    Field field;
    field.id = FieldId{static_cast<std::uint32_t>(draw.number), draw.key ? "k" : ""};
    if (std::any_of(op.fields.begin(), op.fields.end(), [&](const Field& other) { return other.id == field.id; }))
      return;
    if (draw.value) field.value = std::to_string(op.time.counter()) + "@" + std::to_string(op.time.actor());
    if (draw.multi_value) {
      std::set<Timestamp>& versions = versions_[{op.child, field.id}];
      field.replaces.emplace();
      int bit = 0;
      for (auto version = versions.begin(); version != versions.lower_bound(op.time); ++version) {
        if (((draw.replaces >> (bit++ % 8)) & 1) != 0) field.replaces->push_back(*version);
      }
      if (draw.value) versions.insert(op.time);
    }
    op.fields.push_back(std::move(field));
  }

  Universe universe_;
  std::uint64_t highest_ = 0;
  std::map<ActorId, std::uint64_t> clocks_;
  std::map<NodeId, std::set<Timestamp>> placed_;
  std::map<std::pair<NodeId, FieldId>, std::set<Timestamp>> versions_;
  std::vector<Batch> batches_;
};

rc::Gen<FieldDraw> FieldDraws() {
  using rc::gen::inRange;
  return rc::gen::build<FieldDraw>(
      rc::gen::set(&FieldDraw::number, inRange(1, 3)), rc::gen::set(&FieldDraw::key, rc::gen::arbitrary<bool>()),
      rc::gen::set(&FieldDraw::multi_value, rc::gen::arbitrary<bool>()),
      rc::gen::set(&FieldDraw::value, rc::gen::map(inRange(0, 4), [](int draw) { return draw != 3; })),
      rc::gen::set(&FieldDraw::replaces, inRange(0, 256)));
}

template <typename T>
rc::Gen<std::vector<T>> Several(int min, int max, rc::Gen<T> element) {
  return rc::gen::mapcat(rc::gen::inRange(min, max + 1), [element](int size) {
    return rc::gen::container<std::vector<T>>(static_cast<std::size_t>(size), element);
  });
}

rc::Gen<OpDraw> OpDraws() {
  using rc::gen::inRange;
  return rc::gen::build<OpDraw>(
      rc::gen::set(&OpDraw::kind, inRange(0, 11)), rc::gen::set(&OpDraw::child, inRange(0, 14)),
      rc::gen::set(&OpDraw::parent, inRange(0, 17)), rc::gen::set(&OpDraw::name, inRange(0, 3)),
      rc::gen::set(&OpDraw::claim, inRange(0, 8)), rc::gen::set(&OpDraw::fields, Several(0, 2, FieldDraws())));
}

rc::Gen<BatchDraw> BatchDraws() {
  using rc::gen::inRange;
  return rc::gen::build<BatchDraw>(rc::gen::set(&BatchDraw::actor, inRange(0, 4)),
                                   rc::gen::set(&BatchDraw::concurrency, inRange(0, 8)),
                                   rc::gen::set(&BatchDraw::ops, Several(1, 3, OpDraws())));
}

}  // namespace

rc::Gen<std::vector<Batch>> Histories() {
  const auto universe = rc::gen::build<Universe>(rc::gen::set(&Universe::nodes, rc::gen::inRange(2, 15)),
                                                 rc::gen::set(&Universe::actors, rc::gen::inRange(2, 5)));
  return rc::gen::map(rc::gen::pair(universe, Several(2, 30, BatchDraws())),
                      [](const std::pair<Universe, std::vector<BatchDraw>>& drawn) {
                        HistoryBuilder builder(drawn.first);
                        for (const BatchDraw& batch : drawn.second) builder.Add(batch);
                        return std::move(builder).Take();
                      });
}

rc::Gen<std::vector<Op>> Ops() {
  return rc::gen::map(Histories(), [](const std::vector<Batch>& batches) { return Flattened(batches); });
}

std::vector<Op> Flattened(std::span<const Batch> batches) {
  std::vector<Op> ops;
  for (const Batch& batch : batches) ops.insert(ops.end(), batch.begin(), batch.end());
  return ops;
}

std::vector<Op> Shuffled(std::vector<Op> ops, std::uint32_t seed) {
  std::shuffle(ops.begin(), ops.end(), std::mt19937(seed));
  return ops;
}

std::vector<std::vector<Op>> CutAtRandom(std::span<const Op> ops, std::size_t piece_max, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::vector<Op>> pieces;
  while (!ops.empty()) {
    const std::size_t size = std::min<std::size_t>(ops.size(), 1 + random() % piece_max);
    pieces.emplace_back(ops.begin(), ops.begin() + static_cast<std::ptrdiff_t>(size));
    ops = ops.subspan(size);
  }
  return pieces;
}

}  // namespace copse::test_support
