// How jemalloc is set in programs that link this: read by jemalloc before main, by this very name.

// A slab's record is never given back. Larger slabs for the classes of handles and of frozen frames
// leave a quarter of the records behind a million greenlets: 3.5 % of a small process instead of 6.9 %.
// MALLOC_CONF in the environment goes before this, and so does a definition of the program's own.
extern const char *malloc_conf;
__attribute__((weak)) const char *malloc_conf =
    "slab_sizes:1-32:4|33-64:8|65-128:16|129-256:32|257-512:64";
