// Random patterns in every register around a switch: of the bare switch, or of anything that is called.
#ifndef CREGISTERS_H
#define CREGISTERS_H

#include <stdbool.h>
#include <stdint.h>

/// The ways to switch that walk.c knows: how the engine's backends do it, and ucontext.
enum { gb_ways = 5 };

/// A way's name.
const char *gb_way_name(int way);

/// What a walk has done.
typedef struct gb_walked {
    uint64_t checked, mismatches;
} gb_walked;

/// Walks at random among eight contexts. One walk at a time in a process.
///
/// @param say  Takes the first mismatches, a sentence each.
gb_walked gb_walk(int way, uint64_t switches, uint64_t seed, void (*say)(const char *what));

/// How many damaged words were found as what they were, and how many were not.
typedef struct gb_self_check {
    int passed, failed;
} gb_self_check;

/// Damages one word at a time, in every way to switch.
gb_self_check gb_walk_self_check(uint64_t seed, void (*say)(const char *what));

/// A call around which all callee-saved registers hold `marks`; see marks.S.
void gb_call_marked(void (*function)(void *), void *argument, const uint64_t *marks,
                    uint64_t *found, const uint64_t *damage);

/// Marked calls of one thread that switches between contexts.
typedef struct gb_marked {
    uint64_t state;       // of the random walk
    uint64_t carried;     // the control words that the latest switch was begun with
    uint64_t crossings;   // that were compared
    uint64_t mismatches;
    uint64_t usual;       // the control words before the first call
    char first[160];      // what the first mismatch was
} gb_marked;

/// Begins. The control words are the walk's own from here on.
void gb_marked_begin(gb_marked *marked, uint64_t seed);

/// Sets the control words to what they were.
void gb_marked_end(gb_marked *marked);

/// Calls `act(argument)`, which switches away and comes back, with random patterns in every
/// callee-saved register and in the control words, and compares.
///
/// @param owns  Whether the caller's context has control words of its own. Otherwise those are expected
///              that the latest other call began with.
void gb_marked_call(gb_marked *marked, void (*act)(void *), void *argument, bool owns);

/// How far the stack pointer of a caller is from where it has to be; 0.
unsigned gb_misalignment(void);

#endif
