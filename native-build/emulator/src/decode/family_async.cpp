// Asynchronous copies, and the barriers that may track them: cp.async, mbarrier.
#include "decode/decoder.hpp"
#include "exec/async_copy.hpp"
#include "exec/mbarrier_flags.hpp"

namespace quern::emulator {

namespace {

bool isPredicate(Decoder& decoder, const ptx::Operand& operand) {
    if (operand.kind != ptx::OperandKind::NAME) return false;
    const Symbol* symbol = decoder.find(operand.name);
    return symbol != nullptr && symbol->kind == SymbolKind::REGISTER && symbol->bytes == 0;
}

void expectShared(Decoder& decoder, Spelling& spelling) {
    if (!spelling.take("shared") && !spelling.take("shared::cta"))
        decoder.refuse("cp.async copies to .shared memory of its own block");
}

/// .shared, or a generic address, which must turn out to be of shared memory.
Space takeSharedOrGeneric(Spelling& spelling) {
    return spelling.take("shared") || spelling.take("shared::cta") ? Space::SHARED : Space::GENERIC;
}

// cp.async.ca|cg.shared{::cta}.global{.L2::cache_hint}{.L2::64B|128B|256B} [to], [from], size{, source}{, policy}
// source: how many bytes to read, or a predicate of threads that read none; the rest of `size` is filled with zeros.
void decodeCopy(Decoder& decoder, Spelling& spelling) {
    const bool bypasses = spelling.take("cg");
    if (!bypasses && !spelling.take("ca")) decoder.refuse("unknown form of cp.async");
    expectShared(decoder, spelling);
    if (!spelling.take("global")) decoder.refuse("cp.async copies from .global memory");
    const bool hinted = spelling.take("L2::cache_hint");
    spelling.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
    decoder.expectNothingLeft(spelling);
    const std::size_t fixed = hinted ? 4 : 3;
    decoder.expectOperands(fixed, fixed + 1);

    const std::int64_t size = decoder.integer(decoder.operand(2));
    if (size != 16 && (bypasses || (size != 4 && size != 8))) {
        decoder.refuse(std::string(bypasses ? "cp.async.cg copies 16" : "cp.async.ca copies 4, 8 or 16") +
                           " bytes, not " + std::to_string(size),
                       decoder.operand(2).place);
    }
    if (hinted) decoder.read(decoder.operands().back(), 8);
    const bool limited = decoder.operands().size() > fixed;
    std::uint16_t flags = 0;
    std::uint32_t source = 0;
    std::uint32_t ignored = decoder.constant(0, 0);
    if (limited && isPredicate(decoder, decoder.operand(3))) {
        ignored = decoder.read(decoder.operand(3), 0);
    } else if (limited) {
        flags = COPY_SIZED;
        source = decoder.read(decoder.operand(3), 4);
    }

    Op store;
    store.space = Space::SHARED;
    store.store = true;
    store.bytes = static_cast<std::uint8_t>(size);
    store.site = decoder.newSite();
    store.line = decoder.instruction().place.line;
    store.kind = InstructionClass::MEMORY;
    decoder.address(store, decoder.operand(0));
    Op load;
    load.space = Space::GLOBAL;
    decoder.address(load, decoder.operand(1));

    Op& op = decoder.emit(decoder.entry("cp.async"));
    decoder.addSecond(op, store);
    op.space = load.space;
    op.wide = load.wide;
    op.a = load.a;
    op.imm = load.imm;
    op.bytes = static_cast<std::uint8_t>(size);
    op.site = decoder.newSite();
    op.b = source;
    op.c = ignored;
    op.flags = flags;
}

/// An mbarrier instruction whose address is this operand.
Op& emitMbarrier(Decoder& decoder, const char* key, Space space, std::size_t addressOperand) {
    Op& op = decoder.emit(decoder.entry(key));
    op.space = space;
    op.store = true;
    op.bytes = 8;
    op.site = decoder.newSite();
    op.reach = Reach::BLOCK;
    decoder.address(op, decoder.operand(addressOperand));
    return op;
}

/// An arrival changes the mbarrier at once, and orders what its thread did before it.
void makeArrival(Op& op) {
    op.kind = InstructionClass::ATOMIC;
    op.order = Order::ACQ_REL;
}

// cp.async.mbarrier.arrive{.noinc}{.shared{::cta}}.b64 [mbarrier]
void decodeArrivalOfCopies(Decoder& decoder, Spelling& spelling) {
    if (!spelling.take("arrive")) decoder.refuse("unknown form of cp.async.mbarrier");
    const bool noIncrement = spelling.take("noinc");
    const Space space = takeSharedOrGeneric(spelling);
    if (!spelling.take("b64")) decoder.refuse("cp.async.mbarrier.arrive takes .b64");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 1);
    Op& op = emitMbarrier(decoder, "cp.async.mbarrier.arrive", space, 0);
    makeArrival(op);
    op.flags = noIncrement ? MBARRIER_NO_INCREMENT : 0;
}

// mbarrier.arrive|arrive_drop{.noComplete|.expect_tx}{...}.b64 state, [mbarrier]{, count | bytes}
void decodeArrival(Decoder& decoder, Spelling& spelling, std::uint16_t flags, Space space) {
    if (spelling.take("noComplete")) flags |= MBARRIER_NO_COMPLETE;
    if (spelling.take("expect_tx")) flags |= MBARRIER_EXPECT;
    decoder.expectNothingLeft(spelling);
    const bool needsNumber = (flags & (MBARRIER_NO_COMPLETE | MBARRIER_EXPECT)) != 0;
    decoder.expectOperands(needsNumber ? 3 : 2, 3);
    const bool numbered = decoder.operands().size() == 3;
    const std::uint32_t number = numbered ? decoder.read(decoder.operand(2), 4) : decoder.constant(1, 4);
    const std::uint32_t one = decoder.constant(1, 4);
    const std::uint32_t state = decoder.write(decoder.operand(0), 8);
    Op& op = emitMbarrier(decoder, "mbarrier.arrive", space, 1);
    makeArrival(op);
    op.flags = flags;
    op.dst = state;
    op.b = (flags & MBARRIER_EXPECT) != 0 ? one : number;
    op.c = number;
}

// mbarrier.test_wait|try_wait{.parity}{...}.b64 complete, [mbarrier], state | parity{, time limit of try_wait}
void decodeMbarrierWait(Decoder& decoder, Spelling& spelling, bool tries, Space space) {
    const bool parity = spelling.take("parity");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(3, tries ? 4 : 3);
    if (decoder.operands().size() == 4) decoder.read(decoder.operand(3), 4);
    const std::uint32_t phase = decoder.read(decoder.operand(2), parity ? 4 : 8);
    const std::uint32_t complete = decoder.write(decoder.operand(0), 0);
    Op& op = emitMbarrier(decoder, "mbarrier.wait", space, 1);
    op.flow = Flow::POLL;
    op.store = false;
    op.order = Order::ACQUIRE;
    op.flags = parity ? MBARRIER_PARITY : 0;
    op.b = phase;
    op.dst = complete;
}

}  // namespace

