// Loads, stores, atomics, address spaces.
#include "decode/decoder.hpp"
#include "exec/warp.hpp"

namespace quern::emulator {

namespace {

/// A type in memory: its key in the instruction table, its size, and whether a wider register gets its sign.
struct MemoryType {
    std::string key;
    std::uint32_t bytes = 0;
};

MemoryType memoryType(Decoder& decoder, std::string_view type) {
    for (const auto& [letters, isSigned] : {std::pair{"buf", false}, std::pair{"s", true}}) {
        for (std::uint32_t bytes : {1U, 2U, 4U, 8U}) {
            for (const char* letter = letters; *letter != '\0'; letter++) {
                if (type != *letter + std::to_string(8 * bytes) || (*letter == 'f' && bytes < 4)) continue;
                // 64 bits fill every register: their sign does not matter.
                return {(isSigned && bytes < 8 ? "s" : "u") + std::to_string(8 * bytes), bytes};
            }
        }
    }
    decoder.refuse("unknown type ." + std::string(type) + " of memory");
}

Space takeSpace(Spelling& spelling) {
    if (spelling.take("global") || spelling.take("const")) return Space::GLOBAL;
    if (spelling.take("shared") || spelling.take("shared::cta") || spelling.take("shared::cluster"))
        return Space::SHARED;
    if (spelling.take("local")) return Space::LOCAL;
    if (spelling.take("param") || spelling.take("param::entry") || spelling.take("param::func"))
        return Space::PARAMETER;
    return Space::GENERIC;
}

struct Ordering {
    Order order = Order::WEAK;
    Reach reach = Reach::DEVICE;
};

/// Ordering and scope. Accesses of one thread are done in order and x86 keeps stores in order, so that weak, relaxed,
/// release and acquire accesses do the same; the checks tell them apart.
Ordering takeOrdering(Spelling& spelling) {
    if (spelling.take("weak")) return {};
    spelling.take("mmio");
    if (spelling.take("volatile")) return {Order::RELAXED, Reach::SYSTEM};
    Ordering ordering;
    const std::string_view order = spelling.takeOneOf({"relaxed", "acquire", "release", "acq_rel"});
    if (order == "relaxed") ordering.order = Order::RELAXED;
    if (order == "acquire") ordering.order = Order::ACQUIRE;
    if (order == "release") ordering.order = Order::RELEASE;
    if (order == "acq_rel") ordering.order = Order::ACQ_REL;
    const std::string_view scope = spelling.takeOneOf({"cta", "cluster", "gpu", "sys"});
    if (scope == "cta") ordering.reach = Reach::BLOCK;
    if (scope == "sys") ordering.reach = Reach::SYSTEM;
    return ordering;
}

/// How long caches should keep what is accessed: nothing here.
void takeCacheHints(Spelling& spelling) {
    spelling.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
    spelling.takeOneOf(
        {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
    spelling.takeOneOf({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
    spelling.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
}

/// .L2::cache_hint: the last operand is a cache policy, which has no effect here. True where there is one.
bool takePolicy(Decoder& decoder, Spelling& spelling) {
    if (!spelling.take("L2::cache_hint")) return false;
    decoder.read(decoder.operands().back(), 8);
    return true;
}

std::uint32_t takeVector(Spelling& spelling) {
    if (spelling.take("v2")) return 2;
    if (spelling.take("v4")) return 4;
    return spelling.take("v8") ? 8 : 1;
}

/// The registers of a vector operand, all of one width; a single one is a vector of one.
std::vector<std::uint32_t> elements(Decoder& decoder, const ptx::Operand& operand, std::uint32_t count,
                                    std::uint32_t& bytes, bool written, char type) {
    std::vector<ptx::Operand> parts{operand};
    if (operand.kind == ptx::OperandKind::VECTOR) parts = operand.elements;
    if (parts.size() != count)
        decoder.refuse("a vector of " + std::to_string(count) + " registers is expected", operand.place);
    const std::uint32_t least = bytes;
    std::vector<std::uint32_t> offsets;
    bool first = true;
    for (const ptx::Operand& part : parts) {
        std::uint32_t width = least;
        offsets.push_back(written ? decoder.writeWide(part, width) : decoder.readWide(part, width, type));
        if (width < least)
            decoder.refuse(std::string(part.name) + " is narrower than the access", part.place);
        // The sink and constants fit any width.
        const bool fits = part.name == "_" || part.kind != ptx::OperandKind::NAME;
        if (!first && !fits && width != bytes) decoder.refuse("registers of different widths", part.place);
        if (!fits) {
            bytes = width;
            first = false;
        }
    }
    return offsets;
}

void decodeAccess(Decoder& decoder, Spelling spelling, bool store) {
    decoder.expectOperands(2, 3);
    const bool constant = spelling.has("const");
    if (store && constant) decoder.refuse("constant memory cannot be stored to");
    const Ordering ordering = takeOrdering(spelling);
    Space space = takeSpace(spelling);
    takeCacheHints(spelling);
    const std::size_t operands = takePolicy(decoder, spelling) ? 3 : 2;
    decoder.expectOperands(operands, operands);
    if (!store) spelling.take("nc");
    spelling.take("unified");
    std::uint32_t count = takeVector(spelling);
    const std::string_view typeName = spelling.takeLast();
    decoder.expectNothingLeft(spelling);
    const ptx::Operand& data = decoder.operand(store ? 1 : 0);
    // 128 bits are two registers of 64, and lie in memory as these.
    const bool wide = typeName == "b128";
    if (wide && count > 1) decoder.refuse("no vectors of 128 bits");
    const MemoryType type = memoryType(decoder, wide ? "b64" : typeName);

    const char letter = typeName[0] == 'f' ? (type.bytes == 8 ? 'F' : 'f') : 'b';
    std::uint32_t width = type.bytes;
    std::vector<std::uint32_t> registers;
    if (wide) {
        const auto halves = decoder.halves(data);
        registers.assign(halves.begin(), halves.end());
        count = 2;
    } else {
        registers = elements(decoder, data, count, width, !store, letter);
    }
    const std::string in = store ? std::to_string(type.bytes) : type.key;
    const std::string key =
        std::string(store ? "st." : "ld.") + in + "." + std::to_string(width) + ".v" + std::to_string(count);
    // A sign that fills the register exactly is no extension.
    const bool exact = width == type.bytes && !store;
    const std::string unsignedKey =
        "ld.u" + std::to_string(8 * type.bytes) + "." + std::to_string(width) + ".v" + std::to_string(count);
    Op& op = decoder.emit(decoder.entry(exact ? unsignedKey : key));
    op.space = space;
    op.store = store;
    op.bytes = static_cast<std::uint8_t>(type.bytes * count);
    op.count = static_cast<std::uint8_t>(count);
    op.order = ordering.order;
    op.reach = ordering.reach;
    op.constant = constant;
    op.site = decoder.newSite();
    op.more = decoder.list(registers);
    if (store) {
        op.b = registers[0];
    } else {
        op.dst = registers[0];
    }
    decoder.address(op, decoder.operand(store ? 0 : 1));
}

}  // namespace

void decodeLoad(Decoder& decoder, Spelling spelling) { decodeAccess(decoder, std::move(spelling), false); }
void decodeStore(Decoder& decoder, Spelling spelling) { decodeAccess(decoder, std::move(spelling), true); }

namespace {

/// The vector form (sm_90): each element by itself is atomic, and the vector is not.
void decodeAtomicVector(Decoder& decoder, const Entry& entry, Space space, const Ordering& ordering,
                        std::uint32_t bytes, std::uint32_t count, bool returns) {
    const std::size_t first = returns ? 1 : 0;
    if (space != Space::GLOBAL && space != Space::GENERIC)
        decoder.refuse("vectors of atomics are in global memory");
    std::uint32_t width = bytes;
    const auto b = elements(decoder, decoder.operand(first + 1), count, width, false, bytes == 4 ? 'f' : 'b');
    std::vector<std::uint32_t> d(count, SINK);
    if (returns) d = elements(decoder, decoder.operand(0), count, width, true, 'b');
    if (width != bytes) decoder.refuse("registers as wide as the elements are expected");
    for (std::uint32_t k = 0; k < count; k++) {
        Op& op = decoder.emit(entry);
        op.space = space;
        op.store = true;
        op.bytes = static_cast<std::uint8_t>(bytes);
        op.order = ordering.order == Order::WEAK ? Order::RELAXED : ordering.order;
        op.reach = ordering.reach;
        op.site = decoder.newSite();
        op.dst = d[k];
        op.b = b[k];
        op.c = b[k];
        decoder.address(op, decoder.operand(first));
        op.imm += static_cast<std::int64_t>(k * bytes);
    }
}

/// exch and cas of 128 bits (sm_90): Op::more lists the halves of d, b and c.
void decodeAtomic128(Decoder& decoder, std::string_view what, Space space, const Ordering& ordering,
                     bool returns) {
    if (!returns || (what != "exch" && what != "cas"))
        decoder.refuse("of 128 bits are atom.exch and atom.cas");
    std::vector<std::uint32_t> registers;
    for (const std::size_t i : {0U, 2U, what == "cas" ? 3U : 2U}) {
        const auto halves = decoder.halves(decoder.operand(i));
        registers.insert(registers.end(), halves.begin(), halves.end());
    }
    Op& op = decoder.emit(decoder.entry("atom." + std::string(what) + ".b128"));
    op.space = space;
    op.store = true;
    op.bytes = 16;
    op.count = 2;
    op.order = ordering.order == Order::WEAK ? Order::RELAXED : ordering.order;
    op.reach = ordering.reach;
    op.site = decoder.newSite();
    op.more = decoder.list(registers);
    op.dst = registers[0];
    op.b = registers[2];
    op.c = registers[4];
    decoder.address(op, decoder.operand(1));
}

}  // namespace

// atom{.sem}{.scope}{.space}.op{.noftz}.type d, [a], b {, c};  red has no d.
void decodeAtomic(Decoder& decoder, Spelling spelling) {
    const bool returns = spelling.base() == "atom";
    const Ordering ordering = takeOrdering(spelling);
    const Space space = takeSpace(spelling);
    decoder.expectOperands(1, 5);
    const std::size_t policy = takePolicy(decoder, spelling) ? 1 : 0;
    const std::uint32_t count = takeVector(spelling);
    const std::string_view what =
        spelling.takeOneOf({"add", "exch", "cas", "inc", "dec", "min", "max", "and", "or", "xor"});
    if (what.empty()) decoder.refuse("unknown atomic operation");
    const std::string_view type = spelling.takeLast();
    const bool half = type == "f16" || type == "f16x2" || type == "bf16" || type == "bf16x2";
    if (half) spelling.take("noftz");
    decoder.expectNothingLeft(spelling);

    const bool swaps = what == "cas";
    const std::size_t first = returns ? 1 : 0;
    const std::size_t operands = first + (swaps ? 3 : 2) + policy;
    decoder.expectOperands(operands, operands);
    if (type == "b128") return decodeAtomic128(decoder, what, space, ordering, returns);
    const Entry& entry = decoder.entry("atom." + std::string(what) + "." + std::string(type));
    const std::uint32_t bytes = type.ends_with("x2") || type.ends_with("32") ? 4
                                : type.ends_with("64")                       ? 8
                                                                             : 2;
    const char letter = type == "f32" ? 'f' : type == "f64" ? 'F' : 'b';
    if (count > 1) {
        const bool known = what == "add" || what == "min" || what == "max";
        if (!known || (type != "f32" && !half)) decoder.refuse("no vector form of this operation");
        return decodeAtomicVector(decoder, entry, space, ordering, bytes, count, returns);
    }
    const std::uint32_t b = decoder.read(decoder.operand(first + 1), bytes, letter);
    const std::uint32_t c = swaps ? decoder.read(decoder.operand(first + 2), bytes, letter) : b;
    const std::uint32_t d = returns ? decoder.write(decoder.operand(0), bytes) : SINK;
    Op& op = decoder.emit(entry);
    op.space = space;
    op.store = true;
    op.bytes = static_cast<std::uint8_t>(bytes);
    op.order = ordering.order == Order::WEAK ? Order::RELAXED : ordering.order;
    op.reach = ordering.reach;
    op.site = decoder.newSite();
    op.dst = d;
    op.b = b;
    op.c = c;
    decoder.address(op, decoder.operand(first));
    if (op.space == Space::LOCAL || op.space == Space::PARAMETER)
        decoder.refuse("atomics work on global and shared memory");
}

// cvta.space.u64 d, a: to generic;  cvta.to.space.u64 d, a: from generic.
void decodeAddressConversion(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(2, 2);
    const bool fromGeneric = spelling.take("to");
    const Space space = takeSpace(spelling);
    if (space == Space::GENERIC) decoder.refuse("cvta names a state space");
    if (!spelling.take("u64")) decoder.refuse("addresses have 64 bits: cvta takes .u64");
    decoder.expectNothingLeft(spelling);
    const std::uint32_t a = decoder.read(decoder.operand(1), 8);
    const std::uint32_t d = decoder.write(decoder.operand(0), 8);
    const std::uint64_t window = space == Space::SHARED      ? SHARED_WINDOW
                                 : space == Space::LOCAL     ? LOCAL_WINDOW
                                 : space == Space::PARAMETER ? PARAMETER_WINDOW
                                                             : 0;
    Op& op = decoder.emit(decoder.entry(window == 0 ? "mov.b64" : "cvta"));
    op.kind = InstructionClass::MOVE;
    op.dst = d;
    op.a = a;
    op.imm = static_cast<std::int64_t>(fromGeneric ? 0 - window : window);
}

void decodeIsSpace(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(2, 2);
    const bool constant = spelling.has("const");
    const Space space = takeSpace(spelling);
    if (space == Space::GENERIC) decoder.refuse("isspacep names a state space");
    decoder.expectNothingLeft(spelling);
    const std::uint64_t window = space == Space::SHARED      ? SHARED_WINDOW
                                 : space == Space::LOCAL     ? LOCAL_WINDOW
                                 : space == Space::PARAMETER ? PARAMETER_WINDOW
                                                             : 0;
    const std::uint32_t a = decoder.read(decoder.operand(1), 8);
    const std::uint32_t d = decoder.write(decoder.operand(0), 0);
    // Constant variables lie in global memory here: the two are told apart by the module's list of them.
    const std::uint32_t* more = window == 0 ? decoder.constantVariables() : nullptr;
    Op& op = decoder.emit(decoder.entry(window != 0 ? "isspacep"
                                        : constant  ? "isspacep.const"
                                                    : "isspacep.global"));
    op.dst = d;
    op.a = a;
    op.imm = static_cast<std::int64_t>(window);
    op.more = more;
}

// createpolicy.fractional|range|cvt... d, ...: a policy is a number that nothing here reads.
void decodePolicy(Decoder& decoder, Spelling spelling) {
    const std::string_view form = spelling.takeOneOf({"fractional", "range", "cvt"});
    if (form.empty() || spelling.takeLast() != "b64") decoder.refuse("unknown form of createpolicy");
    if (form == "cvt") {
        spelling.take("L2");
        decoder.expectOperands(2, 2);
        decoder.read(decoder.operand(1), 8);
    } else {
        if (form == "range") spelling.take("global");
        if (spelling
                .takeOneOf({"L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"})
                .empty())
            decoder.refuse("createpolicy names a priority");
        spelling.takeOneOf({"L2::evict_first", "L2::evict_unchanged"});
        decoder.expectOperands(form == "range" ? 4 : 1, form == "range" ? 4 : 2);
        if (form == "fractional" && decoder.operands().size() == 2) decoder.read(decoder.operand(1), 4, 'f');
        if (form == "range") {
            for (const std::size_t i : {2U, 3U}) decoder.read(decoder.operand(i), 4);
        }
    }
    decoder.expectNothingLeft(spelling);
    const std::uint32_t d = decoder.write(decoder.operand(0), 8);
    const std::uint32_t policy = decoder.constant(0, 8);
    Op& op = decoder.emit(decoder.entry("mov.b64"));
    op.dst = d;
    op.a = policy;
}

// Hints to caches, to launches that follow, and to profilers.
void decodeHint(Decoder& decoder, Spelling spelling) {
    const std::string_view base = spelling.base();
    if (base == "griddepcontrol") {
        if (spelling.takeOneOf({"launch_dependents", "wait"}).empty())
            decoder.refuse("unknown form of griddepcontrol");
        decoder.expectOperands(0, 0);
    } else if (base == "pmevent") {
        spelling.take("mask");
        decoder.expectOperands(1, 1);
        decoder.integer(decoder.operand(0));
    } else {
        spelling.take("global");
        if (base == "applypriority" && !spelling.take("L2::evict_normal")) decoder.refuse("unknown priority");
        if (base == "discard" && !spelling.take("L2")) decoder.refuse("discard names a cache");
        decoder.expectOperands(2, 2);
        if (decoder.integer(decoder.operand(1)) != 128) decoder.refuse("the size is 128");
        // What discard leaves is undefined: that it stays as it was is one of the things that may happen.
        Op unused;
        unused.space = Space::GENERIC;
        decoder.address(unused, decoder.operand(0));
    }
    decoder.expectNothingLeft(spelling);
    decoder.emit(decoder.entry("nop"));
}

// In a cluster of one block every address is its own: mapa{.space}.type d, a, rank;  getctarank{.space}.type d, a
void decodeMapAddress(Decoder& decoder, Spelling spelling) {
    const bool maps = spelling.base() == "mapa";
    spelling.take("shared::cluster");
    const std::string_view type = spelling.takeOneOf({"u32", "u64"});
    if (type.empty()) decoder.refuse("expected .u32 or .u64");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(maps ? 3 : 2, maps ? 3 : 2);
    const std::uint32_t bytes = type == "u32" ? 4 : 8;
    const std::uint32_t a = decoder.read(decoder.operand(1), bytes);
    if (maps) decoder.read(decoder.operand(2), 4);
    const std::uint32_t d = decoder.write(decoder.operand(0), maps ? bytes : 4);
    const std::uint32_t zero = decoder.constant(0, 4);
    Op& op = decoder.emit(decoder.entry(maps && bytes == 8 ? "mov.b64" : "mov.b32"));
    op.dst = d;
    op.a = maps ? a : zero;
}

void decodeTexture(Decoder& decoder, Spelling spelling) {
    decoder.refuse(std::string(spelling.base()) + ": textures and surfaces are not supported");
}

// A hint without effect: not even a wrong address faults.
void decodePrefetch(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(1, 1);
    takeSpace(spelling);
    if (spelling.takeOneOf({"L1", "L2", "L2::evict_last", "L2::evict_normal"}).empty())
        decoder.refuse("prefetch names a cache");
    decoder.expectNothingLeft(spelling);
    decoder.emit(decoder.entry("nop"));
}

}  // namespace quern::emulator
