// A line on standard error, put together where nothing may be allocated: in a signal handler.
#ifndef CSWITCH_LINE_H
#define CSWITCH_LINE_H

#include <stddef.h>
#include <stdint.h>

#define GB_HIDDEN __attribute__((visibility("hidden")))

struct gb_line {
    size_t length;
    char text[768];
};

/// Appends a text; what does not fit is cut.
GB_HIDDEN void gb_put(struct gb_line *line, const char *text);

/// Appends a text that stays on its line and within its quotes, however it is called; 128 bytes.
GB_HIDDEN void gb_put_quoted(struct gb_line *line, const char *text);

/// Appends a number to the base 10, or to the base 16 with its 0x.
GB_HIDDEN void gb_put_number(struct gb_line *line, uint64_t number, unsigned base);

/// Appends a place in the code, as in `spider+0x41f0`; a mere address where no module is.
GB_HIDDEN void gb_put_code(struct gb_line *line, uintptr_t address);

/// Ends the line and writes it.
GB_HIDDEN void gb_write_line(struct gb_line *line);

/// The first address of the module that an address of code is in, or 0.
///
/// Where the system has no way to ask in a handler, every address is in a module of its own.
GB_HIDDEN uintptr_t gb_module(uintptr_t code);

#endif
