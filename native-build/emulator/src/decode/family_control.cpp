// Branches, calls, exits, barriers, fences, and what lanes of a warp do together.
#include "decode/decoder.hpp"
#include "exec/barrier_flags.hpp"

namespace quern::emulator {

namespace {

/// A predicate that may be negated: sets op.a and, for a negated one, the bits to flip.
std::uint32_t readVote(Decoder& decoder, const ptx::Operand& operand, std::int64_t& flip) {
    ptx::Operand plain = operand;
    flip = plain.negated ? static_cast<std::int64_t>(ALL_LANES) : 0;
    plain.negated = false;
    return decoder.read(plain, 0);
}

/// The member mask, last operand of all .sync collectives.
std::uint32_t readMembers(Decoder& decoder) { return decoder.read(decoder.operands().back(), 4); }

Op& emitCollective(Decoder& decoder, const Entry& entry) {
    const std::uint32_t members = readMembers(decoder);
    Op& op = decoder.emit(entry);
    op.flow = Flow::SYNC;
    op.e = members;
    return op;
}

void expectSync(Decoder& decoder, Spelling& spelling) {
    if (!spelling.take("sync")) decoder.refuse("forms without .sync do not exist on these devices");
}

}  // namespace

void decodeBranch(Decoder& decoder, Spelling spelling) {
    spelling.take("uni");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 1);
    decoder.branchTo(decoder.emit(Flow::BRANCH, InstructionClass::CONTROL), decoder.operand(0).name);
}

// brx.idx{.uni} index, targets: to the index-th label of the list
void decodeIndexedBranch(Decoder& decoder, Spelling spelling) {
    if (!spelling.take("idx")) decoder.refuse("unknown form of brx");
    spelling.take("uni");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 2);
    const std::uint32_t index = decoder.read(decoder.operand(0), 4);
    const std::vector<std::string_view>& labels = decoder.branchTargets(decoder.operand(1));
    const std::uint32_t* targets = decoder.branchList(labels);
    Op& op = decoder.emit(Flow::INDEX, InstructionClass::CONTROL);
    op.a = index;
    op.more = targets;
    op.imm = static_cast<std::int64_t>(labels.size());
}

void decodeExit(Decoder& decoder, Spelling spelling) {
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(0, 0);
    decoder.emit(Flow::EXIT, InstructionClass::CONTROL);
}

void decodeTrap(Decoder& decoder, Spelling spelling) {
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(0, 0);
    decoder.emit(decoder.entry("trap"));
}

void decodeNanosleep(Decoder& decoder, Spelling spelling) {
    if (spelling.takeLast() != "u32") decoder.refuse("nanosleep takes .u32");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 1);
    decoder.read(decoder.operand(0), 4);
    decoder.emit(decoder.entry("nop"));
}

namespace {

// barrier.cluster.arrive{.sem}{.aligned};  barrier.cluster.wait{.acquire}{.aligned}: of a cluster of one block. Its threads
// meet at the wait, which is the last of the block's own barriers; the arrival orders memory.
void decodeClusterBarrier(Decoder& decoder, Spelling spelling) {
    const bool arrives = spelling.take("arrive");
    if (!arrives && !spelling.take("wait")) decoder.refuse("unknown form of barrier.cluster");
    spelling.takeOneOf({"release", "relaxed", "acquire"});
    const bool aligned = spelling.take("aligned");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(0, 0);
    if (arrives) {
        Op& op = decoder.emit(decoder.entry("fence"));
        op.order = Order::ACQ_REL;
        op.reach = Reach::BLOCK;
        return;
    }
    const std::uint32_t number = decoder.constant(15, 4);
    const std::uint32_t all = decoder.constant(0, 4);
    Op& op = decoder.emit(Flow::BARRIER, InstructionClass::BARRIER);
    op.a = number;
    op.b = all;
    op.c = TRUE_PREDICATE;
    op.dst = SINK;
    op.flags = aligned ? BARRIER_ALIGNED : 0;
}

}  // namespace

