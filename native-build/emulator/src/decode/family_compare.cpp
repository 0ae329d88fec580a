// Comparisons, selections, and the bit operation with an immediate truth table.
#include "decode/decoder.hpp"
#include "exec/compare_flags.hpp"

namespace quern::emulator {

namespace {

struct TypeName {
    std::uint32_t bytes = 0;
    char letter = 'b';  // f, F: its constants are floating point
};

TypeName typeOf(Decoder& decoder, std::string_view type) {
    if (type == "f16" || type == "bf16") return {2, 'b'};
    if (type == "f32") return {4, 'f'};
    if (type == "f64") return {8, 'F'};
    for (std::uint32_t bytes : {2U, 4U, 8U}) {
        for (char letter : {'b', 'u', 's'}) {
            if (type == letter + std::to_string(8 * bytes)) return {bytes, 'b'};
        }
    }
    decoder.refuse("unknown type ." + std::string(type));
}

std::uint16_t takeCombination(Spelling& spelling) {
    if (spelling.take("and")) return COMBINE_AND;
    if (spelling.take("or")) return COMBINE_OR;
    return spelling.take("xor") ? COMBINE_XOR : COMBINE_NONE;
}

std::string_view takeComparison(Decoder& decoder, Spelling& spelling) {
    const std::string_view comparison =
        spelling.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu",
                            "leu", "gtu", "geu", "num", "nan"});
    if (comparison.empty()) decoder.refuse("unknown comparison");
    return comparison;
}

/// The common part of setp and set: op with a, b and, where it is combined, c. Its destinations are left to them.
Op& emitComparison(Decoder& decoder, Spelling& spelling, std::string_view type) {
    const std::string_view comparison = takeComparison(decoder, spelling);
    std::uint16_t flags = takeCombination(spelling);
    const bool flushes = spelling.take("ftz");
    decoder.expectNothingLeft(spelling);
    const std::size_t count = flags == COMBINE_NONE ? 3 : 4;
    decoder.expectOperands(count, count);
    const Entry& entry =
        decoder.entry("setp." + std::string(comparison) + (flushes ? ".ftz." : ".") + std::string(type));
    const TypeName types = typeOf(decoder, type);
    const std::uint32_t a = decoder.read(decoder.operand(1), types.bytes, types.letter);
    const std::uint32_t b = decoder.read(decoder.operand(2), types.bytes, types.letter);
    std::uint32_t c = TRUE_PREDICATE;
    if (flags != COMBINE_NONE) {
        ptx::Operand other = decoder.operand(3);
        if (other.negated) flags |= COMBINE_NEGATED;
        other.negated = false;
        c = decoder.read(other, 0);
    }
    Op& op = decoder.emit(entry);
    op.a = a;
    op.b = b;
    op.c = c;
    op.flags = flags;
    return op;
}

/// Both halves of a packed register, the lower first.
struct Halves {
    std::uint32_t low;
    std::uint32_t high;
};

Halves unpack(Decoder& decoder, const ptx::Operand& operand) {
    const std::uint32_t whole = decoder.read(operand, 4);
    const Halves halves{decoder.temporary(2), decoder.temporary(2)};
    const std::uint32_t* parts = decoder.list({halves.low, halves.high});
    Op& op = decoder.emit(decoder.entry("unpack.4.2"));
    op.a = whole;
    op.more = parts;
    return halves;
}

