// .func calls: parameters in registers and in .param space, structures, chains, calls by some lanes only, stacks.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// As nvcc compiles a call.
const char* const SQUARE = R"(
.func (.param .b32 func_retval0) square(.param .b32 square_param_0);

.func (.param .b32 func_retval0) square(.param .b32 square_param_0)
{
    .reg .b32 %r<3>;
    ld.param.u32 %r1, [square_param_0];
    mul.lo.s32 %r2, %r1, %r1;
    st.param.b32 [func_retval0+0], %r2;
    ret;
}
)";

const char* const CALL_SQUARE = R"(
    {
    .reg .b32 temp_param_reg;
    .param .b32 param0;
    st.param.b32 [param0+0], %i;
    .param .b32 retval0;
    call.uni (retval0), square, (param0);
    ld.param.b32 %r0, [retval0+0];
    }
)";

TEST(Call, AsCompilersWriteIt) {
    expectThreads(runThreads<u32>(std::string(CALL_SQUARE) + "add.u32 %d, %r0, 1;", 40, 2, {0}, SQUARE),
                  [](u32 i) { return i * i + 1; });
}

TEST(Call, ByRegisters) {
    expectThreads(runThreads<u32>("call (%d), mix, (%i, 7, %x0);", 40, 1, {0}, R"(
.func (.reg .u32 result) mix(.reg .u32 a, .reg .u32 b, .reg .u64 unused)
{
    mad.lo.u32 result, a, b, 3;
    ret;
}
)"),
                  [](u32 i) { return 7 * i + 3; });
}

TEST(Call, BySomeLanesOnly) {
    expectThreads(runThreads<u32>(R"(
    and.b32 %r5, %i, 1; setp.ne.u32 %p0, %r5, 0;
    mov.u32 %r0, 1000;
    @%p0 bra SKIP;)" + std::string(CALL_SQUARE) +
                                      R"(
SKIP:
    shfl.sync.bfly.b32 %d, %r0, 1, 31, 0xffffffff;)",
                                  64, 1, {0}, SQUARE),
                  [](u32 i) { return i & 1 ? (i ^ 1) * (i ^ 1) : 1000; });
}

TEST(Call, ReturnsFromDivergentPlaces) {
    expectThreads(
        runThreads<u32>("call (%r0), classify, (%i); shfl.sync.bfly.b32 %r1, %r0, 1, 31, 0xffffffff;"
                        "mad.lo.u32 %d, %r1, 100, %r0;",
                        64, 1, {0}, R"(
.func (.reg .u32 result) classify(.reg .u32 a)
{
    .reg .pred %p<3>;
    .reg .u32 %m;
    rem.u32 %m, a, 3;
    setp.eq.u32 %p0, %m, 0;
    mov.u32 result, 10;
    @%p0 ret;
    setp.eq.u32 %p1, %m, 1;
    mov.u32 result, 20;
    @%p1 bra.uni OUT;
    mov.u32 result, 30;
OUT:
    ret;
}
)"),
        [](u32 i) {
            const auto classify = [](u32 a) { return a % 3 == 0 ? 10 : a % 3 == 1 ? 20 : 30; };
            return 100 * classify(i ^ 1) + classify(i);
        });
}

TEST(Call, ChainsAndSideEffects) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 cells[64];
    mov.u64 %x0, cells; cvta.shared.u64 %x0, %x0; mad.wide.u32 %x0, %t, 4, %x0;
    mov.u32 %r0, 0;
AGAIN:
    call outer, (%x0, %r0);
    add.u32 %r0, %r0, 1;
    setp.le.u32 %p0, %r0, %t;
    @%p0 bra AGAIN;
    ld.u32 %d, [%x0];)",
                                  64, 1, {0}, R"(
.func inner(.reg .u64 cell, .reg .u32 value)
{
    st.u32 [cell], value;
    ret;
}
.func (.reg .u32 result) twice(.reg .u32 a)
{
    shl.b32 result, a, 1;
    ret;
}
.func outer(.reg .u64 cell, .reg .u32 value)
{
    .reg .u32 %doubled;
    call (%doubled), twice, (value);
    call (%doubled), twice, (%doubled);
    call inner, (cell, %doubled);
}
)"),
                  [](u32 i) { return 4 * i; });
}

