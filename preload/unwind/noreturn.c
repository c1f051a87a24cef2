/*
 * Calls that never return.
 *
 * Behind such a call the compiler puts whatever comes next, often another function; machine code must not be followed
 * across it. Only imports can be known, by name, through the GOT slot that they are called by. A function of the same
 * object that does not return is found out by what lies behind the call (code.c).
 *
 * Looking a slot up may mean a walk through the object's relocations, and there are only so many slots: the answers are
 * kept in a small table of words, slot | answer, that any thread may overwrite at any time.
 */
#include "noreturn.h"

#include <stddef.h>
#include <string.h>

#define ANSWERS 1024u

static uint64_t answers[ANSWERS];

static const char *const names[] = {
    "abort",
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "pthread_exit",
    "longjmp",
    "_longjmp",
    "siglongjmp",
    "__longjmp_chk",
    "__stack_chk_fail",
    "__chk_fail",
    "__fortify_fail",
    "__assert",
    "__assert_fail",
    "__cxa_throw",
    "__cxa_rethrow",
    "__cxa_bad_cast",
    "__cxa_pure_virtual",
    "__cxa_throw_bad_array_new_length",
    "_Unwind_Resume",
    "g_abort",
    "g_assertion_message",
    "g_assertion_message_expr",
    "_ZSt9terminatev",
    "_ZSt16__throw_bad_castv",
    "_ZSt17__throw_bad_allocv",
    "_ZSt19__throw_logic_errorPKc",
    "_ZSt20__throw_length_errorPKc",
    "_ZSt20__throw_out_of_rangePKc",
    "_ZSt20__throw_system_errori",
    "_ZSt21__throw_bad_exceptionv",
    "_ZSt21__throw_runtime_errorPKc",
    "_ZSt24__throw_invalid_argumentPKc",
    "_ZSt24__throw_out_of_range_fmtPKcz",
    "_ZSt25__throw_bad_function_callv",
    "_ZSt28__throw_bad_array_new_lengthv",
};

static bool is_known(const char *name) {
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

bool rsd_noreturn(const struct rsd_object *object, uintptr_t slot) {
    uint64_t *answer = &answers[slot / sizeof(uintptr_t) % ANSWERS];
    uint64_t seen = __atomic_load_n(answer, __ATOMIC_RELAXED);
    if ((seen & ~UINT64_C(1)) == slot)
        return seen & 1;
    bool known = is_known(rsd_object_import(object, slot));
    __atomic_store_n(answer, slot | known, __ATOMIC_RELAXED);
    return known;
}

void rsd_noreturn_forget(void) {
    for (size_t i = 0; i < ANSWERS; i++)
        __atomic_store_n(&answers[i], 0, __ATOMIC_RELAXED);
}