void decodeAsyncCopy(Decoder& decoder, Spelling spelling) {
    if (!spelling.take("async"))
        decoder.refuse("unknown instruction " + std::string(decoder.instruction().opcode));
    if (spelling.has("bulk")) decoder.refuse("bulk copies (cp.async.bulk) are not supported");
    if (spelling.take("mbarrier")) return decodeArrivalOfCopies(decoder, spelling);
    if (spelling.take("commit_group")) {
        decoder.expectNothingLeft(spelling);
        decoder.expectOperands(0, 0);
        decoder.emit(decoder.entry("cp.async.commit_group"));
    } else if (spelling.take("wait_group")) {
        decoder.expectNothingLeft(spelling);
        decoder.expectOperands(1, 1);
        const std::int64_t pending = decoder.integer(decoder.operand(0));
        if (pending < 0 || pending > 0x7fffffff) decoder.refuse("a number of groups is expected");
        decoder.emit(decoder.entry("cp.async.wait_group")).imm = pending;
    } else if (spelling.take("wait_all")) {
        decoder.expectNothingLeft(spelling);
        decoder.expectOperands(0, 0);
        decoder.emit(decoder.entry("cp.async.wait_all"));
    } else {
        decodeCopy(decoder, spelling);
    }
}

void decodeMbarrier(Decoder& decoder, Spelling spelling) {
    const std::string_view what = spelling.takeFirst();
    if (!spelling.take("b64")) decoder.refuse("mbarrier takes .b64");
    if (what == "pending_count") {
        decoder.expectNothingLeft(spelling);
        decoder.expectOperands(2, 2);
        const std::uint32_t state = decoder.read(decoder.operand(1), 8);
        const std::uint32_t count = decoder.write(decoder.operand(0), 4);
        Op& op = decoder.emit(decoder.entry("mbarrier.pending_count"));
        op.a = state;
        op.dst = count;
        return;
    }
    spelling.takeOneOf({"release", "acquire", "relaxed"});
    spelling.takeOneOf({"cta", "cluster"});
    const Space space = takeSharedOrGeneric(spelling);
    if (what == "arrive") return decodeArrival(decoder, spelling, 0, space);
    if (what == "arrive_drop") return decodeArrival(decoder, spelling, MBARRIER_DROP, space);
    if (what == "test_wait" || what == "try_wait") {
        return decodeMbarrierWait(decoder, spelling, what == "try_wait", space);
    }
    const bool counts = what == "init" || what == "expect_tx" || what == "complete_tx";
    if (!counts && what != "inval") decoder.refuse("unknown form of mbarrier");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(counts ? 2 : 1, counts ? 2 : 1);
    const std::uint32_t number = counts ? decoder.read(decoder.operand(1), 4) : 0;
    Op& op = emitMbarrier(decoder, ("mbarrier." + std::string(what)).c_str(), space, 0);
    op.b = op.c = number;
    if (what == "expect_tx" || what == "complete_tx") makeArrival(op);
}

}  // namespace quern::emulator