/// A comparison of f16x2 or bf16x2: two predicates, that of the lower halves first.
void compareHalves(Decoder& decoder, Spelling& spelling, std::string_view type, std::uint32_t low,
                   std::uint32_t high) {
    const std::string_view comparison = takeComparison(decoder, spelling);
    std::uint16_t flags = takeCombination(spelling);
    const bool flushes = spelling.take("ftz");
    decoder.expectNothingLeft(spelling);
    const std::size_t count = flags == COMBINE_NONE ? 3 : 4;
    decoder.expectOperands(count, count);
    type.remove_suffix(2);
    const Entry& entry =
        decoder.entry("setp." + std::string(comparison) + (flushes ? ".ftz." : ".") + std::string(type));
    std::uint32_t c = TRUE_PREDICATE;
    if (flags != COMBINE_NONE) {
        ptx::Operand other = decoder.operand(3);
        if (other.negated) flags |= COMBINE_NEGATED;
        other.negated = false;
        c = decoder.read(other, 0);
    }
    const Halves a = unpack(decoder, decoder.operand(1));
    const Halves b = unpack(decoder, decoder.operand(2));
    for (const bool upper : {false, true}) {
        Op& op = decoder.emit(entry);
        op.dst = upper ? high : low;
        op.a = upper ? a.high : a.low;
        op.b = upper ? b.high : b.low;
        op.c = c;
        op.flags = flags;
    }
}

bool isPair(std::string_view type) { return type == "f16x2" || type == "bf16x2"; }

/// set of pairs: what is true in each half is 1.0, or all bits of it.
void setHalves(Decoder& decoder, Spelling& spelling, std::string_view type, std::string_view result) {
    std::int64_t yes = 0xffff;
    if (result == "f16x2") yes = 0x3c00;
    if (result == "bf16x2") yes = 0x3f80;
    if (result != type && result != "u32" && result != "s32")
        decoder.refuse("unknown type ." + std::string(result) + " of set");
    const std::uint32_t d = decoder.write(decoder.operand(0), 4);
    const std::uint32_t low = decoder.temporary(0);
    const std::uint32_t high = decoder.temporary(0);
    compareHalves(decoder, spelling, type, low, high);
    const Halves halves{decoder.temporary(2), decoder.temporary(2)};
    for (const bool upper : {false, true}) {
        Op& op = decoder.emit(decoder.entry("set.b16"));
        op.dst = upper ? halves.high : halves.low;
        op.a = upper ? high : low;
        op.imm = yes;
    }
    const std::uint32_t* parts = decoder.list({halves.low, halves.high});
    Op& op = decoder.emit(decoder.entry("pack.4.2"));
    op.dst = d;
    op.more = parts;
}

}  // namespace

// setp.cmp{.bool}{.ftz}.type p{|q}, a, b{, {!}c}
void decodeCompare(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(3, 4);
    const std::string_view type = spelling.takeLast();
    if (isPair(type)) {
        const ptx::Operand& destination = decoder.operand(0);
        if (destination.kind != ptx::OperandKind::PAIR) decoder.refuse("setp of a pair writes p|q");
        const std::uint32_t low = decoder.write(destination.elements[0], 0);
        return compareHalves(decoder, spelling, type, low, decoder.write(destination.elements[1], 0));
    }
    Op& op = emitComparison(decoder, spelling, type);
    decoder.pair(decoder.operand(0), 0, op);
    if (decoder.operand(0).kind == ptx::OperandKind::PAIR) op.flags |= COMBINE_SECOND;
}

// set.cmp{.bool}{.ftz}.dtype.stype d, a, b{, {!}c}: all bits of d, or 1.0 in it
void decodeSet(Decoder& decoder, Spelling spelling) {
    const std::string_view type = spelling.takeLast();
    const std::string_view result = spelling.takeLast();
    decoder.expectOperands(3, 4);
    if (isPair(type)) return setHalves(decoder, spelling, type, result);
    std::uint32_t bytes = 4;
    std::int64_t yes = -1;
    if (result == "f32") {
        yes = 0x3f800000;
    } else if (result == "f16" || result == "bf16") {
        bytes = 2;
        yes = result == "f16" ? 0x3c00 : 0x3f80;
    } else if (result == "u16" || result == "s16") {
        bytes = 2;
    } else if (result != "u32" && result != "s32") {
        decoder.refuse("unknown type ." + std::string(result) + " of set");
    }
    const std::uint32_t d = decoder.write(decoder.operand(0), bytes);
    const std::uint32_t predicate = decoder.temporary(0);
    emitComparison(decoder, spelling, type).dst = predicate;
    Op& op = decoder.emit(decoder.entry(bytes == 4 ? "set.b32" : "set.b16"));
    op.dst = d;
    op.a = predicate;
    op.imm = yes;
}

