/*
 * What the executable's own file tells about the V8 in it, where no symbol does.
 *
 * The embedded builtins (the interpreter's entry and all that V8 wrote in its own assembler) are one stretch of .text
 * of more than a megabyte without unwind tables, in a program where everything else has them: the largest hole
 * between two FDEs. The table of .eh_frame_hdr is sorted, so one pass over it finds the hole; it was right on Node 18
 * to 26.
 *
 * Entered once, in the constructor.
 */
#include "js/image.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "js/pages.h"
#include "sys.h"

#define SMALLEST_BLOB (512u << 10)
#define CHUNK (256u << 10)
#define SEARCH_MOST (64u << 20)
#define ALIGNMENT 32u

struct rsd_js_image rsd_js_image;

static const Elf64_Phdr *headers;
static unsigned header_count;
static uintptr_t bias;

static void find_headers(void) {
    headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
    header_count = headers ? (unsigned)getauxval(AT_PHNUM) : 0;
    for (unsigned i = 0; i < header_count; i++)
        if (headers[i].p_type == PT_PHDR)
            bias = (uintptr_t)headers - headers[i].p_vaddr;
}

static const Elf64_Phdr *header_of_type(uint32_t type) {
    for (unsigned i = 0; i < header_count; i++)
        if (headers[i].p_type == type)
            return &headers[i];
    return NULL;
}

static const Elf64_Phdr *segment_of(uintptr_t address) {
    for (unsigned i = 0; i < header_count; i++)
        if (headers[i].p_type == PT_LOAD && address - bias - headers[i].p_vaddr < headers[i].p_filesz)
            return &headers[i];
    return NULL;
}

static void trust_segments(void) {
    for (unsigned i = 0; i < header_count; i++)
        if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_R)
            rsd_js_pages_trust((const void *)(bias + headers[i].p_vaddr), headers[i].p_memsz);
}

/* ---- The embedded builtins ------------------------------------------------------------------------------------- */

/* .eh_frame_hdr as every linker writes it: a 4-byte count, then pairs of 4-byte offsets from the header itself. */
struct frame_table {
    uint8_t version, frame_encoding, count_encoding, table_encoding;
    int32_t frame;
    uint32_t count;
    struct {
        int32_t code, fde;
    } row[];
};

/* Where the code of an FDE ends: after its length and CIE words stand the start and the size, 4 bytes each. */
static uintptr_t fde_end(const struct frame_table *table, uint32_t row) {
    uint32_t size;
    memcpy(&size, (const char *)table + table->row[row].fde + 12, sizeof size);
    return (uintptr_t)table + (uintptr_t)(intptr_t)table->row[row].code + size;
}

static bool find_builtins(void) {
    const Elf64_Phdr *header = header_of_type(PT_GNU_EH_FRAME);
    const struct frame_table *table = header ? (const struct frame_table *)(bias + header->p_vaddr) : NULL;
    if (!table || table->version != 1 || table->count_encoding != 0x03 || table->table_encoding != 0x3b)
        return false;
    uint32_t best = 0;
    int64_t widest = SMALLEST_BLOB;
    for (uint32_t i = 0; i + 1 < table->count; i++) {
        int64_t gap = (int64_t)table->row[i + 1].code - table->row[i].code;
        if (gap > widest) {
            widest = gap;
            best = i;
        }
    }
    if (widest == SMALLEST_BLOB)
        return false;
    rsd_js_image.builtins = fde_end(table, best);
    rsd_js_image.builtins_end = (uintptr_t)table + (uintptr_t)(intptr_t)table->row[best + 1].code;
    const Elf64_Phdr *segment = segment_of(rsd_js_image.builtins);
    if (!segment || !(segment->p_flags & PF_X))
        return false;
    rsd_js_image.offset = rsd_js_image.builtins - bias - segment->p_vaddr + segment->p_offset;
    rsd_js_image.offset_end = rsd_js_image.offset + (rsd_js_image.builtins_end - rsd_js_image.builtins);
    return true;
}

/* ---- Searching the file ---------------------------------------------------------------------------------------- */

/* Read-only data behind the code; what lies before it is the dynamic linker's. */
static bool is_rodata(const Elf64_Phdr *segment) {
    return segment->p_type == PT_LOAD && (segment->p_flags & (PF_R | PF_W | PF_X)) == PF_R &&
           segment->p_offset > rsd_js_image.offset;
}

/* `chunk` has room for a chunk, and for what begins at its end. */
static bool search_segment(int fd, const Elf64_Phdr *segment, uint8_t *chunk, rsd_js_is_it *is_it, size_t size) {
    uint64_t at = segment->p_offset & ~(uint64_t)(ALIGNMENT - 1);
    uint64_t end = segment->p_offset + (segment->p_filesz < SEARCH_MOST ? segment->p_filesz : SEARCH_MOST);
    for (; at < end; at += CHUNK) {
        long got = RSD_SYSCALL(pread64, fd, chunk, CHUNK + size, at, 0, 0);
        for (long i = 0; i < (long)CHUNK && i + (long)size <= got; i += ALIGNMENT)
            if (is_it(chunk + i))
                return true;
    }
    return false;
}

bool rsd_js_image_search(rsd_js_is_it *is_it, size_t size) {
    int fd = rsd_sys_open("/proc/self/exe", O_RDONLY, 0);
    if (fd < 0)
        return false;
    bool found = false;
    uint8_t *chunk = rsd_sys_memory(CHUNK + size);
    for (unsigned i = 0; chunk && !found && i < header_count; i++)
        found = is_rodata(&headers[i]) && search_segment(fd, &headers[i], chunk, is_it, size);
    if (chunk)
        rsd_sys_unmap(chunk, CHUNK + size);
    rsd_sys_close(fd);
    return found;
}

bool rsd_js_image_start(void) {
    find_headers();
    trust_segments();
    return find_builtins();
}
