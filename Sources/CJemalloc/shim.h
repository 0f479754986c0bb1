// jemalloc's non-standard API, with the macros that Swift cannot import made into functions.
#ifndef CJEMALLOC_SHIM_H
#define CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>

/// Memory of one arena, aligned, past the thread cache: a stack is cached by its pool already.
static inline void *gb_arena_allocate(size_t size, size_t alignment, unsigned arena) {
    return mallocx(size, MALLOCX_ARENA(arena) | MALLOCX_ALIGN(alignment) | MALLOCX_TCACHE_NONE);
}

static inline void gb_arena_free(void *block, size_t size, size_t alignment, unsigned arena) {
    sdallocx(block, size,
             MALLOCX_ARENA(arena) | MALLOCX_ALIGN(alignment) | MALLOCX_TCACHE_NONE);
}

/// Makes an arena. Returns 0 or an error number.
static inline int gb_arena_create(unsigned *arena) {
    size_t size = sizeof *arena;
    return mallctl("arenas.create", arena, &size, NULL, 0);
}

#endif
