/*
 * Stacks of the calling thread. The hooks know only what is declared here; how a frame is found is the business of
 * the files in this folder.
 *
 * A stack is kept root first, so that successive stacks of a thread share a prefix: the frames [0, kept) are those of
 * the stack before, with the trie nodes that the caller stored in them. Only the frames from `kept` on are new. A stack
 * that is met for the second time gets a place of its own; when it is met again nothing is new: kept = depth. All others
 * stand in place RSD_STACK_BEFORE.
 *
 * Nothing here allocates by malloc, takes a lock that the program could hold, or loads from memory that is not known
 * to be mapped. errno may change: the hooks restore it.
 */
#ifndef RSD_UNWIND_H
#define RSD_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

#define RSD_DEPTH_DEFAULT 1024u /* chains of libvips pass 900 frames; depth costs only what is used of it */
#define RSD_DEPTH_MAX 1024u

/* The registers that locate a frame, as they are in the caller of the hook right after the hook returns. */
struct rsd_registers {
    uintptr_t pc; /* the hook's return address */
    uintptr_t sp;
    uintptr_t fp; /* rbp on x86-64, x29 on arm64 */
};

struct rsd_frame {
    uintptr_t pc;   /* return address into this frame's function, or the interrupted instruction */
    uintptr_t sp;   /* stack pointer in this frame: the CFA of the frame that it called */
    uintptr_t fp;   /* frame pointer register in this frame; of a kept frame only if RSD_FP_LIVE */
    uint32_t node;  /* trie node: the caller's to set; 0 in new frames */
    uint8_t source; /* enum residue_source: how this frame was found from the one that it called */
    uint8_t flags;  /* RESIDUE_NODE_INTERRUPTED */
    uint8_t fp_use; /* RSD_FP_* */
};

#define RSD_FP_USED 1u   /* the step to the caller depends on fp */
#define RSD_FP_PASSED 2u /* the caller has the same fp */
#define RSD_FP_LIVE 4u   /* the step to the caller, or one further outward, depends on fp */

#define RSD_STACK_BEFORE 256u /* the last place; those below it are for stacks that were met more than once */
#define RSD_STACKS (RSD_STACK_BEFORE + 1)
#define RSD_STACKS_ROOM 64u /* frames, at most, in all but the last */

struct rsd_stack {
    uint32_t place;  /* below RSD_STACKS: where this stack stands */
    uint32_t from;   /* where its first `kept` frames stood */
    uint32_t copied; /* before that, the stack in RSD_STACK_BEFORE was copied to this place; if not, the same number */
    uint32_t depth;  /* frames */
    uint32_t kept;   /* frames [0, kept) and `end` are as in the stack at `from`; 0 when `end` differs */
    uint8_t end;     /* enum residue_end: why there is nothing outside of frame[0] */
    struct rsd_frame *frame; /* [0] is the outermost, [depth - 1] the caller of the hook */
    uint32_t *node;          /* the caller's to set, for when the whole stack is met again (met.h) */
};

struct rsd_unwinder; /* one thread's state */

/* Once per process, before any other call here; not from inside the dynamic loader. Safe to leave out: until it has
 * run, every stack ends at its leaf with RESIDUE_END_EARLY. */
void rsd_unwind_start(void);

/* Bytes of zeroed memory, aligned to 64, that an unwinder for stacks of up to `depth` frames needs. */
size_t rsd_unwinder_size(uint32_t depth);

/* Make an unwinder in such memory for the calling thread, or hand an old one over to it: the previous stack is
 * forgotten and the thread's stack memory is looked up. */
void rsd_unwinder_init(struct rsd_unwinder *unwinder, uint32_t depth);

/* Forget the stacks before, with the nodes that were stored in them. */
void rsd_unwinder_forget(struct rsd_unwinder *unwinder);

/* The calling thread's stack, outward from `from`. Valid until the next call with the same unwinder; the caller may
 * set `node` of each frame. Counters go to `counter`, indexed by enum residue_counter. */
struct rsd_stack *rsd_unwind(struct rsd_unwinder *unwinder, const struct rsd_registers *from, uint64_t *counter);

struct rsd_again;

/* The two halves of it, for a caller that has looked for the stack by itself (met.h): one that was met, and one that was
 * not. */
struct rsd_stack *rsd_unwind_same(struct rsd_unwinder *unwinder, const struct rsd_again *met, uint64_t *counter);
struct rsd_stack *rsd_unwind_new(struct rsd_unwinder *unwinder, const struct rsd_registers *from, uint64_t *counter);

/* Code in [start, end) is gone, or is about to go: forget what was learned about it. Any thread. */
void rsd_unwind_forget(uintptr_t start, uintptr_t end);

/* In a child made by fork(), before any other call here. */
void rsd_unwind_after_fork(void);

#endif
