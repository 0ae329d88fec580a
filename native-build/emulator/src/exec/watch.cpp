#include "exec/watch.hpp"

namespace quern::emulator {

namespace {

// Times beyond this are not begun with: there are not enough left for a long launch.
constexpr std::uint32_t LATE = 0xc0000000;

}  // namespace

LaunchWatch::LaunchWatch(DeviceMemory& deviceMemory, const Program& code, const Options& wanted)
    : memory(deviceMemory), program(code), options(wanted), lock_(deviceMemory.shadowClock().mutex) {
    ShadowClock& clock = deviceMemory.shadowClock();
    if (clock.now > LATE) {
        deviceMemory.clearShadow();
        clock.now = 1;
    }
    if (!options.races) return;
    races.emplace(memory, program, clock);
    if (!options.lateStores) return;
    races->readAs = [this](std::uint32_t block, std::uint64_t address, std::uint32_t bytes, std::byte* to) {
        const auto found = stores.find(block);
        for (std::uint32_t i = 0; i < bytes; i++) {
            const std::byte* kept = found == stores.end() ? nullptr : found->second->find(address + i);
            to[i] = kept != nullptr ? *kept : *reinterpret_cast<const std::byte*>(address + i);
        }
        return true;
    };
}

BlockWatch::BlockWatch(LaunchWatch& launch, std::uint32_t warps, std::uint32_t sharedBytes,
                       std::uint32_t registerBytes)
    : launch_(launch) {
    if (launch.races) races_.emplace(*launch.races, warps, sharedBytes);
    if (launch.options.uninitialised)
        definedness_.emplace(launch.memory, launch.program, warps, sharedBytes, registerBytes);
    if (launch.options.lateStores) stores_.emplace(launch.options.seed);
}

void BlockWatch::start(std::uint64_t number) {
    number_ = static_cast<std::uint32_t>(number);
    if (races_) races_->start(number);
    if (definedness_) definedness_->start();
    if (stores_) launch_.stores[number_] = &*stores_;
}

void BlockWatch::end() {
    if (!stores_) return;
    stores_->drain();
    launch_.stores.erase(number_);
}

void BlockWatch::access(Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                        const std::uint64_t* address, std::byte** pointer) {
    if (definedness_) definedness_->access(warp, op, global, shared, address);
    if (races_) {
        forEachLane(global | shared, [&](int lane) {
            const Space space = (shared >> lane & 1) != 0 ? Space::SHARED : Space::GLOBAL;
            races_->access(warp, op, lane, space, address, pointer);
        });
    }
    if (stores_) stores_->access(op, global, address, pointer);
}

void BlockWatch::announce(const Warp& warp, const Op& store, std::uint32_t lanes,
                          const std::uint64_t* address) {
    if (!races_) return;
    forEachLane(lanes, [&](int lane) {
        // What is out of bounds is reported when it happens.
        if (address[lane] + store.bytes > warp.shared.size || address[lane] % store.bytes != 0) return;
        races_->access(warp, store, lane, Space::SHARED, address, nullptr);
    });
}

void BlockWatch::fence(const Warp& warp, const Op& op) {
    const bool wide = op.reach != Reach::BLOCK;
    if (races_) races_->fence(warp, wide);
    if (stores_ && wide) stores_->drain();
}

void BlockWatch::stepTainted(Warp& warp, const Op& op, std::uint32_t group, std::uint32_t active) {
    definedness_->checkGuard(warp, op, group);
    // Matrices that not all lanes have come to yet are seen to when they have: collect.
    const bool now = op.flow == Flow::NEXT || (op.flow == Flow::WARP && active == ALL_LANES);
    if (active == 0 || !now) return;
    warp.mask = active;
    definedness_->propagate(warp, op);
}

void BlockWatch::collect(Warp& warp, const Op& op) {
    const bool collective = op.kind == InstructionClass::WARP || op.kind == InstructionClass::MATRIX;
    if (!definedness_ || !collective) return;
    if (definedness_->isShuffle(op)) {
        definedness_->shuffle(warp, op);
    } else if (definedness_->isTainted(warp)) {
        definedness_->propagate(warp, op);
    }
}

void BlockWatch::converge(const Warp& warp, std::uint32_t lanes) {
    if (races_) races_->converge(warp, lanes);
}

void BlockWatch::arrive(std::uint32_t barrier, const Warp& warp, std::uint32_t lanes, bool waits) {
    if (races_) races_->arrive(barrier, warp.index, lanes, waits);
}

void BlockWatch::release(std::uint32_t barrier, bool all) {
    if (races_) races_->release(barrier, all);
}

}  // namespace quern::emulator
