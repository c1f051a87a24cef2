/*
 * libunwind, for what the rule language cannot express: DWARF expressions over other registers, and the like. In
 * practice that is code that a signal interrupted, in a PLT entry or in hand-written assembler.
 *
 * It is loaded by dlopen with RTLD_LOCAL, never linked: it exports _Unwind_* names, and the program's exceptions must
 * stay with libgcc. And it is used as if the process were another one: through accessors of ours. So it finds the
 * table where we found it (its own search goes through dl_iterate_phdr, which takes the loader's lock), and it reads
 * only what we may read: the stack within its bounds, and the object that the table is in. Registers other than rsp,
 * rbp and rip are not known; a step that needs one fails.
 *
 * It keeps nothing between steps (UNW_CACHE_NONE) and allocates from static memory of its own, with locks of its own. A
 * child made by fork() while another thread was inside does without it. It needs some kilobytes of stack, so on a thread
 * that has not got them it is not asked.
 */
#include "libunwind.h"

#include <dlfcn.h>
#include <libunwind-x86_64.h>
#include <string.h>

#include "../sys.h"
#include "object.h"

#define STACK_NEEDED 24576u
#define NAME(function) "_Ux86_64_" function

static struct {
    unw_addr_space_t space; /* NULL: there is no libunwind */
    int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*search_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);
} library;

static uint32_t inside; /* threads */

/* What the accessors are asked about. */
struct question {
    struct rsd_bounds *bounds;
    const struct rsd_place *place;
    struct rsd_object object;
};

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need_unwind_info,
                          void *argument) {
    const struct question *question = argument;
    const uint8_t *header = question->object.eh_frame_hdr;
    uint32_t count;
    /* version 1; pc-relative pointer to .eh_frame; count as udata4; table as datarel sdata4 */
    if (!header || memcmp(header, "\x01\x1b\x03\x3b", 4))
        return -UNW_ENOINFO;
    memcpy(&count, header + 8, sizeof count);
    unw_dyn_info_t table = {.start_ip = question->object.start,
                            .end_ip = question->object.end,
                            .format = UNW_INFO_FORMAT_REMOTE_TABLE,
                            .u.rti = {.segbase = (uintptr_t)header,
                                      .table_data = (uintptr_t)header + 12,
                                      .table_len = count * 8 / sizeof(unw_word_t)}};
    return library.search_table(space, ip, &table, info, need_unwind_info, argument);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument) {
    (void)space, (void)info, (void)argument;
}

static int get_dyn_info_list(unw_addr_space_t space, unw_word_t *list, void *argument) {
    (void)space, (void)list, (void)argument;
    return -UNW_ENOINFO;
}

static int access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument) {
    const struct question *question = argument;
    (void)space;
    bool in_object = address >= question->object.start && address < question->object.end - RSD_WORD;
    if (write || (!in_object && !rsd_bounds_hold(question->bounds, address)))
        return -UNW_EINVAL;
    memcpy(value, (const void *)address, sizeof *value);
    return 0;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *argument) {
    const struct rsd_place *place = ((const struct question *)argument)->place;
    (void)space;
    if (write)
        return -UNW_EREADONLYREG;
    switch (number) {
    case UNW_X86_64_RIP:
        *value = place->address - 1;
        return 0; /* within the instruction in question */
    case UNW_X86_64_RSP:
        *value = place->sp;
        return 0;
    case UNW_X86_64_RBP:
        *value = place->fp;
        return 0;
    default:
        return -UNW_EBADREG;
    }
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *argument) {
    (void)space, (void)number, (void)value, (void)write, (void)argument;
    return -UNW_EBADREG;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument) {
    (void)space, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int get_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size, unw_word_t *offset,
                    void *argument) {
    (void)space, (void)address, (void)name, (void)size, (void)offset, (void)argument;
    return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {.find_proc_info = find_proc_info,
                                    .put_unwind_info = put_unwind_info,
                                    .get_dyn_info_list_addr = get_dyn_info_list,
                                    .access_mem = access_memory,
                                    .access_reg = access_register,
                                    .access_fpreg = access_float,
                                    .resume = resume,
                                    .get_proc_name = get_name};

static bool resolve(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* libunwind opens a pipe when it is first used, to probe memory with; accessors of ours never ask for that. The
 * program must not find two descriptors that it did not open, so they are closed again: the two lowest numbers that
 * were free before. In the constructor there is no other thread that could take them. */
static unw_addr_space_t make_space(unw_addr_space_t (*create)(unw_accessors_t *, int),
                                   int (*set_caching)(unw_addr_space_t, unw_caching_policy_t)) {
    int next[2];
    struct stat status;
    for (int i = 0; i < 2; i++)
        next[i] = rsd_sys_open("/", O_PATH, 0);
    for (int i = 0; i < 2; i++)
        rsd_sys_close(next[i]);
    unw_addr_space_t space = create(&accessors, 0);
    if (space && set_caching(space, UNW_CACHE_NONE) != 0)
        space = NULL;
    for (int i = 0; i < 2; i++)
        if (next[i] >= 0 && fstat(next[i], &status) == 0 && S_ISFIFO(status.st_mode))
            rsd_sys_close(next[i]);
    return space;
}

void rsd_libunwind_start(void) {
    unw_addr_space_t (*create)(unw_accessors_t *, int);
    int (*set_caching)(unw_addr_space_t, unw_caching_policy_t);
    void *handle = dlopen("libunwind-x86_64.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!handle || !resolve(handle, NAME("create_addr_space"), &create) ||
        !resolve(handle, NAME("set_caching_policy"), &set_caching) ||
        !resolve(handle, NAME("init_remote"), &library.init_remote) || !resolve(handle, NAME("step"), &library.step) ||
        !resolve(handle, NAME("get_reg"), &library.get_reg) ||
        !resolve(handle, NAME("dwarf_search_unwind_table"), &library.search_table))
        return;
    library.space = make_space(create, set_caching);
}

void rsd_libunwind_after_fork(void) {
    if (inside)
        library.space = NULL;
    inside = 0;
}

static bool ask(struct question *question, struct rsd_frame *caller) {
    unw_cursor_t cursor;
    unw_word_t pc, sp, fp;
    if (library.init_remote(&cursor, library.space, question) < 0 || library.step(&cursor) <= 0 ||
        library.get_reg(&cursor, UNW_X86_64_RIP, &pc) < 0 || library.get_reg(&cursor, UNW_X86_64_RSP, &sp) < 0 ||
        library.get_reg(&cursor, UNW_X86_64_RBP, &fp) < 0)
        return false;
    *caller = (struct rsd_frame){.pc = pc, .sp = sp, .fp = fp, .source = RESIDUE_SOURCE_LIBUNWIND};
    return true;
}

bool rsd_libunwind_step(struct rsd_bounds *bounds, const struct rsd_place *place, struct rsd_frame *caller) {
    struct question question = {.bounds = bounds, .place = place};
    if (!library.space || !rsd_bounds_room(STACK_NEEDED) || !rsd_object_find(place->address - 1, &question.object))
        return false;
    __atomic_fetch_add(&inside, 1, __ATOMIC_ACQ_REL);
    bool found = ask(&question, caller);
    __atomic_fetch_sub(&inside, 1, __ATOMIC_ACQ_REL);
    return found && caller->sp > place->sp && rsd_bounds_hold(bounds, caller->sp - RSD_WORD);
}
