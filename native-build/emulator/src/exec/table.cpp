#include "exec/table.hpp"

#include "exec/packed.hpp"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

namespace quern::emulator {

namespace {

using Index = std::unordered_map<std::string_view, const Entry*>;

void add(Index& index, Entries entries) {
    for (std::size_t i = 0; i < entries.count; i++)
        index.emplace(entries.begin[i].spelling, &entries.begin[i]);
}

#define QUERN_ADD(name) add(index, name());

void addV2(Index& index) {
    using namespace v2;
    QUERN_FAMILIES(QUERN_ADD)
}
#if QUERN_HIGHEST_LEVEL == 4
void addV3(Index& index) {
    using namespace v3;
    QUERN_FAMILIES(QUERN_ADD)
}
void addV4(Index& index) {
    using namespace v4;
    QUERN_FAMILIES(QUERN_ADD)
}
#endif

Index build() {
    Index index;
    index.reserve(2048);
    switch (level()) {
#if QUERN_HIGHEST_LEVEL == 4
        case 4: addV4(index); break;
        case 3: addV3(index); break;
#endif
        default: addV2(index); break;
    }
    for (Entries entries : {asyncCopyTable(), atomicTable(), collectiveTable(), controlTable(),
                            matrixMoveTable(), mbarrierTable(), packedTable(), runtimeTable()}) {
        add(index, entries);
    }
    return index;
}

}  // namespace

int level() {
    const char* wanted = std::getenv("QUERN_EMULATOR_LEVEL");
    const int most =
        wanted == nullptr ? QUERN_HIGHEST_LEVEL : std::min(std::atoi(wanted), QUERN_HIGHEST_LEVEL);
    __builtin_cpu_init();
    if (most >= 4 && __builtin_cpu_supports("x86-64-v4")) return 4;
    return most >= 3 && __builtin_cpu_supports("x86-64-v3") ? 3 : 2;
}

const Entry* findEntry(std::string_view spelling) {
    static const Index index = build();
    const auto found = index.find(spelling);
    return found == index.end() ? nullptr : found->second;
}

}  // namespace quern::emulator
