/*
 * The unwinder's readers: tables, machine code, ELF images; all in memory, as the recorder finds them.
 *
 * Code must lie in an executable mapping of a file to be looked at, so the bytes go into a file in memory that is mapped
 * once, read and execute, behind which an unmapped page lies. A stack is given as words: of those that are small the upper
 * half of the input says which point into the code.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "unwind/cfi.h"
#include "unwind/code.h"
#include "unwind/derive.h"
#include "unwind/maps.h"
#include "unwind/noreturn.h"
#include "unwind/object.h"

#define IMAGE 65536u
#define STACK_WORDS 256u

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

/* u16 where .eh_frame_hdr begins, then the object. The end of its memory is the end of the input. */
void fuzz_cfi(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    size_t header = fuzz_take(&input, 2);
    size_t rest = (size_t)(input.end - input.at);
    if (rest < 16 || header >= rest)
        return;
    size_t pad = (16 - header % 16) % 16; /* .eh_frame_hdr is aligned in every object */
    uint8_t *memory = malloc(pad + rest), *image = memory + pad;
    memcpy(image, input.at, rest);
    uintptr_t start = (uintptr_t)image, end = start + rest, from, to;
    struct rsd_object object = {.start = start, .end = end, .bias = start, .eh_frame_hdr = image + header};
    struct rsd_fde fde;
    struct rsd_rule rule;
    for (uintptr_t pc = start; pc <= end; pc += 1 + rest / 64) {
        if (rsd_fde_find(&object, pc, &fde))
            FUZZ_MUST(pc >= fde.start && pc < fde.end);
        rsd_cfi_rule(&object, pc, &rule);
    }
    if (rsd_fde_hole(&object, &from, &to))
        FUZZ_MUST(to > from);
    free(memory);
}

/* ---- Code -------------------------------------------------------------------------------------------------------- */

static uint8_t *writable, *code; /* the same file, twice */

static void make_image(void) {
    int fd = memfd_create("image", MFD_CLOEXEC);
    FUZZ_MUST(fd >= 0 && ftruncate(fd, IMAGE) == 0);
    uint8_t *room = mmap(NULL, IMAGE + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    writable = mmap(NULL, IMAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FUZZ_MUST(room != MAP_FAILED && writable != MAP_FAILED);
    code = mmap(room + 4096, IMAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0);
    FUZZ_MUST(code != MAP_FAILED);
    close(fd);
    struct rsd_code learned;
    FUZZ_MUST(rsd_maps_learn((uintptr_t)code, &learned) && learned.flags & RSD_CODE_READABLE);
    rsd_code_start();
}

struct scene {
    uintptr_t stack[STACK_WORDS];
    struct rsd_bounds bounds;
    struct rsd_place place;
};

/* u16 the place, u8 whether it was interrupted, u8 words of stack, those as u16, then the image. */
static void set_scene(struct scene *scene, struct fuzz_input *input) {
    if (!code)
        make_image();
    *scene = (struct scene){.place.address = (uintptr_t)code + fuzz_take(input, 2) % IMAGE};
    scene->place.interrupted = fuzz_take(input, 1) & 1;
    unsigned words = (unsigned)fuzz_take(input, 1);
    for (unsigned i = 0; i < words; i++) {
        uintptr_t word = fuzz_take(input, 2);
        scene->stack[i] = word & 1 ? (uintptr_t)&scene->stack[word / 2 % STACK_WORDS] : (uintptr_t)code + word;
    }
    uintptr_t low = (uintptr_t)scene->stack, high = low + sizeof scene->stack;
    scene->bounds = (struct rsd_bounds){.low = low, .last = high - RSD_WORD, .home_low = low, .home_high = high};
    scene->place.sp = low;
    scene->place.fp = low + 16 * sizeof(uintptr_t);
    size_t size = (size_t)(input->end - input->at);
    size = size < IMAGE ? size : IMAGE;
    memset(writable, 0xcc, IMAGE);
    memcpy(writable, input->at, size);
}

/* A rule that was found by reading code leads to a place on the stack. */
static void check_rule(struct scene *scene, const struct rsd_rule *rule) {
    FUZZ_MUST((rule->key & RSD_RULE_ADDRESS_MASK) == scene->place.address);
    FUZZ_MUST(rsd_rule_cfa(rule) != RSD_CFA_NONE);
}

void fuzz_code(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    struct scene scene;
    struct rsd_rule rule;
    set_scene(&scene, &input);
    struct rsd_object object = {.start = (uintptr_t)code, .end = (uintptr_t)code + IMAGE, .bias = (uintptr_t)code};
    if (rsd_code_rule(&object, &scene.bounds, &scene.place, &rule))
        check_rule(&scene, &rule);
    if (rsd_code_rule_from_entry(&object, &scene.bounds, &scene.place, &rule))
        check_rule(&scene, &rule);
}

/* The loader has seen to the headers of what it loaded: only where tables begin is the input's to say. */
static void write_headers(struct fuzz_input *where) {
    struct {
        ElfW(Ehdr) header;
        ElfW(Phdr) segment[3];
    } elf = {.header = {.e_ident = ELFMAG, .e_phentsize = sizeof(ElfW(Phdr)), .e_phnum = 3}};
    elf.header.e_phoff = sizeof elf.header;
    elf.segment[0] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_memsz = IMAGE};
    elf.segment[1] = (ElfW(Phdr)){.p_type = PT_DYNAMIC, .p_vaddr = fuzz_take(where, 2) & ~7u};
    elf.segment[2] = (ElfW(Phdr)){.p_type = PT_GNU_EH_FRAME, .p_vaddr = fuzz_take(where, 2) & ~3u};
    memcpy(writable, &elf, sizeof elf);
}

/* Two u16 more, where the dynamic section and the header of the tables begin; then as for code. The image is an ELF file,
 * by whose headers everything is found. */
void fuzz_object(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    struct scene scene;
    struct rsd_object object;
    struct rsd_jit jit;
    struct rsd_rule rule;
    struct fuzz_input where = {input.at, input.end};
    fuzz_take(&input, 4);
    set_scene(&scene, &input);
    write_headers(&where);
    rsd_noreturn_forget();
    if (rsd_object_find_in_maps(scene.place.address, &object)) {
        rsd_cfi_rule(&object, scene.place.address, &rule);
        rsd_code_rule(&object, &scene.bounds, &scene.place, &rule);
        for (uintptr_t slot = object.start; slot < object.start + 4096; slot += 512)
            rsd_object_import(&object, slot);
    }
    if (rsd_derive(&scene.bounds, &scene.place, &rule, &jit) == RSD_DERIVED)
        check_rule(&scene, &rule);
}
