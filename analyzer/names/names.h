/* Names for the nodes of the trie. */
#ifndef RSD_NAMES_H
#define RSD_NAMES_H

#include "names/lookup.h"
#include "stacks.h"

/* SEAM is no frame: what stands further in was queued by what follows. */
enum rsd_frame_kind { RSD_FRAME_NATIVE, RSD_FRAME_JS, RSD_FRAME_BUILTIN, RSD_FRAME_SEAM };

/* The names of seams: where what queued the work comes next, or, weaker, only what made the thread that does it. */
#define RSD_SEAM_QUEUED "queued by"
#define RSD_SEAM_THREAD "thread started by"

/* A frame as it is shown. Strings live as long as the names do. */
struct rsd_named {
    const char *function; /* readable; NULL: nameless */
    const char *module;   /* base name of the file; NULL: code that is in none */
    uint64_t offset;      /* address in that file; in code that is in none: the address */
    const char *file;     /* source; or NULL */
    int line;             /* 0: not known */
    const char *package;  /* or NULL */
    enum rsd_frame_kind kind;
    enum residue_source source;
    bool inlined; /* into the frame that follows */
};

/* What a seam is called where a stack is one line. */
const char *rsd_seam_mark(const struct rsd_named *frame);

struct rsd_names;
/* Takes over `lookup`. */
struct rsd_names *rsd_names_open(const struct rsd_history *history, const struct rsd_stacks *stacks,
                                 struct rsd_lookup *lookup);
void rsd_names_close(struct rsd_names *names);
/* Show JavaScript as its source maps have it. Hashes stay those of the scripts. Before any frame is asked for. */
void rsd_names_use_source_maps(struct rsd_names *names);

/* The frames of one node, innermost first: the functions inlined there, then the one that was called. */
const struct rsd_named *rsd_names_frames(struct rsd_names *names, uint32_t node, size_t *count);
/* A number for the stack that ends in `node` that is the same in each run: see names.c. */
uint64_t rsd_names_hash(struct rsd_names *names, uint32_t node);
/* The same for all call sites whose blocks the same code makes, whatever JavaScript asked for them: see names.c. */
uint64_t rsd_names_kin(struct rsd_names *names, uint32_t node);
/* Is the node code of JavaScript or of V8's builtins without a name of its own? */
bool rsd_names_is_script(struct rsd_names *names, uint32_t node);
/* The address in its binary at which a node's names are looked up. False: it is no native code of a known binary. */
bool rsd_names_address(const struct rsd_stack_node *node, uint64_t *address);
/* The place in its script of a JavaScript node that has a function. */
struct rsd_script_place rsd_names_script_place(const struct rsd_history *history, const struct rsd_stack_node *node);
/* The package of a binary, or NULL. */
const char *rsd_names_package(struct rsd_names *names, uint32_t binary);
/* "libvips-cpp.so.42" of "/.../libvips-cpp.so.42". */
const char *rsd_base_name(const char *path);

#endif
