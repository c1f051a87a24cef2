/*
 * The trace format, version 3: the one thing that the recorder (preload/) and the analyzer (analyzer/) share.
 *
 * FORMAT.md beside this file is the specification; this header mirrors it, table by table and in the same order, and
 * checks every size when it is compiled. All integers are little-endian. The numbers here stand on disk: they are
 * never reordered and never reused.
 */
#ifndef RESIDUE_FORMAT_H
#define RESIDUE_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define RESIDUE_FORMAT_MAJOR 3u
#define RESIDUE_FORMAT_MINOR 0u
#define RESIDUE_FORMAT_OLDEST 1u /* the major from which on traces are read */

/* ---- 1. Files -------------------------------------------------------------------------------------------------- */

#define RESIDUE_FILE_MAGIC "RESIDUE" /* eight bytes with the final zero: a .log file */
#define RESIDUE_LIVE_MAGIC "RSDLIVE" /* eight bytes with the final zero: a .live file */

/* Writer 0 is the process itself (process.log, process.live); writers from 1 are slots for threads (t1.log, ...). */
#define RESIDUE_PROCESS_WRITER 0u

/* ---- 2. The log: a run of zstd frames, each behind a header that zstd skips ---------------------------------------- */

#define RESIDUE_SKIP_FILE 0x184D2A5Au  /* zstd's skippable magic; ours for the header of a file */
#define RESIDUE_SKIP_FRAME 0x184D2A5Bu /* the same for the header of a frame */
#define RESIDUE_HEADER_SIZE 64u        /* bytes of either header, magic and length included */

struct residue_file_header {
    uint32_t skip_magic; /* RESIDUE_SKIP_FILE */
    uint32_t skip_size;  /* 56: what follows these two words */
    char magic[8];       /* RESIDUE_FILE_MAGIC */
    uint16_t major;
    uint16_t minor;
    uint32_t writer;
    uint64_t trace_id; /* the same in every file of one trace and in meta.json */
    uint32_t pid;
    uint32_t zero[7];
};
static_assert(sizeof(struct residue_file_header) == RESIDUE_HEADER_SIZE, "FORMAT.md 2.1");

/* What the records of a frame or segment are. */
enum residue_kind {
    RESIDUE_ALLOC = 0, /* allocations below RESIDUE_LARGE_SIZE */
    RESIDUE_FREE = 1,
    RESIDUE_LARGE = 2, /* allocations of RESIDUE_LARGE_SIZE and more, and everything that concerns mappings */
    RESIDUE_NODE = 3,  /* nodes of the writer's stack trie */
    RESIDUE_OTHER = 4, /* tagged records of any length */
    RESIDUE_KINDS = 5
};

/* How the content of a frame is laid out (FORMAT.md 2.3). */
enum residue_encoding {
    RESIDUE_ROWS = 0,   /* the records, one behind the other, as in the live segment */
    RESIDUE_PLANES = 1, /* 64-bit words as differences, then byte planes */
    RESIDUE_KIN = 2,    /* nodes as differences to those that they are like, then byte planes */
    RESIDUE_FIELDS = 3, /* fields as zigzag differences, then byte planes */
    RESIDUE_TRIE = 4,   /* nodes by what is new about them */
    RESIDUE_SUMS = 5,   /* tagged records, those with sums by call site in planes */
};

struct residue_frame_header {
    uint32_t skip_magic; /* RESIDUE_SKIP_FRAME */
    uint32_t skip_size;  /* 56 */
    uint8_t kind;        /* enum residue_kind */
    uint8_t encoding;    /* enum residue_encoding */
    uint16_t zero0;
    uint32_t sequence;    /* of the segment, per kind and writer, from 1 */
    uint32_t raw_size;    /* bytes of the records in rows */
    uint32_t packed_size; /* bytes of the zstd frame behind this header */
    uint64_t first;       /* time of the first record; for RESIDUE_NODE the id of the first node */
    uint64_t last;        /* time of the last record; for RESIDUE_NODE the id of the last node */
    uint32_t records;
    uint32_t zero1;
    uint64_t zero2;
    uint64_t checksum; /* FNV-1a, 64 bit, of the 56 bytes before it */
};
static_assert(sizeof(struct residue_frame_header) == RESIDUE_HEADER_SIZE, "FORMAT.md 2.2");