void decodeSelect(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(4, 4);
    const TypeName type = typeOf(decoder, spelling.takeLast());
    decoder.expectNothingLeft(spelling);
    const std::uint32_t a = decoder.read(decoder.operand(1), type.bytes, type.letter);
    const std::uint32_t b = decoder.read(decoder.operand(2), type.bytes, type.letter);
    const std::uint32_t c = decoder.read(decoder.operand(3), 0);
    const std::uint32_t d = decoder.write(decoder.operand(0), type.bytes);
    Op& op = decoder.emit(decoder.entry("selp.b" + std::to_string(8 * type.bytes)));
    op.dst = d;
    op.a = a;
    op.b = b;
    op.c = c;
}

// slct{.ftz}.type.s32|f32 d, a, b, c
void decodeSelectBySign(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(4, 4);
    const std::string_view sign = spelling.takeLast();
    const TypeName type = typeOf(decoder, spelling.takeLast());
    const std::string flushes = spelling.take("ftz") ? "ftz." : "";
    decoder.expectNothingLeft(spelling);
    const Entry& entry =
        decoder.entry("slct.b" + std::to_string(8 * type.bytes) + "." + flushes + std::string(sign));
    const std::uint32_t a = decoder.read(decoder.operand(1), type.bytes, type.letter);
    const std::uint32_t b = decoder.read(decoder.operand(2), type.bytes, type.letter);
    const std::uint32_t c = decoder.read(decoder.operand(3), 4, sign == "f32" ? 'f' : 'b');
    const std::uint32_t d = decoder.write(decoder.operand(0), type.bytes);
    Op& op = decoder.emit(entry);
    op.dst = d;
    op.a = a;
    op.b = b;
    op.c = c;
}

// lop3.b32 d, a, b, c, table;  lop3.and|or.b32 d|p, a, b, c, table, q: p is (d != 0) and|or q
void decodeLookUp3(Decoder& decoder, Spelling spelling) {
    if (spelling.takeLast() != "b32") decoder.refuse("lop3 takes .b32");
    const std::string combination(spelling.takeOneOf({"and", "or"}));
    decoder.expectNothingLeft(spelling);
    if (!combination.empty()) {
        decoder.expectOperands(6, 6);
        if (decoder.operand(0).kind != ptx::OperandKind::PAIR) decoder.refuse("this lop3 writes d|p");
    } else {
        decoder.expectOperands(5, 5);
    }
    const std::uint32_t a = decoder.read(decoder.operand(1), 4);
    const std::uint32_t b = decoder.read(decoder.operand(2), 4);
    const std::uint32_t c = decoder.read(decoder.operand(3), 4);
    const std::int64_t table = decoder.integer(decoder.operand(4));
    if (table < 0 || table > 255) decoder.refuse("the truth table of lop3 has 8 bits");
    const bool tests = !combination.empty();
    const ptx::Operand& destination = tests ? decoder.operand(0).elements[0] : decoder.operand(0);
    // Where only the predicate is wanted, what it is made of still needs a place.
    const std::uint32_t d =
        tests && destination.name == "_" ? decoder.temporary(4) : decoder.write(destination, 4);
    Op& op = decoder.emit(decoder.entry("lop3.b32"));
    op.dst = d;
    op.a = a;
    op.b = b;
    op.c = c;
    op.imm = table;
    if (!tests) return;
    ptx::Operand other = decoder.operand(5);
    std::uint16_t flags = combination == "and" ? COMBINE_AND : COMBINE_OR;
    if (other.negated) flags |= COMBINE_NEGATED;
    other.negated = false;
    const std::uint32_t q = decoder.read(other, 0);
    const std::uint32_t p = decoder.write(decoder.operand(0).elements[1], 0);
    const std::uint32_t zero = decoder.constant(0, 4);
    Op& test = decoder.emit(decoder.entry("setp.ne.b32"));
    test.dst = p;
    test.a = d;
    test.b = zero;
    test.c = q;
    test.flags = flags;
}

}  // namespace quern::emulator
