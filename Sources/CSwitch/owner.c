// Finds who runs on a stack, in the engine's structures, without a lock and without a fault.
#include "owner.h"

#include <string.h>

#include "CSwitch.h"

static gb_overflow_layout layout;

static _Thread_local char subject[64] __attribute__((tls_model("initial-exec")));

void gb_overflow_subject(const char *name) {
    size_t length = strlen(name);
    if (length >= sizeof subject) length = sizeof subject - 1;
    memcpy(subject, name, length);
    subject[length] = 0;
}

void gb_owner_layout(const gb_overflow_layout *given) { layout = *given; }

// What is damaged may lead anywhere: 0, if a word is not there.
static uintptr_t word_at(uintptr_t structure, size_t offset) {
    uintptr_t word;
    return gb_peek(structure + offset, &word, sizeof word, true) ? word : 0;
}

struct text {
    char bytes[256];
};

// A text that ends with 0, or is cut; empty, if it is not there.
static struct text text_at(uintptr_t address) {
    enum { piece = 32 };
    struct text text = {{0}};
    for (size_t i = 0; i < sizeof text.bytes - piece; i += piece) {
        // Pieces lie in one page each: what is behind the text's end need not be there.
        size_t skipped = i ? 0 : address % piece;
        size_t at = i ? i - address % piece : 0;
        if (!gb_peek(address + at, text.bytes + at, piece - skipped, true)) break;
        if (memchr(text.bytes + at, 0, piece - skipped)) break;
    }
    return text;
}

static void put_site(struct gb_line *line, uintptr_t site) {
    uintptr_t file = site & (((uintptr_t)1 << gb_site_line_shift) - 1);
    if (!file) return;
    gb_put(line, ", made at ");
    gb_put(line, text_at(file).bytes);
    gb_put(line, ":");
    gb_put_number(line, site >> gb_site_line_shift, 10);
}

// The head of a coroutine's stack, or 0. It lies at the top, lower by some lines on some stacks; it
// names its own guard and the engine. Above it there may be an older one, which names no engine.
static uintptr_t find_coroutine(const gb_guarded *stack) {
    for (uintptr_t at = stack->top - 64; at > stack->lowest && at > stack->top - 8192; at -= 64) {
        uintptr_t engine = word_at(at, layout.head_parked);
        if (word_at(at, layout.head_limit) == stack->guard &&
            (engine == layout.coroutine_names[0] || engine == layout.coroutine_names[1]))
            return at;
    }
    return 0;
}

static bool is_shared(const gb_guarded *stack) {
    for (uintptr_t at = stack->top - 64; at > stack->lowest && at > stack->top - 8192; at -= 64)
        if (word_at(at, layout.head_limit) == stack->guard &&
            word_at(at, layout.head_parked) == layout.sliced_name)
            return true;
    return false;
}

static void put_greenlet(struct gb_line *line, uintptr_t core, const char *otherwise) {
    uintptr_t settings = word_at(core, layout.core_settings);
    uintptr_t own = settings ? word_at(settings, layout.settings_name) : 0;
    struct text name = own ? text_at(own) : (struct text){{0}};
    gb_put_quoted(line, own ? name.bytes : otherwise ? otherwise : "greenlet");
    gb_put(line, " (greenlet number ");
    gb_put_number(line, word_at(core, layout.core_id), 10);
    gb_put(line, ")");
    put_site(line, word_at(core, layout.core_site));
}

static void put_thread(struct gb_line *line, uintptr_t core, uintptr_t head, const char *name) {
    if (head) {
        // The stack pointer is lost, or a handler had the signal on a stack of its own.
        put_greenlet(line, core, name);
        gb_put(line, ", off its stack");
        return;
    }
    gb_put_quoted(line, name ? name : "thread");
    gb_put(line, " (the thread's own stack)");
}

void gb_put_owner(struct gb_line *line, const gb_guarded *stack) {
    const char *name = subject[0] ? subject : 0;
    uintptr_t hub = (uintptr_t)gb_hub_get();
    uintptr_t core = hub ? word_at(hub, 0) : 0;
    uintptr_t head = core ? word_at(core, layout.core_head) : 0;
    if (!stack) return put_thread(line, core, head, name);
    // Sliced greenlets have no head of their own, but one of them runs on the stack that they share.
    if ((head > stack->lowest && head < stack->top) || (core && !head && is_shared(stack)))
        return put_greenlet(line, core, name);
    head = find_coroutine(stack);
    if (head) {
        gb_put_quoted(line, name ? name : "coroutine");
        gb_put(line, " (a coroutine)");
        put_site(line, word_at(head - layout.coroutine_room, layout.coroutine_site));
        return;
    }
    gb_put_quoted(line, name ? name : "context");
    gb_put(line, " (a context of another engine)");
}
