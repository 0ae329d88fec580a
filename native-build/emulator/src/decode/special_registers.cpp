// What the names of special registers mean.
#include "decode/decoder.hpp"

namespace quern::emulator {

namespace {

struct SpecialName {
    std::string_view name;
    Special which;
    std::uint32_t bytes;
};

constexpr SpecialName SPECIAL_NAMES[] = {
    {"%tid.x", Special::TID_X, 4},
    {"%tid.y", Special::TID_Y, 4},
    {"%tid.z", Special::TID_Z, 4},
    {"%tid.w", Special::ZERO, 4},
    {"%ntid.x", Special::NTID_X, 4},
    {"%ntid.y", Special::NTID_Y, 4},
    {"%ntid.z", Special::NTID_Z, 4},
    {"%ntid.w", Special::ZERO, 4},
    {"%ctaid.x", Special::CTAID_X, 4},
    {"%ctaid.y", Special::CTAID_Y, 4},
    {"%ctaid.z", Special::CTAID_Z, 4},
    {"%ctaid.w", Special::ZERO, 4},
    {"%nctaid.x", Special::NCTAID_X, 4},
    {"%nctaid.y", Special::NCTAID_Y, 4},
    {"%nctaid.z", Special::NCTAID_Z, 4},
    {"%nctaid.w", Special::ZERO, 4},
    {"%laneid", Special::LANEID, 4},
    {"%warpid", Special::WARPID, 4},
    {"%nwarpid", Special::NWARPID, 4},
    {"%smid", Special::SMID, 4},
    {"%nsmid", Special::NSMID, 4},
    {"%gridid", Special::GRIDID, 8},
    {"%lanemask_eq", Special::LANEMASK_EQ, 4},
    {"%lanemask_le", Special::LANEMASK_LE, 4},
    {"%lanemask_lt", Special::LANEMASK_LT, 4},
    {"%lanemask_ge", Special::LANEMASK_GE, 4},
    {"%lanemask_gt", Special::LANEMASK_GT, 4},
    {"%dynamic_smem_size", Special::DYNAMIC_SHARED_BYTES, 4},
    {"%total_smem_size", Special::TOTAL_SHARED_BYTES, 4},
    {"%aggr_smem_size", Special::TOTAL_SHARED_BYTES, 4},
    // Clusters of one block.
    {"%clusterid.x", Special::CTAID_X, 4},
    {"%clusterid.y", Special::CTAID_Y, 4},
    {"%clusterid.z", Special::CTAID_Z, 4},
    {"%clusterid.w", Special::ZERO, 4},
    {"%nclusterid.x", Special::NCTAID_X, 4},
    {"%nclusterid.y", Special::NCTAID_Y, 4},
    {"%nclusterid.z", Special::NCTAID_Z, 4},
    {"%nclusterid.w", Special::ZERO, 4},
    {"%cluster_ctaid.x", Special::ZERO, 4},
    {"%cluster_ctaid.y", Special::ZERO, 4},
    {"%cluster_ctaid.z", Special::ZERO, 4},
    {"%cluster_ctaid.w", Special::ZERO, 4},
    {"%cluster_ctarank", Special::ZERO, 4},
    {"%current_graph_exec", Special::ZERO, 8},
    {"%reserved_smem_offset_begin", Special::ZERO, 4},
    {"%reserved_smem_offset_end", Special::ZERO, 4},
    {"%reserved_smem_offset_cap", Special::ZERO, 4},
    {"%reserved_smem_offset_0", Special::ZERO, 4},
    {"%reserved_smem_offset_1", Special::ZERO, 4},
};

}  // namespace

const Symbol* Decoder::specialSymbol(std::string_view name) {
    for (const SpecialName& known : SPECIAL_NAMES) {
        if (known.name != name) continue;
        Symbol& symbol = specialSymbols_[name];
        symbol.kind = SymbolKind::REGISTER;
        symbol.bytes = known.bytes;
        symbol.place = special(known.which, known.bytes);
        return &symbol;
    }
    return nullptr;
}

/// Special registers that are the same for all threads of all launches: sizes of a cluster of one block, environment
/// and performance registers, of which there are none.
const Symbol* Decoder::constantSymbol(std::string_view name) {
    std::uint32_t bytes = 4;
    std::uint64_t value = 0;
    if (name == "%cluster_nctaid.x" || name == "%cluster_nctaid.y" || name == "%cluster_nctaid.z" ||
        name == "%cluster_nctaid.w" || name == "%cluster_nctarank") {
        value = 1;
    } else if (name == "%is_explicit_cluster") {
        bytes = 0;
    } else if (name.starts_with("%pm") && name.size() >= 4 && name[3] >= '0' && name[3] <= '7') {
        if (name.size() != 4 && name.substr(4) != "_64") return nullptr;
        bytes = name.size() == 4 ? 4 : 8;
    } else if (name.starts_with("%envreg")) {
        return environmentRegister(name);
    } else {
        return nullptr;
    }
    Symbol& symbol = specialSymbols_[name];
    symbol.kind = SymbolKind::REGISTER;
    symbol.bytes = bytes;
    symbol.place = constant(value, bytes);
    return &symbol;
}

/// %envreg1 and 2 are the upper and the lower half of the address of what the blocks of a cooperative launch meet at (0 in other launches): launches have
/// it behind the parameters. The others are 0.
const Symbol* Decoder::environmentRegister(std::string_view name) {
    name.remove_prefix(std::string_view("%envreg").size());
    unsigned number = 0;
    if (name.empty() || name.size() > 2) return nullptr;
    for (const char c : name) {
        if (c < '0' || c > '9') return nullptr;
        number = 10 * number + static_cast<unsigned>(c - '0');
    }
    if (number > 31) return nullptr;
    Symbol& symbol = specialSymbols_["%envreg"];
    symbol.kind = SymbolKind::REGISTER;
    symbol.bytes = 4;
    symbol.place = constant(0, 4);
    if (number != 1 && number != 2) return &symbol;
    const std::uint32_t value = temporary(4);
    Op& op = emit(entry("environment"));
    op.dst = value;
    op.imm = number == 1 ? 4 : 0;
    symbol.place = value;
    return &symbol;
}

}  // namespace quern::emulator
