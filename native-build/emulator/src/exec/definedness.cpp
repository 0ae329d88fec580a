#include "exec/definedness.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "exec/convert_format.hpp"
#include "exec/fault.hpp"
#include "exec/rounding_flags.hpp"
#include "exec/table.hpp"

namespace quern::emulator {

namespace {

/// How undefined bits pass from operands to the result.
enum class Rule : std::uint8_t {
    ANY,      // all of the result where anything of an operand is
    BITS_A,   // the instruction moves the bits of a; other operands say where to
    BITS_AB,  // the same of a and b
    PARTS,    // bits of op.more, gathered
    SELECT,   // a or b, as the predicate c says
    AND,
    OR,
    XOR,
    LOOK_UP,  // lop3
    CARRY,    // upwards from the lowest undefined bit
    CONVERT,  // BITS_A between integers, else ANY
    VOTE,     // ANY, over all lanes
    SHUFFLE,
    COPY_LOCAL,
    SAVE,  // registers of a frame
    RESTORE,
    NOTHING,
};

using Rules = std::unordered_map<Handler, Rule>;

Rules makeRules() {
    Rules rules;
    const auto add = [&](Rule rule, const std::string& key) {
        if (const Entry* entry = findEntry(key)) rules.emplace(entry->run, rule);
    };
    const char* const integers[] = {"u16", "s16", "u32", "s32", "u64", "s64"};
    for (const char* width : {"16", "32", "64"}) {
        const std::string b = std::string("b") + width;
        for (const char* sign : {"b", "u", "s"}) add(Rule::BITS_A, std::string("shr.") + sign + width);
        for (const char* what : {"mov.", "shl.", "brev."}) add(Rule::BITS_A, what + b);
        for (const char* what : {"not.", "xor."}) add(Rule::XOR, what + b);
        add(Rule::AND, "and." + b);
        add(Rule::OR, "or." + b);
        add(Rule::SELECT, "selp." + b);
        for (const char* sign : {"u", "s"}) {
            for (const char* what : {"add.", "sub.", "mul.lo.", "mad.lo."})
                add(Rule::CARRY, std::string(what) + sign + width);
        }
        for (const char* mode : {"any.", "all."}) add(Rule::VOTE, std::string("match.") + mode + b);
    }
    for (const char* key : {"mov.b8", "mov.pred", "unpack.2.1", "unpack.4.2", "unpack.4.1", "unpack.8.4",
                            "unpack.8.2", "bfe.u32", "bfe.u64", "bfe.s32", "bfe.s64"})
        add(Rule::BITS_A, key);
    for (const char* key : {"pack.2.1", "pack.4.2", "pack.4.1", "pack.8.4", "pack.8.2"})
        add(Rule::PARTS, key);
    for (const char* mode : {"", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"})
        add(Rule::BITS_AB, std::string("prmt.b32") + mode);
    for (const char* key :
         {"shf.l.clamp.b32", "shf.l.wrap.b32", "shf.r.clamp.b32", "shf.r.wrap.b32", "bfi.b32", "bfi.b64"})
        add(Rule::BITS_AB, key);
    for (const char* to : integers) {
        for (const char* from : integers) add(Rule::BITS_A, std::string("cvt.") + to + "." + from);
    }
    add(Rule::CONVERT, "cvt");
    add(Rule::LOOK_UP, "lop3.b32");
    add(Rule::AND, "and.pred");
    add(Rule::OR, "or.pred");
    for (const char* key : {"xor.pred", "not.pred"}) add(Rule::XOR, key);
    for (const char* key : {"vote.ballot", "vote.all", "vote.any", "vote.uni", "redux.add.u32",
                            "redux.min.u32", "redux.min.s32", "redux.max.u32", "redux.max.s32",
                            "redux.and.b32", "redux.or.b32", "redux.xor.b32"})
        add(Rule::VOTE, key);
    for (const char* key : {"shfl.up", "shfl.down", "shfl.bfly", "shfl.idx"}) add(Rule::SHUFFLE, key);
    add(Rule::COPY_LOCAL, "copy.parameter");
    add(Rule::SAVE, "frame.save");
    add(Rule::RESTORE, "frame.restore");
    for (const char* key : {"nop", "fence", "trap"}) add(Rule::NOTHING, key);
    return rules;
}

Rule ruleOf(Handler handler) {
    static const Rules rules = makeRules();
    const auto found = rules.find(handler);
    return found == rules.end() ? Rule::ANY : found->second;
}

template <typename T>
void bitRule(const Warp& warp, const Op& op, Rule rule, std::uint32_t distance, std::uint32_t lanes) {
    const T* a = lanesOf<T>(warp, op.a);
    const T* b = lanesOf<T>(warp, op.b);
    const T* ua = lanesOf<T>(warp, op.a + distance);
    const T* ub = lanesOf<T>(warp, op.b + distance);
    const T* uc = lanesOf<T>(warp, op.c + distance);
    T* d = lanesOf<T>(warp, op.dst + distance);
    forEachLane(lanes, [&](int i) {
        T u = 0;
        switch (rule) {
            // A known 0 decides a conjunction, a known 1 a disjunction.
            case Rule::AND: u = static_cast<T>((ua[i] | ub[i]) & (ua[i] | a[i]) & (ub[i] | b[i])); break;
            case Rule::OR:
                u = static_cast<T>((ua[i] | ub[i]) & (ua[i] | static_cast<T>(~a[i])) &
                                   (ub[i] | static_cast<T>(~b[i])));
                break;
            case Rule::CARRY:
                u = static_cast<T>(ua[i] | ub[i] | uc[i]);
                u = static_cast<T>(u | static_cast<T>(T{0} - u));
                break;
            default: u = static_cast<T>(ua[i] | ub[i]); break;
        }
        d[i] = u;
    });
}

bool areInARow(const Op& op, const std::uint64_t* address) {
    for (int lane = 1; lane < LANES; lane++) {
        if (address[lane] != address[lane - 1] + op.bytes) return false;
    }
    return true;
}

std::uint32_t lookUp(std::int64_t table, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    std::uint32_t result = 0;
    for (int k = 0; k < 8; k++) {
        if ((table >> k & 1) == 0) continue;
        result |= ((k & 4) != 0 ? a : ~a) & ((k & 2) != 0 ? b : ~b) & ((k & 1) != 0 ? c : ~c);
    }
    return result;
}

}  // namespace

BlockDefinedness::BlockDefinedness(const DeviceMemory& memory, const Program& program, std::uint32_t warps,
                                   std::uint32_t sharedBytes, std::uint32_t distance)
    : memory_(memory),
      program_(program),
      distance_(distance),
      shared_(sharedBytes / 8 + 16),
      tainted_(warps),
      origins_(warps),
      local_(warps),
      saved_(warps) {}

void BlockDefinedness::start() {
    std::fill(shared_.begin(), shared_.end(), std::uint8_t{0});
    for (std::byte*& registers : tainted_) {
        if (registers != nullptr) std::memset(registers + distance_, 0, distance_);
        registers = nullptr;
    }
    for (std::vector<std::uint8_t>& bytes : local_) bytes.clear();
    for (auto& lanes : saved_) {
        for (std::vector<std::byte>& bytes : lanes) bytes.clear();
    }
}

void BlockDefinedness::taint(const Warp& warp, const Op& op, int lane) {
    if (isTainted(warp)) return;
    tainted_[warp.index] = warp.registers;
    origins_[warp.index] = {&op, warp.index * LANES + static_cast<std::uint32_t>(lane)};
}

void BlockDefinedness::raise(const Warp& warp, const Op& op, int lane, const char* what) const {
    Fault fault;
    fault.kind = FaultKind::UNINITIALISED;
    fault.op = &op;
    fault.lane = lane;
    fault.message = std::string("an uninitialised value decides ") + what;
    const Origin& origin = origins_[warp.index];
    fault.otherOp = origin.op;
    fault.other.who = origin.thread;
    throw fault;
}

// Memory.

/// The map of the memory around an address, null where all of it is defined, and the address's bit in it.
std::uint8_t* BlockDefinedness::bitsOf(std::uint64_t address, std::uint64_t& bit) {
    if (last_ == nullptr || !last_->contains(address, 1)) last_ = memory_.find(address);
    if (last_ == nullptr) return nullptr;
    bit = address - last_->base;
    return last_->initialised();
}

/// The bytes of the lane's value, from the lowest, that are undefined.
std::uint32_t BlockDefinedness::undefinedSource(const Warp& warp, const Op& op, int lane) const {
    const std::uint32_t element = op.bytes / op.count;
    std::uint32_t undefined = 0;
    for (std::uint32_t i = 0; i < op.bytes; i++) {
        const std::uint32_t source = op.count == 1 ? op.b : op.more[i / element];
        const std::uint32_t at = static_cast<std::uint32_t>(lane) * program_.widthOf(source) + i % element;
        if (warp.registers[source + distance_ + at] != std::byte{0}) undefined |= 1U << i;
    }
    return undefined;
}

void BlockDefinedness::load(const Warp& warp, const Op& op, const std::uint32_t* undefined) {
    const std::uint32_t element = op.bytes / op.count;
    for (std::uint32_t k = 0; k < op.count; k++) {
        const std::uint32_t target = op.count == 1 ? op.dst : op.more[k];
        const std::uint32_t width = program_.widthOf(target);
        if (width == 0) continue;  // the sink
        forEachLane(warp.mask, [&](int lane) {
            std::byte* shadow =
                warp.registers + target + distance_ + static_cast<std::uint32_t>(lane) * width;
            std::memset(shadow, 0, width);
            for (std::uint32_t i = 0; i < std::min(element, width); i++) {
                if ((undefined[lane] >> (k * element + i) & 1) != 0) shadow[i] = std::byte{0xff};
            }
        });
    }
}

/// The most frequent access of all: 32 lanes in a row, of which nothing is undefined.
bool BlockDefinedness::isWhole(const Op& op, std::uint64_t first) {
    std::uint64_t bit = 0;
    std::uint8_t* bits = bitsOf(first, bit);
    if (bits == nullptr) return last_ != nullptr && last_->contains(first, std::uint64_t{op.bytes} * LANES);
    const std::size_t count = std::size_t{op.bytes} * LANES / 8;
    if (bit % 8 != 0) return false;
    bits += bit / 8;
    if (op.store) {
        std::memset(bits, 0xff, count);
        return true;
    }
    std::uint8_t all = 0xff;
    for (std::size_t i = 0; i < count; i++) all &= bits[i];
    return all == 0xff;
}

void BlockDefinedness::access(const Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                              const std::uint64_t* address) {
    if ((global | shared) == 0) return;
    if (op.kind == InstructionClass::MATRIX) {
        if (isTainted(warp)) {
            const std::uint32_t wrong = undefinedLanes(warp, op.a) & (global | shared);
            if (wrong != 0) raise(warp, op, __builtin_ctz(wrong), "an address");
        }
        return accessMatrix(warp, op, global, shared, address);
    }
    const bool listed = &op >= program_.code.data() && &op < program_.code.data() + program_.code.size();
    // The store of an asynchronous copy stands beside its load; its registers are others by now.
    const bool copies = !listed && op.store;
    const bool plain = op.kind == InstructionClass::MEMORY && listed;
    const bool atomic = op.kind == InstructionClass::ATOMIC;
    const bool tainted = isTainted(warp) && (plain || atomic);
    if (tainted) {
        const std::uint32_t wrong = undefinedLanes(warp, op.a) & (global | shared);
        if (wrong != 0) raise(warp, op, __builtin_ctz(wrong), "an address");
    }
    if (plain && !tainted && global == ALL_LANES && areInARow(op, address) && isWhole(op, address[0])) return;
    const std::uint32_t all = op.bytes >= 32 ? ~0U : (1U << op.bytes) - 1;
    std::uint32_t undefined[LANES] = {};
    int first = -1;
    forEachLane(global | shared, [&](int lane) {
        std::uint64_t bit = address[lane];
        std::uint8_t* bits = (shared >> lane & 1) != 0 ? shared_.data() : bitsOf(address[lane], bit);
        if (bits == nullptr) return;
        std::uint64_t word;
        std::memcpy(&word, bits + bit / 8, sizeof word);
        if (!op.store || atomic) {
            undefined[lane] = all & ~static_cast<std::uint32_t>(word >> bit % 8);
            if (undefined[lane] != 0 && first < 0) first = lane;
        }
        if (!op.store) return;
        std::uint32_t wrong = copies ? copied_[static_cast<std::size_t>(lane)] & all : 0;
        if (tainted) wrong = undefinedSource(warp, op, lane);
        if (atomic) wrong = wrong != 0 || undefined[lane] != 0 ? all : 0;
        word |= std::uint64_t{all} << bit % 8;
        word &= ~(std::uint64_t{wrong} << bit % 8);
        std::memcpy(bits + bit / 8, &word, sizeof word);
    });
    if (!op.store && !plain) {
        forEachLane(global | shared,
                    [&](int lane) { copied_[static_cast<std::size_t>(lane)] = undefined[lane]; });
        return;
    }
    if (first >= 0) taint(warp, op, first);
    if (first >= 0 || tainted) {
        if (!op.store || atomic) load(warp, op, undefined);
    }
}

// Local memory. It counts as written from the begin: what matters is what is put there.

std::uint8_t* BlockDefinedness::localOf(const Warp& warp, int lane) {
    std::vector<std::uint8_t>& bytes = local_[warp.index];
    bytes.resize(std::size_t{LANES} * warp.localBytes);
    return bytes.data() + static_cast<std::size_t>(lane) * warp.localBytes;
}

/// The lanes of warp.mask that reach local memory, and where.
std::uint32_t BlockDefinedness::localLanes(const Warp& warp, const Op& op, std::uint64_t* address) const {
    if (op.space != Space::LOCAL && op.space != Space::GENERIC) return 0;
    std::uint32_t lanes = 0;
    forEachLane(warp.mask, [&](int lane) {
        const std::uint64_t at =
            op.wide ? lanesOf<std::uint64_t>(warp, op.a)[lane] + static_cast<std::uint64_t>(op.imm)
                    : lanesOf<std::uint32_t>(warp, op.a)[lane] + static_cast<std::uint32_t>(op.imm);
        if (op.space == Space::GENERIC && at >> WINDOW_SHIFT != LOCAL_WINDOW >> WINDOW_SHIFT) return;
        address[lane] = op.space == Space::GENERIC ? at & WINDOW_OFFSET : at;
        // What is out of bounds is reported by the access itself.
        if (address[lane] + op.bytes <= warp.localBytes) lanes |= 1U << lane;
    });
    return lanes;
}

void BlockDefinedness::accessLocal(const Warp& warp, const Op& op) {
    std::uint64_t address[LANES];
    const std::uint32_t lanes = localLanes(warp, op, address);
    std::uint32_t undefined[LANES] = {};
    if (const std::uint32_t wrong = lanes & undefinedLanes(warp, op.a); wrong != 0)
        raise(warp, op, __builtin_ctz(wrong), "an address");
    forEachLane(lanes, [&](int lane) {
        const std::uint32_t stored = op.store ? undefinedSource(warp, op, lane) : 0;
        if (local_[warp.index].empty() && stored == 0) return;
        std::uint8_t* const bytes = localOf(warp, lane) + address[lane];
        for (std::uint32_t i = 0; i < op.bytes; i++) {
            if (op.store) bytes[i] = stored >> i & 1;
            undefined[lane] |= std::uint32_t{bytes[i]} << i;
        }
    });
    if (!op.store) load(warp, op, undefined);
}

void BlockDefinedness::copyLocal(const Warp& warp, const Op& op) {
    if (local_[warp.index].empty()) return;
    forEachLane(warp.mask, [&](int lane) {
        std::uint8_t* const bytes = localOf(warp, lane);
        std::memmove(bytes + op.dst, bytes + op.a, static_cast<std::size_t>(op.imm));
    });
}

/// Shadows of the registers that are saved now lie where the registers do among those of the lane.
void BlockDefinedness::saveFrame(const Warp& warp, const Op& op) {
    forEachLane(warp.mask, [&](int lane) {
        std::vector<std::byte>& saved = saved_[warp.index][static_cast<std::size_t>(lane)];
        saved.resize(
            warp.frames->lane[static_cast<std::size_t>(lane)].size());  // before: nothing was undefined
        for (std::int64_t i = 0; i < op.imm; i += 2) {
            const std::uint32_t bytes = op.more[i + 1];
            const std::byte* from = warp.registers + op.more[i] + distance_;
            if (bytes == 0) {
                saved.push_back(
                    static_cast<std::byte>(predicateOf(warp, op.more[i] + distance_) >> lane & 1));
            } else {
                saved.insert(saved.end(), from + static_cast<std::uint32_t>(lane) * bytes,
                             from + static_cast<std::uint32_t>(lane + 1) * bytes);
            }
        }
    });
}

void BlockDefinedness::restoreFrame(const Warp& warp, const Op& op) {
    forEachLane(warp.mask, [&](int lane) {
        std::vector<std::byte>& saved = saved_[warp.index][static_cast<std::size_t>(lane)];
        std::size_t at = warp.frames->lane[static_cast<std::size_t>(lane)].size();
        saved.resize(at);
        for (std::int64_t i = op.imm - 2; i >= 0; i -= 2) {
            const std::uint32_t bytes = op.more[i + 1];
            at -= bytes == 0 ? 1 : bytes;
            if (bytes == 0) {
                std::uint32_t& predicate = predicateOf(warp, op.more[i] + distance_);
                predicate = (predicate & ~(1U << lane)) | static_cast<std::uint32_t>(saved[at]) << lane;
            } else {
                std::memcpy(
                    warp.registers + op.more[i] + distance_ + static_cast<std::uint32_t>(lane) * bytes,
                    &saved[at], bytes);
            }
        }
        saved.resize(at);
    });
}

// Registers.

std::uint32_t BlockDefinedness::undefinedLanes(const Warp& warp, std::uint32_t offset) const {
    const std::uint32_t width = program_.widthOf(offset);
    const std::byte* shadow = warp.registers + offset + distance_;
    if (width == 0) {
        std::uint32_t lanes;
        std::memcpy(&lanes, shadow, sizeof lanes);
        return lanes;
    }
    std::uint32_t lanes = 0;
    for (std::uint32_t lane = 0; lane < LANES; lane++) {
        for (std::uint32_t i = 0; i < width; i++) {
            if (shadow[lane * width + i] != std::byte{0}) lanes |= 1U << lane;
        }
    }
    return lanes;
}

/// Makes lanes of warp.mask wholly undefined, the others of it defined.
void BlockDefinedness::setLanes(const Warp& warp, std::uint32_t offset, std::uint32_t undefined) const {
    if (offset >= SINK && offset < FIRST_REGISTER) return;
    const std::uint32_t width = program_.widthOf(offset);
    std::byte* shadow = warp.registers + offset + distance_;
    if (width == 0) {
        std::uint32_t lanes;
        std::memcpy(&lanes, shadow, sizeof lanes);
        lanes = (lanes & ~warp.mask) | (undefined & warp.mask);
        std::memcpy(shadow, &lanes, sizeof lanes);
        return;
    }
    forEachLane(warp.mask, [&](int lane) {
        std::memset(shadow + static_cast<std::uint32_t>(lane) * width,
                    (undefined >> lane & 1) != 0 ? 0xff : 0, width);
    });
}

void BlockDefinedness::checkGuard(const Warp& warp, const Op& op, std::uint32_t mask) const {
    const std::uint32_t wrong = undefinedLanes(warp, op.guard) & mask;
    if (wrong == 0) return;
    raise(warp, op, __builtin_ctz(wrong),
          op.flow == Flow::BRANCH ? "a branch" : "whether an instruction is executed");
}

/// The instruction itself moves bits: from the shadows of a, and of b, to that of its result.
void BlockDefinedness::runOnShadows(Warp& warp, const Op& op, bool b) const {
    Op shadow = op;
    std::vector<std::uint32_t> more;
    if (op.more != nullptr) {
        // Packing or unpacking: two or four registers, of which one may be the sink.
        const std::uint32_t whole = program_.widthOf(op.dst == SINK ? op.a : op.dst);
        const std::uint32_t part = std::max(program_.widthOf(op.more[0]), program_.widthOf(op.more[1]));
        if (part == 0) return;
        for (std::uint32_t k = 0; k < whole / part; k++)
            more.push_back(op.more[k] == SINK ? SINK : op.more[k] + distance_);
        shadow.more = more.data();
    }
    if (op.dst != SINK) shadow.dst = op.dst + distance_;
    if (op.dst2 != SINK) shadow.dst2 = SINK;
    shadow.a = op.a + distance_;
    if (b) shadow.b = op.b + distance_;
    shadow.run(warp, shadow);
}

bool BlockDefinedness::isShuffle(const Op& op) { return ruleOf(op.run) == Rule::SHUFFLE; }

void BlockDefinedness::shuffle(Warp& warp, const Op& op) {
    Op shadow = op;
    alignas(64) std::uint32_t before[LANES];
    std::uint32_t* d = lanesOf<std::uint32_t>(warp, op.dst + distance_);
    std::memcpy(before, d, sizeof before);
    const std::uint32_t control = undefinedLanes(warp, op.b) | undefinedLanes(warp, op.c);
    shadow.a = op.a + distance_;
    shadow.dst = op.dst + distance_;
    shadow.dst2 = SINK;
    shadow.run(warp, shadow);
    if (op.dst == SINK) return;
    forEachLane(warp.mask, [&](int lane) {
        if ((control >> lane & 1) != 0) d[lane] = ~0U;
        if (d[lane] != 0) taint(warp, op, lane);
    });
    if (op.dst2 != SINK && isTainted(warp)) setLanes(warp, op.dst2, control);
}

void BlockDefinedness::propagate(Warp& warp, const Op& op) {
    if (op.kind == InstructionClass::ATOMIC) return;
    if (op.kind == InstructionClass::MATRIX) return propagateMatrix(warp, op);
    // Parameters are defined; accesses of global and shared memory say so themselves.
    const bool frame = op.kind == InstructionClass::MOVE && op.site != NO_SITE && op.space == Space::LOCAL;
    if (op.kind == InstructionClass::MEMORY || frame) return accessLocal(warp, op);
    Rule rule = ruleOf(op.run);
    if (rule == Rule::NOTHING) return;
    if (rule == Rule::COPY_LOCAL) return copyLocal(warp, op);
    if (rule == Rule::SAVE) return saveFrame(warp, op);
    if (rule == Rule::RESTORE) return restoreFrame(warp, op);
    const std::uint32_t a = undefinedLanes(warp, op.a);
    const std::uint32_t b = undefinedLanes(warp, op.b);
    const std::uint32_t c = undefinedLanes(warp, op.c);
    const std::uint32_t e = undefinedLanes(warp, op.e);
    if (rule == Rule::CONVERT) {
        const Conversion how = Conversion::unpack(op.imm);
        rule = isFloat(how.to) || isFloat(how.from) || (op.flags & FLAG_SAT) != 0 ? Rule::ANY : Rule::BITS_A;
    }
    const std::uint32_t width = program_.widthOf(op.dst);
    switch (rule) {
        case Rule::BITS_A:
        case Rule::BITS_AB:
        case Rule::SELECT:
        case Rule::PARTS: {
            const bool both = rule == Rule::BITS_AB || rule == Rule::SELECT;
            const std::uint32_t control = rule == Rule::PARTS ? 0 : (both ? 0 : b) | c | e;
            runOnShadows(warp, op, both);
            const std::uint32_t lanes = control & warp.mask;
            if (lanes == 0) return;
            const std::uint32_t mask = warp.mask;
            warp.mask = lanes;
            setLanes(warp, op.dst, lanes);
            warp.mask = mask;
            return;
        }
        case Rule::LOOK_UP: {
            const std::uint32_t* x = lanesOf<std::uint32_t>(warp, op.a);
            const std::uint32_t* y = lanesOf<std::uint32_t>(warp, op.b);
            const std::uint32_t* z = lanesOf<std::uint32_t>(warp, op.c);
            const std::uint32_t* ux = lanesOf<std::uint32_t>(warp, op.a + distance_);
            const std::uint32_t* uy = lanesOf<std::uint32_t>(warp, op.b + distance_);
            const std::uint32_t* uz = lanesOf<std::uint32_t>(warp, op.c + distance_);
            std::uint32_t* d = lanesOf<std::uint32_t>(warp, op.dst + distance_);
            forEachLane(warp.mask, [&](int i) {
                // Undefined is what some choice of the undefined bits changes.
                std::uint32_t some = 0;
                std::uint32_t every = ~0U;
                for (int k = 0; k < 8; k++) {
                    const std::uint32_t result =
                        lookUp(op.imm, x[i] ^ ((k & 1) != 0 ? ux[i] : 0), y[i] ^ ((k & 2) != 0 ? uy[i] : 0),
                               z[i] ^ ((k & 4) != 0 ? uz[i] : 0));
                    some |= result;
                    every &= result;
                }
                d[i] = some & ~every;
            });
            return;
        }
        case Rule::AND:
        case Rule::OR:
        case Rule::XOR:
        case Rule::CARRY:
            if (width == 0) {
                const std::uint32_t x = predicateOf(warp, op.a);
                const std::uint32_t y = predicateOf(warp, op.b);
                std::uint32_t undefined = a | b;
                if (rule == Rule::AND) undefined &= (a | x) & (b | y);
                if (rule == Rule::OR) undefined &= (a | ~x) & (b | ~y);
                setLanes(warp, op.dst, undefined);
            } else if (width == 2) {
                bitRule<std::uint16_t>(warp, op, rule, distance_, warp.mask);
            } else if (width == 4) {
                bitRule<std::uint32_t>(warp, op, rule, distance_, warp.mask);
            } else {
                bitRule<std::uint64_t>(warp, op, rule, distance_, warp.mask);
            }
            return;
        case Rule::VOTE: {
            const std::uint32_t undefined = (a & warp.mask) != 0 ? ~0U : 0;
            setLanes(warp, op.dst, undefined);
            setLanes(warp, op.dst2, undefined);
            return;
        }
        default: setLanes(warp, op.dst, a | b | c | e); setLanes(warp, op.dst2, a | b | c | e);
    }
}

}  // namespace quern::emulator
