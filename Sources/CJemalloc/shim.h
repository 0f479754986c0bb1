// jemalloc: the non-standard API.
#include <jemalloc/jemalloc.h>
