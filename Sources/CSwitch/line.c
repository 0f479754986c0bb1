// Text, numbers and places in the code, for lines that a signal handler writes.
#define _GNU_SOURCE
#include "line.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <link.h>
#endif

void gb_put(struct gb_line *line, const char *text) {
    while (*text && line->length < sizeof line->text - 1) line->text[line->length++] = *text++;
}

void gb_put_quoted(struct gb_line *line, const char *text) {
    gb_put(line, "\"");
    for (size_t i = 0; text[i] && i < 128; i++) {
        char one[2] = {text[i], 0};
        if ((unsigned char)one[0] < ' ' || one[0] == 127) one[0] = '?';
        if (one[0] == '"') one[0] = '\'';
        gb_put(line, one);
    }
    gb_put(line, "\"");
}

void gb_put_number(struct gb_line *line, uint64_t number, unsigned base) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do digits[--at] = "0123456789abcdef"[number % base];
    while (number /= base);
    if (base == 16) gb_put(line, "0x");
    gb_put(line, digits + at);
}

// A place in the code, as addr2line and llvm-symbolizer take it. The function's name would need
// dladdr, which waits for the loader's lock: whoever has it may wait for what we hold, and then the
// process would hang in place of dying. _dl_find_object is made for signal handlers.
void gb_put_code(struct gb_line *line, uintptr_t address) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    struct dl_find_object found;
    if (!_dl_find_object((void *)address, &found)) {
        const char *name = found.dlfo_link_map->l_name;
        const char *slash = name ? strrchr(name, '/') : 0;
        gb_put(line, !name || !*name ? program_invocation_short_name : slash ? slash + 1 : name);
        gb_put(line, "+");
        gb_put_number(line, address - found.dlfo_link_map->l_addr, 16);
        return;
    }
#endif
    gb_put_number(line, address, 16);
}

uintptr_t gb_module(uintptr_t code) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    struct dl_find_object found;
    return _dl_find_object((void *)code, &found) ? 0 : (uintptr_t)found.dlfo_map_start;
#else
    return code;
#endif
}

void gb_write_line(struct gb_line *line) {
    line->text[line->length++] = '\n';
    for (size_t done = 0; done < line->length;) {
        ssize_t count = write(2, line->text + done, line->length - done);
        if (count > 0) done += (size_t)count;
        else if (errno != EINTR) return;
    }
}
