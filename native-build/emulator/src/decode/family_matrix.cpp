// Instructions on matrices that a whole warp executes together: ldmatrix, stmatrix, movmatrix, mma, wmma.
#include <algorithm>
#include <charconv>

#include "decode/decoder.hpp"
#include "exec/fragment_walk.hpp"
#include "exec/matrix_flags.hpp"
#include "exec/rounding_flags.hpp"

namespace quern::emulator {

namespace {

void expectAligned(Decoder& decoder, Spelling& spelling) {
    if (!spelling.take("sync") || !spelling.take("aligned"))
        decoder.refuse(std::string(spelling.base()) + " is .sync.aligned");
}

// ldmatrix.sync.aligned.m8n8.x1|x2|x4{.trans}{.shared{::cta}}.b16 {registers}, [row]
// stmatrix likewise                                               [row], {registers}
void decodeMatrixAccess(Decoder& decoder, Spelling& spelling, bool store) {
    expectAligned(decoder, spelling);
    if (!spelling.take("m8n8")) decoder.refuse(std::string(spelling.base()) + " takes shape .m8n8");
    const std::string_view count = spelling.takeOneOf({"x1", "x2", "x4"});
    if (count.empty()) decoder.refuse("a number of matrices is expected: .x1, .x2 or .x4");
    const bool transposed = spelling.take("trans");
    const bool shared = spelling.take("shared") || spelling.take("shared::cta");
    if (!spelling.take("b16")) decoder.refuse(std::string(spelling.base()) + " takes .b16");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 2);

