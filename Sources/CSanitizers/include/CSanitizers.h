// What the sanitizers must be told about stacks. Nothing, in builds without a sanitizer.
#ifndef CSANITIZERS_H
#define CSANITIZERS_H

#include <stddef.h>

/// Tells AddressSanitizer that no frame is left on a stack.
///
/// The last frames of a context are abandoned, not left, so their red zones stay poisoned, and the
/// next context on the same stack would be reported for touching them. Not inline: Swift's
/// importer does not see that a sanitizer is on, so the body must be compiled as C.
void gb_stack_is_free(void *lowest, size_t size);

#endif