TEST(Call, StructuresByValueAndLocalStacks) {
    expectThreads(runThreads<u32>(R"(
    {
    .param .align 8 .b8 param0[16];
    st.param.u32 [param0+0], %i;
    st.param.v2.u32 [param0+8], {%t, 5};
    .param .align 4 .b8 retval0[8];
    call.uni (retval0), combine, (param0);
    ld.param.v2.u32 {%r0, %r1}, [retval0+0];
    }
    mad.lo.u32 %d, %r1, 1000, %r0;)",
                                  32, 2, {0}, R"(
.func (.param .align 4 .b8 func_retval0[8]) combine(.param .align 8 .b8 combine_param_0[16])
{
    .local .align 8 .b8 __local_depot0[16];
    .reg .b64 %SP, %SPL;
    .reg .b32 %r<6>;
    mov.u64 %SPL, __local_depot0;
    cvta.local.u64 %SP, %SPL;
    ld.param.u32 %r0, [combine_param_0];
    ld.param.u32 %r1, [combine_param_0+8];
    ld.param.u32 %r2, [combine_param_0+12];
    st.u32 [%SP+4], %r0;
    st.local.u32 [%SPL+8], %r1;
    ld.local.u32 %r3, [%SPL+4];
    ld.u32 %r4, [%SP+8];
    add.u32 %r3, %r3, %r4;
    st.param.b32 [func_retval0+0], %r3;
    st.param.b32 [func_retval0+4], %r2;
    ret;
}
)"),
                  [](u32 i) { return 5000 + i + i % 32; });
}

// The caller's array, written by the callee through its address: two stacks must not overlap.
TEST(Call, PassesAddressesOfLocals) {
    expectThreads(runThreads<u32>(R"(
    .local .align 4 .b8 mine[16];
    cvta.local.u64 %x0, mine;
    st.u32 [%x0], 1; st.u32 [%x0+4], 2; st.u32 [%x0+8], 3; st.u32 [%x0+12], 4;
    add.u64 %x1, %x0, 4;
    call fill, (%x1, %i);
    ld.u32 %r0, [%x0]; ld.u32 %r1, [%x0+4]; ld.u32 %r2, [%x0+8]; ld.u32 %r3, [%x0+12];
    mad.lo.u32 %d, %r0, 10, %r1; mad.lo.u32 %d, %d, 10, %r2; mad.lo.u32 %d, %d, 10, %r3;)",
                                  10, 1, {0}, R"(
.func fill(.reg .u64 where, .reg .u32 value)
{
    .local .align 4 .b8 own[16];
    .reg .u64 %o;
    .reg .u32 %v;
    cvta.local.u64 %o, own;
    st.u32 [%o], 9; st.u32 [%o+4], 9; st.u32 [%o+8], 9; st.u32 [%o+12], value;
    ld.u32 %v, [%o+12];
    st.u32 [where], %v;
    ret;
}
)"),
                  [](u32 i) { return 1000 + 100 * i + 34; });
}

TEST(Call, SixtyFourBitResultsAndPredicateArguments) {
    expectThreads(runThreads<u64>("cvt.u64.u32 %x0, %i; call (%x1, %r0), wide, (%x0); cvt.u64.u32 %x2, %r0; "
                                  "add.u64 %d, %x1, %x2;",
                                  32, 1, {0}, R"(
.func (.reg .u64 product, .reg .u32 parity) wide(.reg .u64 a)
{
    .reg .u64 %t;
    mul.lo.u64 product, a, 0x100000001;
    and.b64 %t, a, 1;
    cvt.u32.u64 parity, %t;
    ret;
}
)"),
                  [](u32 i) { return i * u64{0x100000001} + (i & 1); });
}

}  // namespace
}  // namespace quern::emulator
