// The line about a stack overflow: whose stack it was, how deep, where.
#include "owner.h"
#include "report.h"

// A frame is touched at or above the stack pointer, or a little below it: a call's return address,
// a red zone of 128 bytes, a pair that AArch64 stores before it has moved the pointer.
enum { below_sp_max = 512 };

// It is none, if the stack pointer is far above: then somebody wrote there by mistake; nor if it is on
// another stack: the neighbour below ran over its own top.
bool gb_is_overflow(uintptr_t address, struct gb_registers at, const gb_guarded *stack) {
    if (address + below_sp_max < at.sp) return false;
    if (at.sp >= stack->guard) return true;
    // A frame wider than the guard. It is ours if the caller's frame is.
    return at.fp >= stack->lowest && at.fp < stack->top;
}

// Counts frames. Code without frame pointers hides itself, or all that is outside of it: then the
// count is the least.
static void put_depth(struct gb_line *line, struct gb_registers at, const gb_guarded *stack) {
    struct gb_walk walk;
    if (!gb_walk_begin(&walk, at, stack)) return;
    uint64_t count = 1;
    while (gb_walk_next(&walk)) count++;
    gb_put(line, !walk.whole ? ", at least " : walk.guessed ? ", about " : ", ");
    gb_put_number(line, count, 10);
    gb_put(line, " frames deep");
}

void gb_tell_overflow(uintptr_t address, struct gb_registers at, const gb_guarded *stack) {
    struct gb_line line = {.length = 0};
    gb_put(&line, "greenlets: stack overflow in ");
    gb_put_owner(&line, stack);
    put_depth(&line, at, stack);
    gb_put(&line, ", in ");
    gb_put_code(&line, at.ip);
    gb_put(&line, "; its stack is ");
    gb_put_number(&line, stack->lowest, 16);
    gb_put(&line, "-");
    gb_put_number(&line, stack->top, 16);
    gb_put(&line, " (");
    gb_put_number(&line, stack->top - stack->lowest, 10);
    gb_put(&line, " bytes), the fault is at ");
    gb_put_number(&line, address, 16);
    gb_put(&line, "; give it a larger one");
    gb_write_line(&line);
}