// bar{.cta}.sync a{, b};  .arrive a, b;  .red.popc.u32 d, a{, b}, {!}c;  .red.and|or.pred p, a{, b}, {!}c;
// bar.warp.sync mask;  barrier likewise, whose threads need not come as whole warps unless .aligned
void decodeBarrier(Decoder& decoder, Spelling spelling) {
    if (spelling.take("warp")) {
        if (!spelling.take("sync")) decoder.refuse("unknown form of bar.warp");
        decoder.expectNothingLeft(spelling);
        decoder.expectOperands(1, 1);
        const Entry& nop = decoder.entry("nop");
        emitCollective(decoder, nop).kind = InstructionClass::BARRIER;
        return;
    }
    if (spelling.take("cluster")) return decodeClusterBarrier(decoder, std::move(spelling));
    spelling.take("cta");
    std::uint16_t flags = spelling.base() == "bar" ? BARRIER_ALIGNED : 0;
    if (spelling.take("aligned")) flags |= BARRIER_ALIGNED;
    bool arrives = false;
    if (spelling.take("red")) {
        if (spelling.take("popc")) {
            flags |= BARRIER_POPC;
            if (!spelling.take("u32")) decoder.refuse("bar.red.popc takes .u32");
        } else {
            flags |= spelling.take("and") ? BARRIER_AND : BARRIER_OR;
            if ((flags & BARRIER_REDUCTION) == BARRIER_OR && !spelling.take("or"))
                decoder.refuse("unknown reduction");
            if (!spelling.take("pred")) decoder.refuse("this reduction takes .pred");
        }
    } else if (spelling.take("arrive")) {
        arrives = true;
    } else if (!spelling.take("sync")) {
        decoder.refuse("unknown form of barrier");
    }
    decoder.expectNothingLeft(spelling);

    const bool reduces = (flags & BARRIER_REDUCTION) != 0;
    const std::size_t first = reduces ? 1 : 0;
    const std::size_t tail = reduces ? 1 : 0;
    decoder.expectOperands(first + tail + (arrives ? 2 : 1), first + tail + 2);
    const bool counted = decoder.operands().size() == first + tail + 2;
    const std::uint32_t number = decoder.read(decoder.operand(first), 4);
    const std::uint32_t threads =
        counted ? decoder.read(decoder.operand(first + 1), 4) : decoder.constant(0, 4);
    std::int64_t flip = 0;
    std::uint32_t c = TRUE_PREDICATE;
    std::uint32_t d = SINK;
    if (reduces) {
        c = readVote(decoder, decoder.operands().back(), flip);
        d = decoder.write(decoder.operand(0), (flags & BARRIER_REDUCTION) == BARRIER_POPC ? 4 : 0);
    }
    Op& op = decoder.emit(arrives ? Flow::ARRIVE : Flow::BARRIER, InstructionClass::BARRIER);
    op.a = number;
    op.b = threads;
    op.c = c;
    op.dst = d;
    op.imm = flip;
    op.flags = flags;
}

void decodeFence(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(0, 0);
    std::string_view scope;
    if (spelling.base() == "membar") {
        scope = spelling.takeOneOf({"cta", "gl", "sys"});
        if (scope.empty()) decoder.refuse("membar names a scope");
    } else if (spelling.take("proxy")) {
        // Between kinds of access to memory, which are one kind here.
        if (spelling.takeOneOf({"alias", "async", "tensormap"}).empty())
            decoder.refuse("fence.proxy names a proxy");
        spelling.takeOneOf({"global", "shared::cta", "shared::cluster"});
        scope = "cta";
    } else if (spelling.take("mbarrier_init")) {
        if (!spelling.take("release") || !spelling.take("cluster")) decoder.refuse("unknown form of fence");
        scope = "cluster";
    } else {
        spelling.takeOneOf({"sc", "acq_rel"});
        scope = spelling.takeOneOf({"cta", "cluster", "gpu", "sys"});
        if (scope.empty()) decoder.refuse("fence names a scope");
    }
    decoder.expectNothingLeft(spelling);
    Op& op = decoder.emit(decoder.entry("fence"));
    op.order = Order::ACQ_REL;
    op.reach = scope == "cta" ? Reach::BLOCK : scope == "sys" ? Reach::SYSTEM : Reach::DEVICE;
}

