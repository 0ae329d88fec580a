// What has no effect on results: cache policies, hints, clusters of one block; and what blocks of a cooperative launch meet at.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

TEST(Hint, CachePoliciesAndHintsChangeNothing) {
    const auto actual = runThreads<u32>(R"(
    createpolicy.fractional.L2::evict_last.L2::evict_unchanged.b64 %x1, 0.5;
    createpolicy.fractional.L2::evict_first.b64 %x1;
    ld.global.L2::cache_hint.u32 %r0, [%in], %x1;
    ld.global.nc.L1::no_allocate.L2::cache_hint.L2::128B.v2.u32 {%r1, %r2}, [%in], %x1;
    st.global.L2::cache_hint.u32 [%in+16], %r0, %x1;
    atom.global.add.L2::cache_hint.u32 %r3, [%in+20], 0, %x1;
    discard.global.L2 [%in], 128;
    applypriority.global.L2::evict_normal [%in], 128;
    griddepcontrol.wait;
    griddepcontrol.launch_dependents;
    pmevent 3;
    add.u32 %d, %r0, %r2;
)",
                                        32, 1, {5, 6, 7, 8, 0, 0}, "", 90);
    expectThreads(actual, [](u32) { return 11u; });
}

TEST(Hint, ClustersHaveOneBlock) {
    const auto actual = runThreads<u32>(R"(
    .shared .align 4 .u32 word[64];
    mov.u32 %r0, %cluster_ctarank;
    mov.u32 %r1, %cluster_nctarank;
    mov.u32 %r2, %clusterid.x;
    mov.u32 %r3, %nclusterid.x;
    mov.pred %p0, %is_explicit_cluster;
    mov.u32 %r4, word;
    mad.lo.u32 %r4, %t, 4, %r4;
    mapa.shared::cluster.u32 %r5, %r4, 0;
    getctarank.shared::cluster.u32 %r6, %r5;
    st.shared::cluster.u32 [%r5], %i;
    barrier.cluster.arrive.aligned;
    barrier.cluster.wait.aligned;
    xor.b32 %r7, %t, 1;
    mov.u32 %r8, word;
    mad.lo.u32 %r8, %r7, 4, %r8;
    ld.shared.u32 %d, [%r8];
    mad.lo.u32 %d, %r1, 1000, %d;
    mad.lo.u32 %d, %r2, 10000, %d;
    mad.lo.u32 %d, %r3, 100000, %d;
    add.u32 %d, %d, %r0;
    add.u32 %d, %d, %r6;
    @%p0 mov.u32 %d, 0;
)",
                                        64, 2, {0}, "", 90);
    expectThreads(actual, [](u32 i) { return (i ^ 1) + 1000 + 10000 * (i / 64) + 200000; });
}

TEST(Hint, ElectedIsTheLowestMember) {
    const auto actual = runThreads<u32>(
        "mov.u32 %d, 0; setp.lt.u32 %p0, %t, 5; @%p0 bra DONE;\n"
        "elect.sync %r0|%p1, 0xffffffe0; selp.u32 %d, 100, 0, %p1; add.u32 %d, %d, %r0; DONE:\n",
        32, 1, {0}, "", 90);
    expectThreads(actual, [](u32 i) { return i < 5 ? 0u : i == 5 ? 105u : 5u; });
}

TEST(Hint, VectorsOfAtomics) {
    Machine machine(
        threadKernel("mov.f32 %r0, 1.0; mov.f32 %r1, 2.0; mov.u32 %d, 0;\n"
                     "red.global.add.v2.f32 [%in], {%r0, %r1};\n"
                     "atom.global.add.v4.f32 {%r4, %r5, %r6, %r7}, [%in+16], {%r0, %r1, %r1, %r0};\n",
                     4),
        90);
    const u64 in = machine.upload(std::vector<float>(8));
    machine.run("test", {4}, {64}, {machine.allocate<u32>(256), in});
    EXPECT_EQ(machine.download<float>(in, 8), (std::vector<float>{256, 512, 0, 0, 256, 512, 512, 256}));
}

TEST(Hint, EnvironmentAndPerformanceRegistersAreZero) {
    const auto actual = runThreads<u32>(
        "mov.u32 %d, %envreg0; mov.u32 %r0, %envreg1; or.b32 %d, %d, %r0; mov.u32 %r0, %envreg31;"
        "or.b32 %d, %d, %r0; mov.u32 %r0, %pm3; or.b32 %d, %d, %r0; mov.u64 %x0, %pm7_64;"
        "cvt.u32.u64 %r0, %x0; or.b32 %d, %d, %r0;",
        64);
    expectThreads(actual, [](u32) { return 0u; });
}

// As cooperative groups do it: each block adds one to the counter that %envreg1 and 2 point to, 4 bytes behind its begin.
TEST(Hint, BlocksOfACooperativeLaunchMeet) {
    Machine machine(threadKernel(R"(
    mov.u32 %r0, %envreg2;
    mov.u32 %r1, %envreg1;
    mov.b64 %x0, {%r0, %r1};
    mov.u32 %d, 0;
    setp.eq.u64 %p0, %x0, 0;
    @%p0 bra DONE;
    mad.wide.u32 %x2, %i, 4, %in;
    st.global.u32 [%x2], %i;
    bar.sync 0;
    setp.ne.u32 %p1, %t, 0;
    @%p1 bra MET;
    fence.acq_rel.gpu;
    atom.add.u32 %r2, [%x0+4], 1;
    mov.u32 %r3, %nctaid.x;
AGAIN:
    ld.acquire.gpu.u32 %r2, [%x0+4];
    setp.lt.u32 %p1, %r2, %r3;
    @%p1 bra AGAIN;
    fence.acq_rel.gpu;
MET:
    bar.sync 0;
    mov.u32 %r4, %nctaid.x;
    mul.lo.u32 %r4, %r4, %z1;
    sub.u32 %r4, %r4, %i;
    mul.wide.u32 %x2, %r4, 4;
    add.u64 %x2, %x2, %in;
    ld.global.u32 %d, [%x2+-4];
DONE:
)",
                                 4));
    const u64 out = machine.allocate<u32>(512);
    const u64 in = machine.allocate<u32>(512);
    const u64 arguments[] = {out, in};
    LaunchConfig config{
        .grid = {8}, .block = {64}, .parameters = std::as_bytes(std::span(arguments)), .cooperative = true};
    for (int again = 0; again < 2; again++) {
        const LaunchResult result = launch(*machine.module->findKernel("test"), config, machine.device,
                                           *machine.memory, machine.options);
        ASSERT_EQ(result.status, LaunchStatus::OK) << result.report;
        expectThreads(machine.download<u32>(out, 512), [](u32 i) { return 511 - i; });
    }
    config.cooperative = false;
    const LaunchResult alone =
        launch(*machine.module->findKernel("test"), config, machine.device, *machine.memory, machine.options);
    ASSERT_EQ(alone.status, LaunchStatus::OK) << alone.report;
    expectThreads(machine.download<u32>(out, 512), [](u32) { return 0u; });
}

}  // namespace
}  // namespace quern::emulator
