// Undefined values and matrices: which rows and columns of a product they reach, and their way through ldmatrix, stmatrix
// and movmatrix.
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "exec/definedness.hpp"
#include "exec/fragment_walk.hpp"
#include "exec/table.hpp"

namespace quern::emulator {

enum class Form : std::uint8_t { OTHER, PRODUCT, LOAD, STORE, MOVE, FRAGMENT };

/// How an instruction moves or multiplies matrices.
struct MatrixForm {
    Form form = Form::OTHER;
    std::uint32_t rows = 0;   // of a tile of a product whose layout is the common one; 0: another layout
    std::uint32_t steps = 0;  // registers of a factor along k
    bool halfC = false;       // sums of FP16, two in a register
    bool halfD = false;
    int matrices = 1;  // of ldmatrix and stmatrix
    bool transposed = false;
};

namespace {

using Forms = std::unordered_map<Handler, MatrixForm>;

Forms makeForms() {
    Forms forms;
    const auto add = [&](const std::string& key, const MatrixForm& form) {
        if (const Entry* entry = findEntry(key)) forms.emplace(entry->run, form);
    };
    for (const char* factor : {"f16", "bf16", "tf32"}) {
        for (const std::uint32_t rows : {8U, 16U}) {
            for (const std::uint32_t depth : {4U, 8U, 16U}) {
                const bool tf32 = std::string(factor) == "tf32";
                MatrixForm form{Form::PRODUCT, rows, depth / (tf32 ? 4U : 8U)};
                // m8n8k4 of FP16 is four products, with a layout of its own.
                if (form.steps == 0) form.rows = 0;
                const std::string tile = "mma.m" + std::to_string(rows) + "n8k" + std::to_string(depth);
                for (const char* d : {".f16.", ".f32."}) {
                    for (const char* c : {".f16", ".f32"}) {
                        form.halfD = d[2] == '1';
                        form.halfC = c[2] == '1';
                        add(tile + d + factor + c, form);
                    }
                }
            }
        }
    }
    for (const char* key : {"mma.m8n8k4.f64.f64.f64", "mma.m16n8k4.f64.f64.f64", "mma.m16n8k8.f64.f64.f64",
                            "mma.m16n8k16.f64.f64.f64", "mma.integer"})
        add(key, {Form::PRODUCT});
    for (const int matrices : {1, 2, 4}) {
        for (const bool transposed : {false, true}) {
            const std::string key = "matrix.x" + std::to_string(matrices) + (transposed ? ".trans" : "");
            add("ld" + key, {Form::LOAD, 0, 0, false, false, matrices, transposed});
            add("st" + key, {Form::STORE, 0, 0, false, false, matrices, transposed});
        }
    }
    add("movmatrix", {Form::MOVE});
    add("wmma.load", {Form::FRAGMENT});
    return forms;
}

MatrixForm formOf(Handler handler) {
    static const Forms forms = makeForms();
    const auto found = forms.find(handler);
    return found == forms.end() ? MatrixForm{} : found->second;
}

/// Where byte b of row i of a matrix of 16-bit elements is among the bytes of its register's lanes.
std::uint32_t placeOf(bool transposed, std::uint32_t row, std::uint32_t byte) {
    return transposed ? (byte / 2 * 8 + row) * 2 + byte % 2 : 16 * row + byte;
}

}  // namespace

/// An element of a product is undefined where one of its row of A, of its column of B, or its addend is.
void BlockDefinedness::multiplyTiles(Warp& warp, const Op& op, const MatrixForm& form) {
    const std::uint32_t down = static_cast<std::uint32_t>(op.imm & 0xff);
    const std::uint32_t across = static_cast<std::uint32_t>(op.imm >> 8);
    const std::uint32_t blocks = form.rows / 8;
    const std::uint32_t ofD = blocks * (form.halfD ? 1 : 2), ofC = blocks * (form.halfC ? 1 : 2);
    const std::uint32_t ofA = blocks * form.steps, ofB = form.steps;
    const std::uint32_t* d = op.more;
    const std::uint32_t* a = d + down * across * ofD;
    const std::uint32_t* b = a + op.b;
    const std::uint32_t* c = b + op.c;
    std::vector<std::uint32_t> undefined(down * across * ofD);  // lanes of each register of D
    for (std::uint32_t tile = 0; tile < down * across; tile++) {
        std::uint8_t element[16] = {};  // a bit for each column
        for (std::uint32_t r = 0; r < ofA; r++) {
            const std::uint32_t lanes = undefinedLanes(warp, a[tile % down * ofA + r]);
            forEachLane(lanes, [&](int lane) {
                element[r % blocks * 8 + static_cast<std::uint32_t>(lane) / 4] = 0xff;
            });
        }
        std::uint8_t columns = 0;
        for (std::uint32_t r = 0; r < ofB; r++) {
            forEachLane(undefinedLanes(warp, b[tile / down * ofB + r]),
                        [&](int lane) { columns = static_cast<std::uint8_t>(columns | 1U << lane / 4); });
        }
        const auto bitsOf = [](bool half, std::uint32_t r, int lane) {
            const std::uint32_t first = static_cast<std::uint32_t>(lane) % 4 * 2;
            return static_cast<std::uint8_t>(half ? 3U << first : 1U << (first + r % 2));
        };
        const auto rowOf = [](bool half, std::uint32_t r, int lane) {
            return (half ? r : r / 2) * 8 + static_cast<std::uint32_t>(lane) / 4;
        };
        for (std::uint32_t r = 0; r < ofC; r++) {
            forEachLane(undefinedLanes(warp, c[tile * ofC + r]), [&](int lane) {
                std::uint8_t& row = element[rowOf(form.halfC, r, lane)];
                row = static_cast<std::uint8_t>(row | bitsOf(form.halfC, r, lane));
            });
        }
        for (std::uint32_t r = 0; r < ofD; r++) {
            for (int lane = 0; lane < LANES; lane++) {
                const unsigned row = element[rowOf(form.halfD, r, lane)] | columns;
                if ((row & bitsOf(form.halfD, r, lane)) != 0) undefined[tile * ofD + r] |= 1U << lane;
            }
        }
    }
    for (std::size_t i = 0; i < undefined.size(); i++) setLanes(warp, d[i], undefined[i]);
}

void BlockDefinedness::propagateMatrix(Warp& warp, const Op& op) {
    const MatrixForm form = formOf(op.run);
    const std::uint32_t mask = warp.mask;
    warp.mask = ALL_LANES;
    if (form.form == Form::PRODUCT && form.rows != 0) {
        multiplyTiles(warp, op, form);
    } else if (form.form == Form::PRODUCT) {
        const std::uint32_t ofD = op.e & 0xff, sources = op.b + op.c + (op.e >> 8);
        std::uint32_t any = 0;
        for (std::uint32_t r = 0; r < sources; r++) any |= undefinedLanes(warp, op.more[ofD + r]);
        for (std::uint32_t r = 0; r < ofD; r++) setLanes(warp, op.more[r], any != 0 ? ALL_LANES : 0);
    } else if (form.form == Form::MOVE) {
        Op shadow = op;
        shadow.a += distance_;
        if (op.dst != SINK) shadow.dst += distance_;
        shadow.run(warp, shadow);
    } else if (form.form == Form::FRAGMENT) {
        const std::uint32_t count = FragmentWalk::of(op.c).count;
        for (std::uint32_t r = 0; r < count; r++) setLanes(warp, op.more[r], 0);
    }
    warp.mask = mask;
}

/// Rows of ldmatrix and stmatrix: that of matrix m and row i is at the address of lane 8 m + i. What wmma loads and stores
/// counts as defined.
void BlockDefinedness::accessMatrix(const Warp& warp, const Op& op, std::uint32_t global,
                                    std::uint32_t shared, const std::uint64_t* address) {
    const MatrixForm form = formOf(op.run);
    const bool moves = form.form == Form::LOAD || form.form == Form::STORE;
    const std::uint32_t all = (1U << op.bytes) - 1;
    std::uint32_t undefined[LANES] = {};
    int first = -1;
    forEachLane(global | shared, [&](int lane) {
        std::uint64_t bit = address[lane];
        std::uint8_t* bits = (shared >> lane & 1) != 0 ? shared_.data() : bitsOf(address[lane], bit);
        if (bits == nullptr) return;
        std::uint64_t word;
        std::memcpy(&word, bits + bit / 8, sizeof word);
        if (!op.store) {
            undefined[lane] = all & ~static_cast<std::uint32_t>(word >> bit % 8);
            if (undefined[lane] != 0 && first < 0) first = lane;
            return;
        }
        std::uint32_t wrong = 0;
        if (moves && isTainted(warp)) {
            const std::byte* source = warp.registers + op.more[lane / 8] + distance_;
            for (std::uint32_t byte = 0; byte < 16; byte++) {
                const std::uint32_t place =
                    placeOf(form.transposed, static_cast<std::uint32_t>(lane) % 8, byte);
                if (source[place] != std::byte{0}) wrong |= 1U << byte;
            }
        }
        word |= std::uint64_t{all} << bit % 8;
        word &= ~(std::uint64_t{wrong} << bit % 8);
        std::memcpy(bits + bit / 8, &word, sizeof word);
    });
    if (op.store || !moves) return;
    if (first >= 0) taint(warp, op, first);
    if (!isTainted(warp)) return;
    for (int lane = 0; lane < 8 * form.matrices; lane++) {
        if (op.more[lane / 8] == SINK) continue;
        std::byte* shadow = warp.registers + op.more[lane / 8] + distance_;
        for (std::uint32_t byte = 0; byte < 16; byte++) {
            shadow[placeOf(form.transposed, static_cast<std::uint32_t>(lane) % 8, byte)] =
                (undefined[lane] >> byte & 1) != 0 ? std::byte{0xff} : std::byte{0};
        }
    }
}

}  // namespace quern::emulator