// shfl.sync.mode.b32 d{|p}, a, b, c, members
void decodeShuffle(Decoder& decoder, Spelling spelling) {
    expectSync(decoder, spelling);
    decoder.expectOperands(5, 5);
    const std::string_view mode = spelling.takeOneOf({"up", "down", "bfly", "idx"});
    if (mode.empty() || !spelling.take("b32")) decoder.refuse("unknown form of shfl");
    decoder.expectNothingLeft(spelling);
    const std::uint32_t a = decoder.read(decoder.operand(1), 4);
    const std::uint32_t b = decoder.read(decoder.operand(2), 4);
    const std::uint32_t c = decoder.read(decoder.operand(3), 4);
    Op& op = emitCollective(decoder, decoder.entry("shfl." + std::string(mode)));
    op.a = a;
    op.b = b;
    op.c = c;
    decoder.pair(decoder.operand(0), 4, op);
}

// vote.sync.all|any|uni.pred p, {!}a, members;  vote.sync.ballot.b32 d, {!}a, members
void decodeVote(Decoder& decoder, Spelling spelling) {
    expectSync(decoder, spelling);
    decoder.expectOperands(3, 3);
    const std::string_view mode = spelling.takeOneOf({"all", "any", "uni", "ballot"});
    const bool ballot = mode == "ballot";
    if (mode.empty() || !spelling.take(ballot ? "b32" : "pred")) decoder.refuse("unknown form of vote");
    decoder.expectNothingLeft(spelling);
    std::int64_t flip = 0;
    const std::uint32_t a = readVote(decoder, decoder.operand(1), flip);
    const std::uint32_t d = decoder.write(decoder.operand(0), ballot ? 4 : 0);
    Op& op = emitCollective(decoder, decoder.entry("vote." + std::string(mode)));
    op.dst = d;
    op.a = a;
    op.imm = flip;
}

// match.any.sync.type d, a, members;  match.all.sync.type d{|p}, a, members
void decodeMatch(Decoder& decoder, Spelling spelling) {
    expectSync(decoder, spelling);
    decoder.expectOperands(3, 3);
    const std::string_view mode = spelling.takeOneOf({"any", "all"});
    const std::string_view type = spelling.takeOneOf({"b32", "b64"});
    if (mode.empty() || type.empty()) decoder.refuse("unknown form of match");
    decoder.expectNothingLeft(spelling);
    const std::uint32_t a = decoder.read(decoder.operand(1), type == "b64" ? 8 : 4);
    Op& op = emitCollective(decoder, decoder.entry("match." + std::string(mode) + "." + std::string(type)));
    op.a = a;
    decoder.pair(decoder.operand(0), 4, op);
}

// redux.sync.op.type d, a, members
void decodeReduction(Decoder& decoder, Spelling spelling) {
    expectSync(decoder, spelling);
    decoder.expectOperands(3, 3);
    const std::string_view what = spelling.takeOneOf({"add", "min", "max", "and", "or", "xor"});
    const std::string_view type = spelling.takeLast();
    decoder.expectNothingLeft(spelling);
    const std::uint32_t a = decoder.read(decoder.operand(1), 4);
    const std::uint32_t d = decoder.write(decoder.operand(0), 4);
    Op& op = emitCollective(decoder, decoder.entry("redux." + std::string(what) + "." + std::string(type)));
    op.dst = d;
    op.a = a;
}

// elect.sync d|p, members: the lowest of them is the leader
void decodeElect(Decoder& decoder, Spelling spelling) {
    expectSync(decoder, spelling);
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 2);
    if (decoder.operand(0).kind != ptx::OperandKind::PAIR) decoder.refuse("elect.sync writes d|p");
    Op& op = emitCollective(decoder, decoder.entry("elect"));
    decoder.pair(decoder.operand(0), 4, op);
}

void decodeActiveMask(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(1, 1);
    if (!spelling.take("b32")) decoder.refuse("activemask takes .b32");
    decoder.expectNothingLeft(spelling);
    const std::uint32_t d = decoder.write(decoder.operand(0), 4);
    decoder.emit(decoder.entry("activemask")).dst = d;
}

}  // namespace quern::emulator