    const ptx::Operand& vector = decoder.operand(store ? 1 : 0);
    const std::size_t wanted = static_cast<std::size_t>(count[1] - '0');
    const bool single = vector.kind != ptx::OperandKind::VECTOR;
    const std::vector<ptx::Operand> parts = single ? std::vector<ptx::Operand>{vector} : vector.elements;
    if (parts.size() != wanted) {
        decoder.refuse("a vector of " + std::to_string(wanted) + " registers is expected", vector.place);
    }
    std::vector<std::uint32_t> registers;
    for (const ptx::Operand& part : parts)
        registers.push_back(store ? decoder.read(part, 4) : decoder.write(part, 4));
    Op& op = decoder.emit(decoder.entry(std::string(spelling.base()) + "." + std::string(count) +
                                        (transposed ? ".trans" : "")));
    op.flow = Flow::WARP;
    op.space = shared ? Space::SHARED : Space::GENERIC;
    op.store = store;
    op.bytes = 16;
    op.site = decoder.newSite();
    op.more = decoder.list(registers);
    decoder.address(op, decoder.operand(store ? 0 : 1));
}

struct Shape {
    std::string_view name;
    std::uint32_t m, n, k;
};

// What mma and wmma have together.
constexpr Shape SHAPES[] = {
    {"m8n8k4", 8, 8, 4},     {"m16n8k4", 16, 8, 4},     {"m16n8k8", 16, 8, 8},     {"m16n8k16", 16, 8, 16},
    {"m8n8k16", 8, 8, 16},   {"m16n8k32", 16, 8, 32},   {"m8n8k32", 8, 8, 32},     {"m16n8k64", 16, 8, 64},
    {"m8n8k128", 8, 8, 128}, {"m16n8k128", 16, 8, 128}, {"m16n8k256", 16, 8, 256}, {"m16n16k16", 16, 16, 16},
    {"m8n32k16", 8, 32, 16}, {"m32n8k16", 32, 8, 16},   {"m16n16k8", 16, 16, 8},
};

const Shape& takeShape(Decoder& decoder, Spelling& spelling) {
    for (const Shape& shape : SHAPES) {
        if (spelling.take(shape.name)) return shape;
    }
    decoder.refuse("unknown shape of " + std::string(spelling.base()));
}

std::uint32_t bitsOf(Decoder& decoder, std::string_view type) {
    const std::size_t digits = type.find_first_of("0123456789");
    std::uint32_t bits = 0;
    if (digits != std::string_view::npos && type.size() - digits <= 2)
        std::from_chars(type.data() + digits, type.data() + type.size(), bits);
    if (bits == 0) decoder.refuse("unknown type ." + std::string(type));
    return type == "tf32" ? 32 : bits;
}

/// Registers of a fragment: pieces of 8 by 128 bits of A and B, twice as many of 8 by 8 numbers of C and D. FP64 has
/// registers twice as wide.
std::uint32_t registersOfFactor(std::uint32_t across, std::uint32_t k, std::uint32_t bits) {
    return bits == 64 ? across / 8 * (k / 4) : across / 8 * (k * bits / 128);
}
std::uint32_t registersOfSum(const Shape& shape, std::string_view type) {
    return shape.m / 8 * (shape.n / 8) * (type == "f16" ? 1 : 2);
}

/// Adds the registers of one fragment.
void addFragment(Decoder& decoder, std::size_t index, std::size_t count, std::uint32_t bytes, bool written,
                 std::vector<std::uint32_t>& registers) {
    const ptx::Operand& vector = decoder.operand(index);
    const bool single = vector.kind != ptx::OperandKind::VECTOR;
    const std::vector<ptx::Operand> parts = single ? std::vector<ptx::Operand>{vector} : vector.elements;
    if (parts.size() != count) {
        decoder.refuse("a fragment of " + std::to_string(count) + " registers is expected here, not of " +
                           std::to_string(parts.size()),
                       vector.place);
    }
    for (const ptx::Operand& part : parts)
        registers.push_back(written ? decoder.write(part, bytes)
                                    : decoder.read(part, bytes, bytes == 8 ? 'F' : 'b'));
}

struct Product {
    Shape shape;
    std::string_view d, a, b, c;  // types
    bool aColumns = false;
    bool bRows = false;
    bool wide = false;  // of wmma: FP16 fragments of A and B always have eight registers
    std::uint16_t integerFlags = 0;
    std::uint16_t rounding = ROUND_NEAREST;
};

void emitProduct(Decoder& decoder, const Product& product) {
    const Shape& shape = product.shape;
    const std::uint32_t bits = bitsOf(decoder, product.a);
    const bool f64 = product.a == "f64";
    const bool quads = shape.name == "m8n8k4" && product.a == "f16";
    const std::uint32_t bytes = f64 ? 8 : 4;
    std::uint32_t aCount = registersOfFactor(shape.m, shape.k, bits);
    std::uint32_t bCount = registersOfFactor(shape.n, shape.k, bits);
    std::uint32_t dCount = registersOfSum(shape, product.d);
    std::uint32_t cCount = registersOfSum(shape, product.c);
    if (product.wide) aCount = bCount = 8;
    if (quads) {  // four products at once
        aCount = bCount = 2;
        dCount = product.d == "f16" ? 4 : 8;
        cCount = product.c == "f16" ? 4 : 8;
    }
    decoder.expectOperands(4, 4);
    std::vector<std::uint32_t> registers;
    addFragment(decoder, 0, dCount, bytes, true, registers);
    addFragment(decoder, 1, aCount, bytes, false, registers);
    addFragment(decoder, 2, bCount, bytes, false, registers);
    addFragment(decoder, 3, cCount, bytes, false, registers);

    const bool integer = product.d == "s32";
    // Floating products are made of tiles of 16 rows, or 8, and 8 columns.
    const std::uint32_t down = (shape.m + 15) / 16, across = shape.n / 8;
    const std::string tile = "m" + std::to_string(shape.m / down) + "n8k" + std::to_string(shape.k);
    const std::string key = integer ? "mma.integer"
                                    : "mma." + tile + "." + std::string(product.d) + "." +
                                          std::string(product.a) + "." + std::string(product.c);
    Op& op = decoder.emit(decoder.entry(key));
    op.flow = Flow::WARP;
    op.more = decoder.list(registers);
    op.target = 2 * shape.m * shape.n * shape.k * (quads ? 4 : 1);
    op.b = aCount;
    op.c = bCount;
    op.e = dCount | cCount << 8;
    op.imm = down | across << 8;
    op.flags = f64 ? product.rounding : product.integerFlags;
    if (quads) {
        op.flags = static_cast<std::uint16_t>((product.aColumns ? MMA_A_COLUMNS : 0) |
                                              (product.bRows ? MMA_B_ROWS : 0));
    }
    if (integer) {
        op.imm = IntegerShape{static_cast<std::uint8_t>(shape.m), static_cast<std::uint8_t>(shape.n),
                              static_cast<std::uint16_t>(shape.k), static_cast<std::uint8_t>(bits)}
                     .pack();
    }
}

/// .row or .col.
bool takeColumns(Decoder& decoder, std::string_view layout) {
    if (layout != "row" && layout != "col") decoder.refuse("a layout is expected: .row or .col");
    return layout == "col";
}

/// The operation of 1-bit products.
void takeBitOperation(Decoder& decoder, Spelling& spelling, Product& product) {
    if (!spelling.take("popc")) return;
    const std::string_view operation = spelling.takeOneOf({"xor", "and"});
    if (operation.empty()) decoder.refuse("products of bits are .xor.popc or .and.popc");
    if (operation == "and") product.integerFlags |= MMA_AND;
}

/// The types of D, A, B and C, which end the spelling, and what belongs to them.
void takeTypes(Decoder& decoder, Spelling& spelling, Product& product) {
    if (spelling.take("satfinite")) product.integerFlags |= MMA_SATFINITE;
    // Before the types; nvcc writes it behind those of wmma.
    const std::string_view rounding = spelling.takeOneOf({"rn", "rz", "rm", "rp"});
    product.c = spelling.takeLast();
    // wmma of FP16 names no other types.
    const bool named = spelling.base() == "mma" || spelling.rest().size() >= 3;
    product.b = named ? spelling.takeLast() : "f16";
    product.a = named ? spelling.takeLast() : "f16";
    product.d = spelling.takeLast();
    if (product.a == "f64") {
        product.rounding = rounding == "rz"   ? ROUND_ZERO
                           : rounding == "rm" ? ROUND_DOWN
                           : rounding == "rp" ? ROUND_UP
                                              : ROUND_NEAREST;
    }
    if (!rounding.empty() && product.a != "f64")
        decoder.refuse("." + std::string(rounding) + " belongs to .f64");
    const bool integer = product.d == "s32";
    const std::uint32_t bits = bitsOf(decoder, product.a);
    const bool sameBits = bits == bitsOf(decoder, product.b);
    const bool integers = product.a.find_first_of("sub") == 0 && product.a[0] != 'f' && bits <= 8;
    if (integer != (integers && product.a != "bf16") || !sameBits || (!integer && product.a != product.b) ||
        (integer && product.c != "s32")) {
        decoder.refuse("no product of ." + std::string(product.a) + " and ." + std::string(product.b) +
                       " is ." + std::string(product.d));
    }
    if (product.a[0] == 's') product.integerFlags |= MMA_A_SIGNED;
    if (product.b[0] == 's') product.integerFlags |= MMA_B_SIGNED;
    const std::uint32_t depth = product.shape.k * bits;
    if (integer &&
        (depth % 128 != 0 || depth > 256 || (product.shape.m == 8 && product.shape.n == 8 && depth != 128)))
        decoder.refuse("no product of ." + std::string(product.a) + " has this shape");
    if (!integer && (product.integerFlags & MMA_SATFINITE) != 0)
        decoder.refuse(".satfinite belongs to integers");
}

// wmma. Which element a thread holds is left open by PTX: here as mma has it, in tiles of 16 rows, or 8, and 8 columns.

/// The shape and the element type of a product that wmma has.
bool hasWmma(const Shape& shape, std::string_view type) {
    const std::string_view name = shape.name;
    if (type == "f16" || type == "bf16" || type == "s8" || type == "u8")
        return name == "m16n16k16" || name == "m8n32k16" || name == "m32n8k16";
    if (type == "tf32") return name == "m16n16k8";
    if (type == "f64") return name == "m8n8k4";
    return (type == "s4" || type == "u4") ? name == "m8n8k32" : type == "b1" && name == "m8n8k128";
}

// wmma.load.a|b|c.sync.aligned.layout.shape{.space}.type {registers}, [address]{, stride}
// wmma.store.d likewise                                  [address], {registers}{, stride}
void decodeFragmentAccess(Decoder& decoder, Spelling& spelling, bool store) {
    const std::string_view which = spelling.takeFirst();
    if (store ? which != "d" : which != "a" && which != "b" && which != "c")
        decoder.refuse("unknown matrix of wmma");
    expectAligned(decoder, spelling);
    const bool columns = takeColumns(decoder, spelling.takeFirst());
    const Shape& shape = takeShape(decoder, spelling);
    const Space space = spelling.take("global")                                   ? Space::GLOBAL
                        : spelling.take("shared") || spelling.take("shared::cta") ? Space::SHARED
                                                                                  : Space::GENERIC;
    const std::string_view type = spelling.takeLast();
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 3);

