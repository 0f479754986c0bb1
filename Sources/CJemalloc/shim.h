// jemalloc's non-standard API, with the macros that Swift cannot import made into functions.
#ifndef CJEMALLOC_SHIM_H
#define CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>
#include <stdint.h>

/// Memory of one arena, aligned, past the thread cache: a stack is cached by its pool already.
static inline void *gb_arena_allocate(size_t size, size_t alignment, unsigned arena) {
    return mallocx(size, MALLOCX_ARENA(arena) | MALLOCX_ALIGN(alignment) | MALLOCX_TCACHE_NONE);
}

static inline void gb_arena_free(void *block, size_t size, size_t alignment, unsigned arena) {
    sdallocx(block, size,
             MALLOCX_ARENA(arena) | MALLOCX_ALIGN(alignment) | MALLOCX_TCACHE_NONE);
}

/// Bytes that this thread has allocated so far, by jemalloc's own count; 0 where it keeps none.
static inline uint64_t gb_thread_allocated(void) {
    uint64_t bytes = 0;
    size_t size = sizeof bytes;
    return mallctl("thread.allocated", &bytes, &size, NULL, 0) ? 0 : bytes;
}

/// Makes an arena. Returns 0 or an error number.
static inline int gb_arena_create(unsigned *arena) {
    size_t size = sizeof *arena;
    return mallctl("arenas.create", arena, &size, NULL, 0);
}

#endif
