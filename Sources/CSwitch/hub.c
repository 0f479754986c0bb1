// The thread's hub, and where Swift's runtime keeps the thread's list of open exclusive accesses.
#include "CSwitch.h"

_Thread_local void *gb_this_hub __attribute__((tls_model("initial-exec")));

// Stands in where the runtime's word is not found: switching it changes nothing.
static _Thread_local void *unread;

// Swift's runtime exports these two; a compiled access calls them. The buffer is four words, of
// which the runtime links the first into the thread's list while the access is open.
void swift_beginAccess(void *pointer, void *buffer, uintptr_t flags, void *pc)
    __attribute__((weak));
void swift_endAccess(void *buffer) __attribute__((weak));

enum {
    // A dynamic ("tracked") modification, as the compiler passes it.
    access_flags = 0x21,
    // The word lies in the static thread-local block just below the thread pointer.
    words_searched = 512,
    candidates_max = 16,
};

void **gb_accesses_find(void) {
#if defined(__linux__) && defined(__x86_64__)
    if (!swift_beginAccess || !swift_endAccess) return &unread;
    char *thread_pointer;
    __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
    void **first = (void **)thread_pointer - 1, **candidates[candidates_max];
    void *subject_one = 0, *subject_two = 0, *buffer_one[4] = {0}, *buffer_two[4] = {0};
    int count = 0;

    swift_beginAccess(&subject_one, buffer_one, access_flags, (void *)gb_accesses_find);
    for (void *volatile *word = first; word > first - words_searched; word--)
        if (*word == (void *)buffer_one && count < candidates_max)
            candidates[count++] = (void **)word;
    swift_endAccess(buffer_one);

    void **found = 0;
    int confirmed = 0;
    swift_beginAccess(&subject_two, buffer_two, access_flags, (void *)gb_accesses_find);
    for (int i = 0; i < count; i++)
        if (*(void *volatile *)candidates[i] == (void *)buffer_two) {
            found = candidates[i];
            confirmed++;
        }
    swift_endAccess(buffer_two);
    return confirmed == 1 ? found : &unread;
#else
    return &unread;
#endif
}