    const bool sum = which == "c" || which == "d";
    const std::uint32_t bits = bitsOf(decoder, type);
    const bool integer = type == "s32" || bits <= 8;
    const bool known = !sum            ? hasWmma(shape, type)
                       : type == "f64" ? hasWmma(shape, "f64")
                       : type == "s32" ? hasWmma(shape, "s8") || hasWmma(shape, "s4") || hasWmma(shape, "b1")
                       : type == "f32" ? hasWmma(shape, "f16") || hasWmma(shape, "tf32")
                                       : type == "f16" && hasWmma(shape, "f16");
    if (!known) decoder.refuse("wmma has no such fragment");
    const std::uint32_t tileRows = integer ? shape.m : std::min(shape.m, 16U);
    // Each register: where its first element lies. Elements of a lane follow each other in `each`, lanes in `step`.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> places;
    FragmentWalk walk;
    if (sum) {
        const std::uint32_t each = type == "f16" ? 2 : 1;
        for (std::uint32_t column = 0; column < shape.n; column += 8) {
            for (std::uint32_t row = 0; row < shape.m; row += 8) {
                for (std::uint32_t e = 0; e < 2; e += each) places.emplace_back(row, column + e);
            }
        }
        walk = {2, each, bits};
    } else {
        const std::uint32_t across = bits == 64 ? 4 : 128 / bits;
        const std::uint32_t lines = which == "a" ? shape.m : shape.n;
        const std::uint32_t tileLines = which == "a" ? tileRows : 8;
        for (std::uint32_t tile = 0; tile < lines; tile += tileLines) {
            for (std::uint32_t k = 0; k < shape.k; k += across) {
                for (std::uint32_t line = 0; line < tileLines; line += 8) places.emplace_back(tile + line, k);
            }
        }
        walk = {across / 4, across / 4, bits};
        for (std::size_t i = 0; type == "f16" && places.size() < 8; i++) places.push_back(places[i]);
    }
    std::vector<std::uint32_t> list;
    addFragment(decoder, store ? 1 : 0, places.size(), bits == 64 ? 8 : 4, !store, list);
    for (const auto& [line, at] : places) {
        list.push_back(line);
        list.push_back(at);
    }
    // The leading dimension, in elements.
    const std::uint32_t rows = which == "b" ? shape.k : shape.m;
    const std::uint32_t width = which == "a" ? shape.k : shape.n;
    const std::uint32_t stride = decoder.operands().size() == 3 ? decoder.read(decoder.operand(2), 4)
                                                                : decoder.constant(columns ? rows : width, 4);
    walk.count = static_cast<std::uint32_t>(places.size());
    walk.contiguous = (which == "b") == columns;
    if (bits < 8 && !walk.contiguous) decoder.refuse("A of less than 8 bits is .row, B is .col");
    Op& op = decoder.emit(decoder.entry(store ? "wmma.store" : "wmma.load"));
    op.flow = Flow::WARP;
    op.space = space;
    op.store = store;
    const bool whole = walk.contiguous && walk.each * bits == 32;
    op.bytes = static_cast<std::uint8_t>(whole ? 4 : bits / 8);
    op.site = decoder.newSite();
    op.more = decoder.list(list);
    op.b = stride;
    op.c = walk.pack();
    decoder.address(op, decoder.operand(store ? 0 : 1));
}

