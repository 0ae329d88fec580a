#include "exec/watch.hpp"

namespace quern::emulator {

namespace {

// Times beyond this are not begun with: there are not enough left for a long launch.
constexpr std::uint32_t LATE = 0xc0000000;

}  // namespace

LaunchWatch::LaunchWatch(DeviceMemory& memory, const Program& program, const Options& options)
    : lock_(memory.shadowClock().mutex) {
    ShadowClock& clock = memory.shadowClock();
    if (clock.now > LATE) {
        memory.clearShadow();
        clock.now = 1;
    }
    if (options.races) races.emplace(memory, program, clock);
}

BlockWatch::BlockWatch(LaunchWatch& launch, std::uint32_t warps, std::uint32_t sharedBytes) {
    if (launch.races) races_.emplace(*launch.races, warps, sharedBytes);
}

void BlockWatch::start(std::uint64_t number) {
    if (races_) races_->start(number);
}

void BlockWatch::access(Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                        const std::uint64_t* address, std::byte** pointer) {
    if (!races_) return;
    forEachLane(global | shared, [&](int lane) {
        const Space space = (shared >> lane & 1) != 0 ? Space::SHARED : Space::GLOBAL;
        races_->access(warp, op, lane, space, address, pointer);
    });
}

void BlockWatch::fence(const Warp& warp, const Op& op) {
    if (races_) races_->fence(warp, op.reach != Reach::BLOCK);
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
