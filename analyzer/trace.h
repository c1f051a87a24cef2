/* A trace: its directory, its writers, what is wrong with it. */
#ifndef RSD_TRACE_H
#define RSD_TRACE_H

#include "cursor.h"
#include "folder.h"
#include "meta.h"
#include "problem.h"
#include "read.h"

struct rsd_trace {
    struct rsd_folder folder;
    char *path; /* as given, without a final slash */
    struct rsd_meta meta;
    struct rsd_writer *writers; /* by number; [0] is the process's when it is there */
    size_t writer_count;
    bool running;    /* the process still runs, or did when it was packed: what follows is its state at `cutoff` */
    uint64_t cutoff; /* records later than this are not looked at; UINT64_MAX when the process has ended */
    uint64_t log_bytes;
    struct rsd_problems problems;
};

/* Open the trace at `path`, a directory or a pack. False, with *why (to be freed): there is nothing that could be read. */
bool rsd_trace_open(struct rsd_trace *trace, const char *path, char **why);
void rsd_trace_close(struct rsd_trace *trace);

/* A writer's live file, wherever it is, as rsd_folder_file has it. */
int rsd_trace_live(const struct rsd_trace *trace, const struct rsd_writer *writer);

/* The place in `writers` of the writer with this number; writer_count when it is not there. */
size_t rsd_trace_place(const struct rsd_trace *trace, uint32_t number);

/* Segments that are missing or could not be read, as far as this is known by now. */
uint64_t rsd_trace_lost(const struct rsd_trace *trace);

/* One of the traces in a folder. */
struct rsd_listed {
    char *path;
    struct rsd_meta meta;
    uint64_t bytes; /* on disk */
    bool packed;
};
/* All traces in `folder` that have a meta.json and whose name begins with `prefix`, oldest first. A trace
 * comes after its pack, and after what was compacted from it. */
size_t rsd_trace_list(const char *folder, const char *prefix, struct rsd_listed **list);
void rsd_trace_list_free(struct rsd_listed *list, size_t count);

#endif