// wmma.mma{.xor|.and.popc}.sync.aligned.alayout.blayout.shape{.rnd}.dtype{.atype.btype}.ctype{.satfinite} d, a, b, c
void decodeFragmentProduct(Decoder& decoder, Spelling& spelling) {
    Product product;
    takeBitOperation(decoder, spelling, product);
    expectAligned(decoder, spelling);
    const bool aColumns = takeColumns(decoder, spelling.takeFirst());
    const bool bColumns = takeColumns(decoder, spelling.takeFirst());
    product.shape = takeShape(decoder, spelling);
    takeTypes(decoder, spelling, product);
    decoder.expectNothingLeft(spelling);
    if (!hasWmma(product.shape, product.a)) decoder.refuse("wmma has no such product");
    if (bitsOf(decoder, product.a) < 8 && (aColumns || !bColumns))
        decoder.refuse("this product takes .row.col");
    product.wide = product.a == "f16";
    emitProduct(decoder, product);
}

}  // namespace

// mma.sync.aligned.shape.alayout.blayout{.rnd}{.satfinite}.dtype.atype.btype.ctype{.xor|.and.popc} d, a, b, c
void decodeMma(Decoder& decoder, Spelling spelling) {
    if (spelling.take("sp") || spelling.take("sp::ordered_metadata"))
        decoder.refuse("sparse products (mma.sp) are not supported");
    expectAligned(decoder, spelling);
    Product product;
    product.shape = takeShape(decoder, spelling);
    product.aColumns = takeColumns(decoder, spelling.takeFirst());
    product.bRows = !takeColumns(decoder, spelling.takeFirst());
    takeBitOperation(decoder, spelling, product);
    takeTypes(decoder, spelling, product);
    decoder.expectNothingLeft(spelling);
    const bool quads = product.shape.name == "m8n8k4" && product.a == "f16";
    if (!quads && (product.aColumns || product.bRows)) decoder.refuse("this product takes .row.col");
    const bool floating = product.d != "s32" && product.a != "f64" && !quads;
    if (product.shape.n != 8 || product.shape.m > 16 || (floating && product.shape.m != 16))
        decoder.refuse("mma has no shape ." + std::string(product.shape.name));
    emitProduct(decoder, product);
}

