// mov in all its forms, and conversions.
#include "decode/decoder.hpp"
#include "exec/convert_format.hpp"
#include "exec/rounding_flags.hpp"

namespace quern::emulator {

namespace {

/// Bytes of a type of mov; 0: predicate.
std::uint32_t bytesOfMove(Decoder& decoder, std::string_view type) {
    if (type == "pred") return 0;
    for (const auto& [name, bytes] : {std::pair{"16", 2U}, std::pair{"32", 4U}, std::pair{"64", 8U}}) {
        if (type.size() == 3 && type.substr(1) == name &&
            std::string_view("busf").find(type[0]) != std::string_view::npos) {
            return bytes;
        }
    }
    decoder.refuse("unknown type ." + std::string(type) + " of mov");
}

bool isClock(Decoder& decoder, std::uint32_t bytes, std::string& key) {
    const std::string_view name = decoder.operand(1).name;
    if (name == "%clock" || name == "%clock64") {
        key = bytes == 8 ? "clock.8" : "clock.4";
    } else if (name == "%globaltimer" || name == "%globaltimer_lo") {
        key = bytes == 8 ? "globaltimer.8" : "globaltimer.4";
    } else if (name == "%globaltimer_hi" || name == "%clock_hi") {
        key = "globaltimer.high";
    } else {
        return false;
    }
    return true;
}

void decodeParts(Decoder& decoder, std::uint32_t bytes, bool unpacks) {
    const ptx::Operand& vector = decoder.operand(unpacks ? 0 : 1);
    const std::uint32_t count = static_cast<std::uint32_t>(vector.elements.size());
    if (count != 2 && count != 4) decoder.refuse("mov takes two or four parts", vector.place);
    const std::uint32_t part = bytes / count;
    const Entry& entry = decoder.entry(std::string(unpacks ? "unpack." : "pack.") + std::to_string(bytes) +
                                       "." + std::to_string(part));
    std::vector<std::uint32_t> parts;
    for (const ptx::Operand& element : vector.elements) {
        parts.push_back(unpacks ? decoder.write(element, part) : decoder.read(element, part));
    }
    const std::uint32_t whole =
        unpacks ? decoder.read(decoder.operand(1), bytes) : decoder.write(decoder.operand(0), bytes);
    Op& op = decoder.emit(entry);
    op.more = decoder.list(parts);
    (unpacks ? op.a : op.dst) = whole;
}

/// mov.b128 d, {a, b};  mov.b128 {d, e}, a;  mov.b128 d, a: two moves of 64 bits.
void decodeMove128(Decoder& decoder) {
    const auto halves = [&](const ptx::Operand& operand, bool written) {
        if (operand.kind != ptx::OperandKind::VECTOR) return decoder.halves(operand);
        if (operand.elements.size() != 2) decoder.refuse("128 bits are two registers of 64", operand.place);
        std::array<std::uint32_t, 2> registers{};
        for (std::size_t k = 0; k < 2; k++) {
            const ptx::Operand& half = operand.elements[k];
            registers[k] = written ? decoder.write(half, 8) : decoder.read(half, 8);
        }
        return registers;
    };
    const auto from = halves(decoder.operand(1), false);
    const auto to = halves(decoder.operand(0), true);
    for (std::size_t k = 0; k < 2; k++) {
        Op& op = decoder.emit(decoder.entry("mov.b64"));
        op.dst = to[k];
        op.a = from[k];
    }
}

struct FormatName {
    std::string_view name;
    Format format;
};
constexpr FormatName FORMATS[] = {
    {"u8", Format::U8},   {"s8", Format::S8},     {"u16", Format::U16}, {"s16", Format::S16},
    {"u32", Format::U32}, {"s32", Format::S32},   {"u64", Format::U64}, {"s64", Format::S64},
    {"f16", Format::F16}, {"bf16", Format::BF16}, {"f32", Format::F32}, {"f64", Format::F64},
};

Format formatOf(Decoder& decoder, std::string_view name) {
    for (const FormatName& known : FORMATS) {
        if (known.name == name) return known.format;
    }
    decoder.refuse("unknown type ." + std::string(name) + " of cvt");
}

struct RoundingName {
    std::string_view name;
    std::uint16_t mode;
};
constexpr RoundingName ROUNDINGS[] = {
    {"rn", ROUND_NEAREST}, {"rz", ROUND_ZERO}, {"rm", ROUND_DOWN}, {"rp", ROUND_UP}};
constexpr RoundingName WHOLE_ROUNDINGS[] = {
    {"rni", ROUND_NEAREST}, {"rzi", ROUND_ZERO}, {"rmi", ROUND_DOWN}, {"rpi", ROUND_UP}};

template <std::size_t N>
bool takeRounding(Spelling& spelling, const RoundingName (&names)[N], std::uint16_t& mode) {
    for (const RoundingName& known : names) {
        if (!spelling.take(known.name)) continue;
        mode = known.mode;
        return true;
    }
    return false;
}

/// Whether values of one float format may not be representable in another.
bool narrows(Format to, Format from) {
    if (to == from) return false;
    return bytesOf(to) < bytesOf(from) || (bytesOf(to) == 2 && bytesOf(from) == 2);
}

}  // namespace

void decodeMove(Decoder& decoder, Spelling spelling) {
    decoder.expectOperands(2, 2);
    const std::string_view type = spelling.takeLast();
    decoder.expectNothingLeft(spelling);
    if (type == "b128") return decodeMove128(decoder);
    const std::uint32_t bytes = bytesOfMove(decoder, type);
    std::string key = "mov.b" + std::to_string(8 * bytes);
    if (decoder.operand(0).kind == ptx::OperandKind::VECTOR) return decodeParts(decoder, bytes, true);
    if (decoder.operand(1).kind == ptx::OperandKind::VECTOR) return decodeParts(decoder, bytes, false);
    if (bytes == 0) key = "mov.pred";
    if (isClock(decoder, bytes, key)) {
        const std::uint32_t d = decoder.write(decoder.operand(0), bytes);
        decoder.emit(decoder.entry(key)).dst = d;
        return;
    }
    const char letter = type[0] == 'f' ? (bytes == 8 ? 'F' : 'f') : 'b';
    const std::uint32_t a = decoder.read(decoder.operand(1), bytes, letter);
    const std::uint32_t d = decoder.write(decoder.operand(0), bytes);
    Op& op = decoder.emit(decoder.entry(key));
    op.dst = d;
    op.a = a;
}

// cvt{.rounding}{.ftz}{.sat}{.relu}.to.from d, a;  pairs: cvt.rn{.relu}.f16x2.f32 d, a, b
void decodeConversion(Decoder& decoder, Spelling spelling) {
    const std::string opcode(decoder.instruction().opcode);
    if (spelling.has("pack")) return decoder.asSpelled();
    const std::string_view fromName = spelling.takeLast();
    const std::string_view toName = spelling.takeLast();
    if (toName.ends_with("x2") || toName == "tf32") return decoder.asSpelled();
    decoder.expectOperands(2, 2);
    const Format to = formatOf(decoder, toName);
    const Format from = formatOf(decoder, fromName);
    std::uint16_t flags = 0;
    const bool whole = takeRounding(spelling, WHOLE_ROUNDINGS, flags);
    std::uint16_t mode = 0;
    const bool rounded = !whole && takeRounding(spelling, ROUNDINGS, mode);
    flags |= mode;
    if (spelling.take("ftz")) flags |= FLAG_FTZ;
    if (spelling.take("sat")) flags |= FLAG_SAT;
    if (spelling.take("relu")) flags |= FLAG_RELU;
    decoder.expectNothingLeft(spelling);

    const bool toWhole = isFloat(from) && (!isFloat(to) || (whole && to == from));
    const bool needsRounding = isFloat(to) && (!isFloat(from) || narrows(to, from));
    if (whole && !toWhole) decoder.refuse("this conversion does not round to whole numbers");
    if (toWhole && !whole) decoder.refuse("rounding to whole numbers needs .rni, .rzi, .rmi or .rpi");
    if (needsRounding && !rounded) decoder.refuse("this conversion needs .rn, .rz, .rm or .rp");
    if (rounded && !needsRounding) decoder.refuse("this conversion is exact and takes no rounding");
    if ((flags & FLAG_FTZ) != 0 && to != Format::F32 && from != Format::F32)
        decoder.refuse(".ftz belongs to .f32");
    if ((flags & FLAG_RELU) != 0 && to != Format::F16 && to != Format::BF16)
        decoder.refuse(".relu belongs to .f16 and .bf16");

    Conversion how{};
    how.to = to;
    how.from = from;
    how.integral = whole && isFloat(to);
    std::uint32_t fromBytes = static_cast<std::uint32_t>(bytesOf(from));
    const char letter = from == Format::F32 ? 'f' : from == Format::F64 ? 'F' : 'b';
    const std::uint32_t a = decoder.readWide(decoder.operand(1), fromBytes, letter);
    std::uint32_t toBytes = static_cast<std::uint32_t>(bytesOf(to));
    const std::uint32_t least = toBytes;
    const std::uint32_t d = decoder.writeWide(decoder.operand(0), toBytes);
    if (toBytes < least || fromBytes < static_cast<std::uint32_t>(bytesOf(from))) {
        decoder.refuse("a register is narrower than its type");
    }
    how.toBytes = static_cast<std::uint8_t>(toBytes);
    how.fromBytes = static_cast<std::uint8_t>(fromBytes);

    // Where registers are as wide as their types, a handler of its own may exist.
    const bool natural = toBytes == least && fromBytes == static_cast<std::uint32_t>(bytesOf(from));
    const Entry* quick = natural ? findEntry(opcode) : nullptr;
    Op& op = decoder.emit(quick != nullptr ? *quick : decoder.entry("cvt"));
    op.dst = d;
    op.a = a;
    op.flags = flags;
    op.imm = how.pack();
}

}  // namespace quern::emulator
