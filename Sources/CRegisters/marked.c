// Marked calls: anything that switches is called with random patterns in the registers it must keep.
#include "CRegisters.h"
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint64_t no_damage[REGISTERS];

// SplitMix64, as in walk.c.
static uint64_t next_random(gb_marked *marked) {
    uint64_t z = marked->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

__attribute__((noinline)) static void report(gb_marked *marked, const char *name, uint64_t found,
                                             uint64_t expected) {
    if (marked->mismatches++) return;
    snprintf(marked->first, sizeof marked->first,
             "after %" PRIu64 " switches %s is %016" PRIx64 ", not %016" PRIx64,
             marked->crossings, name, found, expected);
}

void gb_marked_begin(gb_marked *marked, uint64_t seed) {
    memset(marked, 0, sizeof *marked);
    marked->state = seed;
    marked->carried = marked->usual = environment_now();
}

void gb_marked_end(gb_marked *marked) { set_environment(marked->usual); }

void gb_marked_call(gb_marked *marked, void (*act)(void *), void *argument, bool owns) {
    uint64_t before[REGISTERS], after[REGISTERS];
    for (int i = 0; i < REGISTERS; i++) before[i] = next_random(marked);
    uint64_t had = environment_from(next_random(marked));
    // Status flags are left out: whoever computes in between may set them.
    marked->carried = had;
    set_environment(had);
    gb_call_marked(act, argument, before, after, no_damage);
    uint64_t now = environment_now() & ~status_bits;
    uint64_t expected = owns ? (had & own_bits) | (marked->carried & ~own_bits) : marked->carried;
    expected &= ~status_bits;
    for (int i = 0; i < REGISTERS; i++)
        if (before[i] != after[i]) report(marked, register_names[i], after[i], before[i]);
    if (now != expected) report(marked, "the control words", now, expected);
    if (!direction_is_up()) report(marked, "the direction flag", 1, 0);
    marked->crossings++;
}

// Inlined into nobody: its own frame begins where its caller's stack pointer is.
__attribute__((noinline)) unsigned gb_misalignment(void) {
    // A frame address is a multiple of 16 where the caller's stack pointer was one.
    return (uintptr_t)__builtin_frame_address(0) % 16;
}