void decodeWmma(Decoder& decoder, Spelling spelling) {
    const std::string_view what = spelling.takeFirst();
    if (what == "mma") return decodeFragmentProduct(decoder, spelling);
    if (what != "load" && what != "store") decoder.refuse("unknown form of wmma");
    decodeFragmentAccess(decoder, spelling, what == "store");
}

void decodeLoadMatrix(Decoder& decoder, Spelling spelling) { decodeMatrixAccess(decoder, spelling, false); }
void decodeStoreMatrix(Decoder& decoder, Spelling spelling) { decodeMatrixAccess(decoder, spelling, true); }

// movmatrix.sync.aligned.m8n8.trans.b16 d, a
void decodeMoveMatrix(Decoder& decoder, Spelling spelling) {
    expectAligned(decoder, spelling);
    if (!spelling.take("m8n8") || !spelling.take("trans") || !spelling.take("b16"))
        decoder.refuse("movmatrix is .m8n8.trans.b16");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 2);
    const std::uint32_t a = decoder.read(decoder.operand(1), 4);
    const std::uint32_t d = decoder.write(decoder.operand(0), 4);
    Op& op = decoder.emit(decoder.entry("movmatrix"));
    op.flow = Flow::WARP;
    op.dst = d;
    op.a = a;
}

}  // namespace quern::emulator
