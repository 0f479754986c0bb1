// What the sanitizers must be told about stacks. Nothing, in builds without a sanitizer.
//
// None of it is inline: Swift's importer does not see that a sanitizer is on, so the bodies must
// be compiled as C; and a call that switches ThreadSanitizer's fiber must not be instrumented.
#ifndef CSANITIZERS_H
#define CSANITIZERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Which sanitizer the process runs under.
typedef enum gb_sanitizer {
    gb_sanitizer_none = 0,
    gb_sanitizer_address = 1,
    gb_sanitizer_thread = 2,
} gb_sanitizer;

/// The sanitizer of this process. Never changes.
extern const gb_sanitizer gb_sanitizer_kind;

/// Whether any sanitizer is on.
static inline bool gb_sanitizers_are_on(void) {
    return gb_sanitizer_kind != gb_sanitizer_none;
}

/// Tells AddressSanitizer that no frame is left on a stack.
///
/// The last frames of a context are abandoned, not left, so their red zones stay poisoned, and the
/// next context on the same stack would be reported for touching them.
void gb_stack_is_free(void *lowest, size_t size);

/// Whether the process runs under Valgrind, and the build knows of it.
bool gb_valgrind_is_on(void);

/// Tells Valgrind of a stack, which could take a switch for a frame of the same size otherwise.
///
/// This and the next ones do nothing in builds without GB_VALGRIND.
void gb_stack_is_made(const void *lowest, size_t size);

/// Tells Valgrind that a stack's memory is none any more.
void gb_stack_is_gone(const void *lowest);

/// Tells Valgrind that what lies there is about to be written, though it may be below the stack pointer
/// that the stack was left with.
void gb_stack_is_to_be_written(void *start, size_t size);

/// Notes which bits Valgrind takes for written, and has it take all of them for written.
///
/// @param bits  As large as what is looked at.
void gb_take_bits(void *bits, const void *from, size_t size);

/// Tells Valgrind of bits that were noted.
void gb_give_bits(void *to, const void *bits, size_t size);

/// Whether undefined behaviour of C is looked for.
extern const bool gb_undefined_is_looked_for;

/// What a sanitizer knows of one context.
typedef struct gb_fiber {
    void *fake_stack;   // AddressSanitizer: saved while the context does not run
    const void *lowest; // the stack's bounds; NULL for a thread's own until it is first left
    size_t size;
    void *thread_fiber; // ThreadSanitizer: the fiber to go on with; NULL until first needed
    void *made;         // ThreadSanitizer: the fiber that was made for it
} gb_fiber;

/// Makes the record of a context on a stack of its own.
void gb_fiber_init(gb_fiber *fiber, const void *lowest, size_t size);

/// The record of a thread's own stack; its bounds are learnt when it is first left.
void gb_fiber_init_thread(gb_fiber *fiber);

/// Forgets a context that will not run again. Must not be the running one.
void gb_fiber_destroy(gb_fiber *fiber);

/// To be called right before the switch from one context to another.
///
/// @param ends  Whether `from` is left for the last time.
void gb_fiber_leave(gb_fiber *from, gb_fiber *to, bool ends);

/// To be called first thing after a switch, by the context that was continued.
///
/// @param self  The running context.
/// @param from  The one that was left; learns its bounds if it is a thread's own.
void gb_fiber_arrive(gb_fiber *self, gb_fiber *from);

/// Tells ThreadSanitizer that a lock was taken, or is about to be given back.
///
/// It does not see the locks of Swift's own library, which was built without it.
/// @param lock  Names the lock; never read.
void gb_lock_taken(const void *lock);
void gb_lock_given(const void *lock);

// Copies of the frames of a context that does not run, red zones and all.
//
// Frames hold zeros, small numbers, and the same few addresses again and again: a short piece is
// packed to a third, and a long one is copied as it is. Sizes are in words of eight bytes.

/// How many words the copy of a piece of so many words takes at most.
size_t gb_packed_most(size_t words);

/// Copies a piece.
///
/// @param to  Has room for as many words as gb_packed_most says.
/// @return How many words the copy takes.
size_t gb_pack_frames(void *to, const void *from, size_t words);

/// Copies a piece into a new block of malloc's, behind `room` bytes.
///
/// @return NULL when there is no memory.
void *gb_pack_new(size_t room, const void *from, size_t words);

/// Copies a piece back.
///
/// @param to  The very place that it was copied from.
/// @return How many words the copy took.
size_t gb_unpack_frames(void *to, const void *from, size_t words);

/// How many words the copy of a piece of so many words takes.
size_t gb_copied_words(const void *copy, size_t words);

/// One word of a copied piece.
///
/// @param base  The place that the piece was copied from.
uint64_t gb_packed_word(const void *copy, size_t words, size_t index, uintptr_t base);

#endif