/* FNV-1a with 64 bits; offset basis and prime as in draft-eastlake-fnv. */
static inline uint64_t residue_fnv1a(const void *bytes, size_t size) {
    const unsigned char *p = (const unsigned char *)bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

/* ---- 3. The live file: open segments, ring and counters ------------------------------------------------------------ */

#define RESIDUE_LIVE_HEADER_SIZE 4096u
#define RESIDUE_COUNTER_SLOTS 128u

/* One open segment. `commit` is written by one 64-bit store: (sequence << 32) | bytes used. */
struct residue_segment {
    uint64_t commit;
    uint32_t offset;   /* from the start of the live file */
    uint32_t capacity; /* bytes */
    uint64_t zero[2];
};
static_assert(sizeof(struct residue_segment) == 32, "FORMAT.md 3.1");

static inline uint32_t residue_commit_sequence(uint64_t commit) {
    return (uint32_t)(commit >> 32);
}
static inline uint32_t residue_commit_used(uint64_t commit) {
    return (uint32_t)commit;
}
static inline uint64_t residue_commit(uint32_t sequence, uint32_t used) {
    return (uint64_t)sequence << 32 | used;
}

/* The nursery's ring: `capacity` struct residue_alloc from `offset`. An entry whose `where` is 0 is empty or dead. */
struct residue_ring {
    uint32_t offset;   /* 0: this writer has no ring */
    uint32_t capacity; /* entries */
    uint64_t head;     /* entries ever written: the newest is at (head - 1) % capacity */
    uint64_t moved;    /* the elders': time of the entry that came last; the young ones': 0 */
    uint64_t zero;
};
static_assert(sizeof(struct residue_ring) == 32, "FORMAT.md 3.2");

struct residue_live_header {
    char magic[8]; /* RESIDUE_LIVE_MAGIC */
    uint16_t major;
    uint16_t minor;
    uint32_t writer;
    uint64_t trace_id;
    uint32_t pid;
    uint32_t tid;    /* of the thread that has the slot now or had it last */
    uint32_t serial; /* of that thread: threads are numbered from 1 in the order in which they were first seen */
    uint32_t zero0[7];
    struct residue_segment segment[RESIDUE_KINDS]; /* indexed by enum residue_kind */
    uint64_t zero1[4];
    struct residue_ring ring;                     /* of the young */
    struct residue_segment second[RESIDUE_KINDS]; /* the same: of each kind there are two */
    struct residue_ring elders;
    uint64_t zero2[68];
    uint64_t counter[RESIDUE_COUNTER_SLOTS]; /* indexed by enum residue_counter; cumulative over the writer's life */
    uint64_t zero3[256];
};
static_assert(offsetof(struct residue_live_header, segment) == 64, "FORMAT.md 3");
static_assert(offsetof(struct residue_live_header, ring) == 256, "FORMAT.md 3");
static_assert(offsetof(struct residue_live_header, second) == 288, "FORMAT.md 3");
static_assert(offsetof(struct residue_live_header, elders) == 448, "FORMAT.md 3");
static_assert(offsetof(struct residue_live_header, counter) == 1024, "FORMAT.md 3");
static_assert(sizeof(struct residue_live_header) == RESIDUE_LIVE_HEADER_SIZE, "FORMAT.md 3");

/* What the recorder counts about itself; X(number, name, meaning) so that `residue stat` lists what is counted. */
#define RESIDUE_COUNTERS(X)                                                                                            \
    X(0, ALLOCS, "allocations recorded")                                                                               \
    X(1, FREES, "frees recorded")                                                                                      \
    X(2, ALLOC_BYTES, "bytes allocated")                                                                               \
    X(3, MAPS, "mapping calls recorded")                                                                               \
    X(4, ANNIHILATED, "blocks that died in the nursery")                                                               \
    X(5, DROPPED_REENTRY, "calls not recorded: made from inside a hook")                                               \
    X(6, DROPPED_ADDRESS, "calls not recorded: address of more than 48 bits")                                          \
    X(7, DROPPED_NO_SLOT, "calls not recorded: no slot for the thread")                                                \
    X(8, SEALS, "segments sealed")                                                                                     \
    X(9, RAW_BYTES, "bytes sealed before compression")                                                                 \
    X(10, PACKED_BYTES, "bytes sealed after compression")                                                              \
    X(11, NODES, "trie nodes made")                                                                                    \
    X(12, THREADS, "threads that had this slot")                                                                       \
    X(13, FRAMES_CFI, "frames found by unwind tables")                                                                 \
    X(14, FRAMES_FP, "frames found by the frame pointer")                                                              \
    X(15, FRAMES_CODE, "frames found by reading machine code")                                                         \
    X(16, FRAMES_SCAN, "frames guessed by scanning the stack")                                                         \
    X(17, FRAMES_KEPT, "frames verified against the previous stack")                                                   \
    X(18, FRAMES_LIBUNWIND, "frames found by libunwind")                                                               \
    X(20, STACK_ROOT, "stacks that reach a thread's root")                                                             \
    X(21, STACK_DEPTH, "stacks cut at the depth limit")                                                                \
    X(22, STACK_NO_RULE, "stacks that end in code that no source could step")                                          \
    X(23, STACK_BOUNDS, "stacks that would leave the thread's stack memory")                                           \
    X(24, STACK_BAD_PC, "stacks that end at an address that is no code")                                               \
    X(25, STACK_FOREIGN, "stacks on memory that is not the thread's stack")                                            \
    X(26, STACK_EARLY, "stacks taken before the unwinder was ready")                                                   \
    X(27, SMAPS_MAX, "clock ticks of the slowest reading of smaps, for which mmap may wait")                           \
    X(28, SMAPS_TICKS, "clock ticks spent on reading smaps")                                                           \
    X(32, RULE_HITS, "rules found in the cache")                                                                       \
    X(33, RULE_MISSES, "rules derived")                                                                                \
    X(34, RULE_FULL, "rules not cached: the cache is full")                                                            \
    X(35, RULE_TICKS, "clock ticks spent on deriving rules")                                                           \
    X(36, LATENCY_MAX, "clock ticks of the slowest hook")                                                              \
    X(37, SEAL_MAX, "clock ticks of the slowest seal")                                                                 \
    X(38, SEAL_TICKS, "clock ticks spent on sealing")                                                                  \
    X(39, TRIE_EMPTIED, "times that a full table of stacks was emptied")                                               \
    X(40, LATENCY_LOG2, "timed hooks (one in 32) of 2^n ticks: 32 counters from here, n = 0 to 31")

enum residue_counter {
#define X(number, name, meaning) RESIDUE_COUNTER_##name = number,
    RESIDUE_COUNTERS(X)
#undef X
};

/* ---- 4. Records of fixed size -------------------------------------------------------------------------------------- */

#define RESIDUE_LARGE_SIZE 1048576u /* bytes: allocations from here on are RESIDUE_LARGE records */
#define RESIDUE_ADDRESS_BITS 48     /* an address that needs more cannot be recorded */
#define RESIDUE_ADDRESS_MASK ((UINT64_C(1) << RESIDUE_ADDRESS_BITS) - 1)

/* Which function was called. */
enum residue_api {
    RESIDUE_API_MALLOC = 1,
    RESIDUE_API_CALLOC = 2,
    RESIDUE_API_REALLOC = 3, /* both as an allocation and as a free */
    RESIDUE_API_REALLOCARRAY = 4,
    RESIDUE_API_POSIX_MEMALIGN = 5,
    RESIDUE_API_ALIGNED_ALLOC = 6,
    RESIDUE_API_MEMALIGN = 7,
    RESIDUE_API_VALLOC = 8,
    RESIDUE_API_PVALLOC = 9,
    RESIDUE_API_FREE = 16,
    RESIDUE_API_CFREE = 17,
    RESIDUE_API_FREE_SIZED = 18,
    RESIDUE_API_FREE_ALIGNED_SIZED = 19,
    RESIDUE_API_MMAP = 32,     /* detail = prot | flags << 8; size rounded up to pages */
    RESIDUE_API_MUNMAP = 33,   /* node 0 */
    RESIDUE_API_MREMAP = 34,   /* the new range; the old one is a RESIDUE_API_MUNMAP record just before */
    RESIDUE_API_MPROTECT = 35, /* detail = prot */
    RESIDUE_API_MADVISE = 36,  /* detail = advice: only those that give memory back */
    RESIDUE_API_BRK = 37,      /* address = the break after the call; detail 1 = grew, 2 = shrank, by size */
    RESIDUE_API_SBRK = 38,     /* the same */
};

/* `where` of a record: address in bits 0-47, enum residue_api in bits 48-55, flags in bits 56-63. */
static inline uint64_t residue_where(uint64_t address, enum residue_api api) {
    return address | (uint64_t)api << RESIDUE_ADDRESS_BITS;
}
static inline uint64_t residue_where_address(uint64_t where) {
    return where & RESIDUE_ADDRESS_MASK;
}
/* In an entry of a ring: it is being written to the log, or has been. */
#define RESIDUE_WHERE_LEAVING (UINT64_C(1) << 56)

static inline enum residue_api residue_where_api(uint64_t where) {
    return (enum residue_api)(where >> RESIDUE_ADDRESS_BITS & 0xff);
}

struct residue_alloc {
    uint64_t time;  /* ticks, after the real call */
    uint64_t where; /* residue_where() */
    uint32_t size;  /* bytes asked for */
    uint32_t node;  /* stack: id of a trie node of the same writer */
};
static_assert(sizeof(struct residue_alloc) == 24, "FORMAT.md 4.1");

struct residue_free {
    uint64_t time; /* ticks, before the real call */
    uint64_t where;
};
static_assert(sizeof(struct residue_free) == 16, "FORMAT.md 4.2");

struct residue_large {
    uint64_t time;
    uint64_t where;
    uint64_t size;
    uint32_t node;
    uint32_t detail; /* see enum residue_api; 0 for the malloc family */
};
static_assert(sizeof(struct residue_large) == 32, "FORMAT.md 4.3");

/* What a trie node stands for. */
enum residue_node_kind {
    RESIDUE_NODE_END = 0,     /* the end of the stack at its root side; pc = enum residue_end; parent 0 */
    RESIDUE_NODE_NATIVE = 1,  /* pc in the module `owner` */
    RESIDUE_NODE_JIT = 2,     /* pc in anonymous executable memory; owner = id of a RESIDUE_TAG_CODE, or 0 */
    RESIDUE_NODE_JS = 3,      /* owner = id of a RESIDUE_TAG_JS_FUNCTION; pc = line << 32 | column, both from 1 */
    RESIDUE_NODE_UNKNOWN = 4, /* pc in no known module and not in executable memory */
    RESIDUE_NODE_ORIGIN = 5,  /* child of an end node; pc = writer << 32 | node: the stack that queued the work; owner =
                                 enum residue_origin_kind */
};

/* How a frame was found. */
enum residue_source {
    RESIDUE_SOURCE_NONE = 0, /* the end node, and the leaf frame of every stack: the caller of the hook, always exact */
    RESIDUE_SOURCE_CFI = 1,
    RESIDUE_SOURCE_FP = 2,
    RESIDUE_SOURCE_CODE = 3,
    RESIDUE_SOURCE_SCAN = 4, /* a guess */
    RESIDUE_SOURCE_LIBUNWIND = 5,
};

/* Why a stack ends where it ends. */
enum residue_end {
    RESIDUE_END_ROOT = 0, /* a thread's entry or the program's _start */
    RESIDUE_END_DEPTH = 1,
    RESIDUE_END_NO_RULE = 2,
    RESIDUE_END_BOUNDS = 3,
    RESIDUE_END_BAD_PC = 4,
    RESIDUE_END_FOREIGN = 5,
    RESIDUE_END_EARLY = 6,
    RESIDUE_END_TRACER = 7, /* no stack: libc allocated this for the recorder itself */
};

#define RESIDUE_NODE_INTERRUPTED 1u /* flag: pc is the instruction that a signal interrupted, not a return address */

struct residue_node {
    uint64_t pc;
    uint32_t parent; /* node of the caller; 0 for an end node */
    uint32_t owner;
    uint8_t kind;   /* enum residue_node_kind */
    uint8_t source; /* enum residue_source */
    uint16_t flags;
    uint32_t zero;
};
static_assert(sizeof(struct residue_node) == 24, "FORMAT.md 4.4");

/* ---- 5. Tagged records --------------------------------------------------------------------------------------------- */

#define RESIDUE_TAG_OPTIONAL 0x8000u /* a reader that does not know a tag with this bit skips the record in silence */

enum residue_tag {
    RESIDUE_TAG_THREAD = 1,
    RESIDUE_TAG_MODULE = 2,
    RESIDUE_TAG_MODULE_GONE = 3,
    RESIDUE_TAG_BARRIER = 4,
    RESIDUE_TAG_MEMORY = 5,
    RESIDUE_TAG_CLOCK = 6,
    RESIDUE_TAG_MAPPING = 7,
    RESIDUE_TAG_COUNTS = 8,
    /* 9 is free: origins are nodes */
    RESIDUE_TAG_JS_FUNCTION = 10,
    RESIDUE_TAG_CODE = 11,
    RESIDUE_TAG_STOP = 12,
    RESIDUE_TAG_END = 13,
    RESIDUE_TAG_RUNTIME = 14,
    RESIDUE_TAG_SAMPLING = 20,
    RESIDUE_TAG_LATE = 21,
    RESIDUE_TAG_COMPACTED = 22,
};

struct residue_tagged {
    uint16_t tag;
    uint16_t size; /* bytes of the whole record, this header included; a multiple of 8 */
    uint32_t zero;
    uint64_t time;
};
static_assert(sizeof(struct residue_tagged) == 16, "FORMAT.md 5");

/* The slot passes to a thread: what the writer records from here on is this thread's. */
struct residue_thread {
    struct residue_tagged head;
    uint32_t tid;
    uint32_t serial;
    uint32_t creator_writer; /* with creator_node: the stack that called pthread_create; 0, 0 when not known */
    uint32_t creator_node;
    char name[16]; /* as the kernel has it, zero-filled */
};
static_assert(sizeof(struct residue_thread) == 48, "FORMAT.md 5, tag 1");

/* Code lies at an address. Followed by the build-id, then the path (not zero-terminated), then zeros up to the size. */
struct residue_module {
    struct residue_tagged head;
    uint32_t id; /* unique in the trace, from 1 */
    uint16_t build_id_size;
    uint16_t path_size;
    uint64_t start; /* first address mapped */
    uint64_t end;   /* one past the last */
    uint64_t bias;  /* load address minus the file's own virtual address */
};
static_assert(sizeof(struct residue_module) == 48, "FORMAT.md 5, tag 2");

/* A module was unmapped. */
struct residue_module_gone {
    struct residue_tagged head;
    uint32_t id;
    uint32_t zero;
};
static_assert(sizeof(struct residue_module_gone) == 24, "FORMAT.md 5, tag 3");

/* An instant at which what is outstanding is exact. Followed by a name of name_size bytes and zeros. */
enum residue_barrier_reason {
    RESIDUE_BARRIER_TEARDOWN = 1, /* node begins to free what it holds: the moment of analysis */
    RESIDUE_BARRIER_EXIT = 2,     /* exit() was called */
    RESIDUE_BARRIER_MARK = 3,     /* `residue mark`: the name says which */
    RESIDUE_BARRIER_START = 4,
    RESIDUE_BARRIER_STOP = 5,
    RESIDUE_BARRIER_PERIODIC = 6,
};
struct residue_barrier {
    struct residue_tagged head;
    uint32_t reason;
    uint32_t name_size;
};
static_assert(sizeof(struct residue_barrier) == 24, "FORMAT.md 5, tag 4");

/* The process's memory, from /proc/self/statm, in bytes. */
struct residue_memory {
    struct residue_tagged head;
    uint64_t virtual_bytes;
    uint64_t rss_bytes;
    uint64_t shared_bytes;
    uint64_t cpu_ns; /* processor time of all threads; not in traces of version 1.0 */
};
#define RESIDUE_MEMORY_LEAST 40u /* bytes of a record of version 1.0 */
static_assert(sizeof(struct residue_memory) == 48, "FORMAT.md 5, tag 5");

/* The same instant on three clocks: head.time in ticks, and these two in nanoseconds. */
struct residue_clock {
    struct residue_tagged head;
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
};
static_assert(sizeof(struct residue_clock) == 32, "FORMAT.md 5, tag 6");

/* One line group of /proc/self/smaps with resident pages. Followed by the name as the kernel gives it (the recorder's own
 * memory has none and is called "[residue]"), and zeros. The records of a sample follow each other by address. */
struct residue_mapping {
    struct residue_tagged head;
    uint64_t start;
    uint64_t end;
    uint64_t rss_bytes;
    uint64_t dirty_bytes; /* Private_Dirty + Shared_Dirty */
    uint64_t anonymous_bytes;
    uint32_t prot; /* PROT_* bits; bit 8 set when shared */
    uint32_t name_size;
};
static_assert(sizeof(struct residue_mapping) == 64, "FORMAT.md 5, tag 7");

/* Cumulative counters of one call site: what died in the nursery. In the process's log. */
struct residue_counts {
    struct residue_tagged head;
    uint32_t node;
    uint32_t writer; /* whose node */
    uint64_t calls;
    uint64_t bytes;
    uint64_t temporaries;
};
static_assert(sizeof(struct residue_counts) == 48, "FORMAT.md 5, tag 8");

/* How the work was queued that an ORIGIN node stands for. */
enum residue_origin_kind {
    RESIDUE_ORIGIN_ASYNC_WORK = 1,
    RESIDUE_ORIGIN_THREADSAFE_FUNCTION = 2,
    RESIDUE_ORIGIN_UV_WORK = 3,
    RESIDUE_ORIGIN_THREAD = 4, /* weaker: the stack that made the thread, whatever the thread does now */
};

/* A JavaScript function, interned by (file, line, column, name). Followed by the name, the file, and zeros. */
struct residue_js_function {
    struct residue_tagged head;
    uint32_t id; /* unique in this writer, from 1 */
    uint32_t line;
    uint32_t column;
    uint32_t flags; /* bit 0: a builtin (it has no file) */
    uint32_t name_size;
    uint32_t file_size;
};
static_assert(sizeof(struct residue_js_function) == 40, "FORMAT.md 5, tag 10");

/* A line of V8's code map: code made, moved, or put in the place of other code. Followed by the name as V8 gives it
 * ("JS:*resize /app/a.js:4:10"), and zeros. */
struct residue_code {
    struct residue_tagged head;
    uint64_t start;
    uint32_t code_size;
    uint32_t name_size;
    uint32_t id; /* unique in the trace, from 1: what the nodes of JIT frames name */
    uint32_t zero;
};
static_assert(sizeof(struct residue_code) == 40, "FORMAT.md 5, tag 11");

/* The recorder stopped before the program did. Followed by a sentence for people, and zeros. */
struct residue_stop {
    struct residue_tagged head;
    uint32_t error; /* errno, or 0 */
    uint32_t text_size;
};
static_assert(sizeof(struct residue_stop) == 24, "FORMAT.md 5, tag 12");

/* The process ended in order: libresidue's destructor ran. */
struct residue_end_of_process {
    struct residue_tagged head;
};
static_assert(sizeof(struct residue_end_of_process) == 16, "FORMAT.md 5, tag 13");

/* What runs in the process, known once it is up. Followed by the name ("node"), the version ("v20.20.2"), and zeros. */
struct residue_runtime {
    struct residue_tagged head;
    uint32_t name_size;
    uint32_t version_size;
};
static_assert(sizeof(struct residue_runtime) == 24, "FORMAT.md 5, tag 14");

/* From here on this writer records samples of allocations: one of n bytes with probability 1 - exp(-max(n, 1) / rate). */
struct residue_sampling {
    struct residue_tagged head;
    uint64_t rate; /* bytes, not 0 */
};
static_assert(sizeof(struct residue_sampling) == 24, "FORMAT.md 5, tag 20");

/* Blocks of one call site that died in the nursery, without records, but were outstanding at `when`, the time of a MEMORY
 * record. In the process's log. */
struct residue_late {
    struct residue_tagged head;
    uint64_t when;
    uint32_t node;
    uint32_t writer; /* whose node */
    uint64_t blocks;
    uint64_t bytes;
};
static_assert(sizeof(struct residue_late) == 48, "FORMAT.md 5, tag 21");

/* Records of blocks that were freed by `before` were left out; what they did is in COUNTS. */
struct residue_compacted {
    struct residue_tagged head;
    uint64_t before;
    uint64_t records; /* that were left out */
};
static_assert(sizeof(struct residue_compacted) == 32, "FORMAT.md 5, tag 22");

/* ---- 8. names: what the analyzer looked up in files that are not in the trace -------------------------------------- */

#define RESIDUE_SKIP_NAMES 0x184D2A5Cu /* zstd's skippable magic; ours for the header of the names */
#define RESIDUE_NAMES_MAGIC "RSDNAME"  /* eight bytes with the final zero */
#define RESIDUE_NAMES_MAJOR 1u
#define RESIDUE_NAMES_MINOR 0u

struct residue_names_header {
    uint32_t skip_magic; /* RESIDUE_SKIP_NAMES */
    uint32_t skip_size;  /* 56 */
    char magic[8];       /* RESIDUE_NAMES_MAGIC */
    uint16_t major;      /* RESIDUE_NAMES_MAJOR */
    uint16_t minor;
    uint32_t zero0;
    uint64_t trace_id;
    uint64_t raw_size;    /* bytes of the content */
    uint64_t packed_size; /* bytes of the zstd frame behind this header */
    uint64_t zero1;
    uint64_t checksum; /* FNV-1a, 64 bit, of the 56 bytes before it */
};
static_assert(sizeof(struct residue_names_header) == RESIDUE_HEADER_SIZE, "FORMAT.md 8.1");

enum residue_names_tag {
    RESIDUE_NAMES_STRINGS = 1,
    RESIDUE_NAMES_BINARIES = 2,
    RESIDUE_NAMES_ADDRESSES = 3,
    RESIDUE_NAMES_FUNCTIONS = 4,
    RESIDUE_NAMES_PACKAGES = 5,
    RESIDUE_NAMES_ORIGINALS = 6,
};

struct residue_names_section {
    uint32_t tag; /* enum residue_names_tag */
    uint32_t zero;
    uint64_t size; /* bytes of the entries behind this header, a multiple of 8 */
};
static_assert(sizeof(struct residue_names_section) == 16, "FORMAT.md 8.2");

/* Strings are named by their offset in the section STRINGS; 0 is none. */
struct residue_names_binary {
    uint32_t path;
    uint32_t build_id; /* hex digits */
    uint32_t problem;  /* why there are no addresses */
    uint32_t first;    /* of its entries in ADDRESSES */
    uint32_t count;
    uint32_t zero;
};
static_assert(sizeof(struct residue_names_binary) == 24, "FORMAT.md 8.3");

struct residue_names_address {
    uint64_t address; /* in the binary's file */
    uint64_t start;   /* of the symbol */
    uint32_t symbol;  /* as it stands in the file, mangled */
    uint32_t first;   /* of its entries in FUNCTIONS */
    uint32_t count;
    uint32_t zero;
};
static_assert(sizeof(struct residue_names_address) == 32, "FORMAT.md 8.4");

struct residue_names_function {
    uint32_t name; /* mangled; 0 for the outermost: the symbol names it */
    uint32_t file;
    uint32_t line; /* 0: not known */
    uint32_t zero;
};
static_assert(sizeof(struct residue_names_function) == 16, "FORMAT.md 8.5");

struct residue_names_package {
    uint32_t path;
    uint32_t package; /* 0: the file is in none */
};
static_assert(sizeof(struct residue_names_package) == 8, "FORMAT.md 8.6");

struct residue_names_original {
    uint32_t line, column;                   /* in the script, as the NODE has them */
    uint32_t function_line, function_column; /* the function, as its JS_FUNCTION record has it */
    uint32_t file, name;
    uint32_t source, source_line; /* what its source map makes of it; line 0: not known */
    uint32_t source_name;         /* 0: the name stays */
    uint32_t zero;
};
static_assert(sizeof(struct residue_names_original) == 40, "FORMAT.md 8.7");

#endif
