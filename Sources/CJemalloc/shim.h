// jemalloc's non-standard API, with the macros that Swift cannot import made into functions.
#ifndef CJEMALLOC_SHIM_H
#define CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>
#include <stdint.h>

/// Flags for memory of one arena, past the thread cache: a pool caches it already.
static inline int gb_arena_flags(unsigned arena) {
    return MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
}

/// Flags for memory of whichever arena jemalloc chooses, past the thread cache.
static inline int gb_ordinary_flags(void) { return MALLOCX_TCACHE_NONE; }

static inline void *gb_allocate(size_t size, size_t alignment, int flags) {
    return mallocx(size, flags | MALLOCX_ALIGN(alignment));
}

static inline void gb_free(void *block, size_t size, size_t alignment, int flags) {
    sdallocx(block, size, flags | MALLOCX_ALIGN(alignment));
}

/// Bytes that this thread has allocated so far, by jemalloc's own count; 0 where it keeps none.
static inline uint64_t gb_thread_allocated(void) {
    uint64_t bytes = 0;
    size_t size = sizeof bytes;
    return mallctl("thread.allocated", &bytes, &size, NULL, 0) ? 0 : bytes;
}

/// The index that stands for all arenas in the names of controls.
static inline unsigned gb_all_arenas(void) { return MALLCTL_ARENAS_ALL; }

#endif
