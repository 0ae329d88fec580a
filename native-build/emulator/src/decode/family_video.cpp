// Video instructions: bytes, halves or a word of each operand, with a second operation or merged into a third operand.
#include <cstring>

#include "decode/decoder.hpp"
#include "exec/video_format.hpp"

namespace quern::emulator {

namespace {

bool takeType(Spelling& spelling, bool& isSigned) {
    const std::string_view type = spelling.takeFirst();
    isSigned = type == "s32";
    return type == "u32" || isSigned;
}

/// Takes the selector off an operand's name: "%r1.b3210" is "%r1" and "b3210".
std::string_view takeSelector(ptx::Operand& operand) {
    const std::size_t dot = operand.name.find('.');
    if (dot == std::string_view::npos || operand.name.starts_with("%tid")) return {};
    const std::string_view selector = operand.name.substr(dot + 1);
    operand.name = operand.name.substr(0, dot);
    return selector;
}

/// "b3210", "h10", "b2": bits of a part, and the digits, the last of them first.
struct Selector {
    std::uint32_t bits = 0;
    std::vector<std::uint32_t> parts;
};

Selector selectorOf(Decoder& decoder, std::string_view text, std::uint32_t beyond) {
    Selector selector;
    if (text.starts_with('b')) selector.bits = 8;
    if (text.starts_with('h')) selector.bits = 16;
    if (selector.bits == 0 || text.size() < 2) decoder.refuse("unknown selector ." + std::string(text));
    for (std::size_t i = text.size() - 1; i > 0; i--) {
        const std::uint32_t part = static_cast<std::uint32_t>(text[i] - '0');
        if (text[i] < '0' || part >= beyond * 32 / selector.bits)
            decoder.refuse("unknown selector ." + std::string(text));
        selector.parts.push_back(part);
    }
    return selector;
}

VideoOperation operationOf(std::string_view name) {
    if (name.starts_with("vadd")) return VideoOperation::ADD;
    if (name.starts_with("vsub")) return VideoOperation::SUB;
    if (name.starts_with("vavrg")) return VideoOperation::AVERAGE;
    if (name.starts_with("vabsdiff")) return VideoOperation::ABSOLUTE_DIFFERENCE;
    if (name.starts_with("vmin")) return VideoOperation::MIN;
    if (name == "vshl") return VideoOperation::SHIFT_LEFT;
    if (name == "vshr") return VideoOperation::SHIFT_RIGHT;
    return name.starts_with("vmax") ? VideoOperation::MAX : VideoOperation::SET;
}

VideoComparison takeVideoComparison(Decoder& decoder, Spelling& spelling) {
    constexpr std::string_view NAMES[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    for (std::size_t i = 0; i < 6; i++) {
        if (spelling.take(NAMES[i])) return static_cast<VideoComparison>(i);
    }
    decoder.refuse("unknown comparison");
}

VideoSecond takeSecond(Spelling& spelling) {
    if (spelling.take("add")) return VideoSecond::ADD;
    if (spelling.take("min")) return VideoSecond::MIN;
    return spelling.take("max") ? VideoSecond::MAX : VideoSecond::NONE;
}

/// What is written: a mask of several results, or the part of c that one goes into.
void select(Decoder& decoder, Video& video, std::string_view text) {
    const Selector selector = selectorOf(decoder, text, 1);
    if (video.count == 1) {
        if (selector.parts.size() != 1) decoder.refuse("one part is written");
        video.bits[2] = selector.bits;
        video.to = selector.parts[0];
        video.merges = true;
        return;
    }
    if (selector.bits * video.count != 32) decoder.refuse("the mask does not fit the parts");
    video.mask = 0;
    for (const std::uint32_t part : selector.parts) video.mask |= 1U << part;
}

void selectFrom(Decoder& decoder, Video& video, int which, std::string_view text) {
    for (std::uint32_t k = 0; k < video.count; k++)
        video.from[which][k] = k + (video.count > 1 && which == 1 ? video.count : 0);
    if (text.empty()) return;
    const Selector selector = selectorOf(decoder, text, video.count > 1 ? 2 : 1);
    const bool fits =
        selector.parts.size() == video.count && (video.count == 1 || selector.bits * video.count == 32);
    if (!fits) decoder.refuse("a selector names " + std::to_string(video.count) + " parts");
    video.bits[which] = selector.bits;
    for (std::uint32_t k = 0; k < video.count; k++) video.from[which][k] = selector.parts[k];
}

template <typename Format>
const std::uint32_t* listed(Decoder& decoder, const Format& format) {
    static_assert(sizeof(Format) % sizeof(std::uint32_t) == 0);
    std::vector<std::uint32_t> words(sizeof(Format) / sizeof(std::uint32_t));
    std::memcpy(words.data(), &format, sizeof format);
    return decoder.list(words);
}

}  // namespace

// vop{2,4}.dtype.atype.btype{.sat}{.second} d{.mask}, a{.selector}, b{.selector} {, c};  vset has no dtype, and a comparison.
void decodeVideo(Decoder& decoder, Spelling spelling) {
    Video video;
    const std::string_view base = spelling.base();
    video.operation = operationOf(base);
    if (base.back() == '2' || base.back() == '4') video.count = static_cast<std::uint32_t>(base.back() - '0');
    const bool sets = video.operation == VideoOperation::SET;
    const bool typed = (sets || takeType(spelling, video.isSigned[2])) &&
                       takeType(spelling, video.isSigned[0]) && takeType(spelling, video.isSigned[1]);
    if (!typed) decoder.refuse("types of video instructions are .u32 and .s32");
    if (sets) video.comparison = takeVideoComparison(decoder, spelling);
    video.saturates = !sets && spelling.take("sat");
    if (base == "vshl" || base == "vshr") {
        video.wraps = spelling.take("wrap");
        if (!video.wraps && !spelling.take("clamp")) decoder.refuse("shifts name .clamp or .wrap");
        if (video.isSigned[1]) decoder.refuse("a shift's second type is .u32");
    }
    video.second = takeSecond(spelling);
    decoder.expectNothingLeft(spelling);
    if (video.count > 1) {
        if (video.second == VideoSecond::MIN || video.second == VideoSecond::MAX)
            decoder.refuse("results of several parts are added up or not at all");
        for (std::uint32_t& bits : video.bits) bits = 32 / video.count;
        video.mask = (1U << video.count) - 1;
    }

    decoder.expectOperands(video.count > 1 ? 4 : 3, 4);
    ptx::Operand d = decoder.operand(0);
    ptx::Operand a = decoder.operand(1);
    ptx::Operand b = decoder.operand(2);
    const std::string_view written = takeSelector(d);
    if (!written.empty()) select(decoder, video, written);
    selectFrom(decoder, video, 0, takeSelector(a));
    selectFrom(decoder, video, 1, takeSelector(b));
    const bool third = decoder.operands().size() == 4;
    if (third != (video.count > 1 || video.merges || video.second != VideoSecond::NONE) ||
        (video.merges && video.second != VideoSecond::NONE)) {
        decoder.refuse("a third operand belongs to a second operation or to merging");
    }
    const std::uint32_t first = decoder.read(a, 4);
    const std::uint32_t second = decoder.read(b, 4);
    const std::uint32_t c = third ? decoder.read(decoder.operand(3), 4) : second;
    const std::uint32_t to = decoder.write(d, 4);
    const std::uint32_t* more = listed(decoder, video);
    Op& op = decoder.emit(decoder.entry("video"));
    op.dst = to;
    op.a = first;
    op.b = second;
    op.c = c;
    op.more = more;
}

// vmad.dtype.atype.btype{.po}{.sat}{.shr7|.shr15} d, {-}a{.selector}, {-}b{.selector}, {-}c
void decodeVideoProduct(Decoder& decoder, Spelling spelling) {
    VideoProduct how;
    bool isSignedResult = false;
    if (!takeType(spelling, isSignedResult) || !takeType(spelling, how.isSigned[0]) ||
        !takeType(spelling, how.isSigned[1])) {
        decoder.refuse("types of video instructions are .u32 and .s32");
    }
    how.plusOne = spelling.take("po");
    how.saturates = spelling.take("sat");
    how.shift = spelling.take("shr7") ? 7 : spelling.take("shr15") ? 15 : 0;
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(4, 4);
    ptx::Operand factors[] = {decoder.operand(1), decoder.operand(2)};
    ptx::Operand addend = decoder.operand(3);
    how.negatesProduct = factors[0].negated != factors[1].negated;
    how.negatesC = addend.negated;
    if (how.plusOne && (how.negatesProduct || how.negatesC)) decoder.refuse(".po has no negated operand");
    addend.negated = false;
    std::uint32_t registers[2];
    for (std::size_t i = 0; i < 2; i++) {
        factors[i].negated = false;
        const std::string_view text = takeSelector(factors[i]);
        if (!text.empty()) {
            const Selector selector = selectorOf(decoder, text, 1);
            if (selector.parts.size() != 1) decoder.refuse("a selector names one part");
            how.bits[i] = selector.bits;
            how.from[i] = selector.parts[0];
        }
        registers[i] = decoder.read(factors[i], 4);
    }
    how.isSignedC = how.isSigned[0] || how.isSigned[1] || how.negatesProduct || how.negatesC;
    const std::uint32_t c = decoder.read(addend, 4);
    const std::uint32_t to = decoder.write(decoder.operand(0), 4);
    const std::uint32_t* more = listed(decoder, how);
    Op& op = decoder.emit(decoder.entry("video.product"));
    op.dst = to;
    op.a = registers[0];
    op.b = registers[1];
    op.c = c;
    op.more = more;
}

}  // namespace quern::emulator
