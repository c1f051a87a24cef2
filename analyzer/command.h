/* The commands of `residue`. */
#ifndef RSD_COMMAND_H
#define RSD_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "per.h"
#include "report/report.h"

struct rsd_command {
    const char *name;
    const char *summary;               /* one line for `residue help` */
    const char *help;                  /* what `residue help NAME` prints */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

extern const struct rsd_command rsd_command_list, rsd_command_record, rsd_command_report, rsd_command_check,
    rsd_command_html, rsd_command_diff, rsd_command_merge, rsd_command_flame, rsd_command_issue, rsd_command_export,
    rsd_command_mark, rsd_command_start, rsd_command_stop, rsd_command_symbolize, rsd_command_pack, rsd_command_compact,
    rsd_command_stat, rsd_command_dump, rsd_command_version, rsd_command_help;

/* By name, NULL when there is none; and all of them, NULL behind the last. */
const struct rsd_command *rsd_command_find(const char *name);
extern const struct rsd_command *const rsd_commands[];

enum { RSD_OK = 0, RSD_FAILED = 1, RSD_USAGE = 2 };

/* Say what is wrong with the command line and where the help is. Returns RSD_USAGE. */
int rsd_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The one trace that argv names from `first` on, or the newest here; NULL, with a message, when there is none or more
 * than one was named. To be freed. */
char *rsd_trace_argument(const char *command, int argc, char **argv, int first);
/* The program of a trace and its first arguments, shortened and fit to be shown. To be freed. */
char *rsd_listed_words(const struct rsd_listed *listed);

/* A trace that was analysed, and the report on it. */
struct rsd_opened {
    struct rsd_analysis analysis;
    struct rsd_report report;
};
/* Say on stderr that a trace does not tell this metric. */
void rsd_note_metric(const char *command, const struct rsd_analysis *analysis, enum rsd_metric metric);
/* False, with a message: the trace cannot be read, or there is no such call site. */
bool rsd_open_report(struct rsd_opened *opened, const char *command, const char *path,
                     const struct rsd_analysis_options *analysis, const struct rsd_report_options *report);
void rsd_close_report(struct rsd_opened *opened);
/* The same for several; NULL, with a message, when one cannot be opened. */
struct rsd_opened *rsd_open_reports(const char *command, char **paths, size_t count,
                                    const struct rsd_analysis_options *analysis,
                                    const struct rsd_report_options *report);
void rsd_close_reports(struct rsd_opened *opened, size_t count);
/* False, with a message: `per` cannot be told for one of them. */
bool rsd_divisible(const char *command, const struct rsd_opened *opened, size_t count, const struct rsd_per *per);

/* Numbers of options; false, with a message, when the text is none. */
bool rsd_number_argument(const char *command, const char *option, const char *text, double *number);
/* A moment: seconds into *number and *given, or the name of a mark into *mark. */
bool rsd_moment_argument(const char *command, const char *option, const char *text, bool *given, double *number,
                         const char **mark);
/* "512", "64KiB", "1.5GiB" (residue/size.h). */
bool rsd_size_argument(const char *command, const char *option, const char *text, uint64_t *bytes);

bool rsd_metric_argument(const char *command, const char *text, enum rsd_metric *metric);
/* "minute", "mark", "request=12000,11800" (a number for each trace). */
bool rsd_per_argument(const char *command, const char *text, struct rsd_per *per);
enum { RSD_OPTION_SYSROOT = 256, RSD_OPTION_DEBUG_DIR, RSD_OPTION_FROM, RSD_OPTION_TO, RSD_OPTION_AT };
/* --sysroot and --debug-dir, for the commands that name things: their rows in the table for getopt, what takes them (false,
 * with a message: it is neither, or there is no such folder), and their lines in the help. */
#define RSD_PLACES_OPTIONS                                                                                             \
    {"sysroot", required_argument, NULL, RSD_OPTION_SYSROOT}, {                                                        \
        "debug-dir", required_argument, NULL, RSD_OPTION_DEBUG_DIR                                                     \
    }
#define RSD_PLACES_HELP                                                                                                \
    "  --sysroot DIR    the recorded system's files (programs, libraries, packages)\n"                                 \
    "                   are below DIR\n"                                                                               \
    "  --debug-dir DIR  look there too for separate debug files; may be given more\n"                                  \
    "                   than once\n"
bool rsd_places_argument(const char *command, int option, struct rsd_places *places);
/* The same of --from, --to and --at, for the commands on a window. What takes these takes the places, too. */
#define RSD_WINDOW_OPTIONS                                                                                             \
    {"from", required_argument, NULL, RSD_OPTION_FROM}, {"to", required_argument, NULL, RSD_OPTION_TO}, {              \
        "at", required_argument, NULL, RSD_OPTION_AT                                                                   \
    }
#define RSD_WINDOW_HELP                                                                                                \
    "  --from MOMENT    start of the window: seconds, or the name of a mark (default:\n"                               \
    "                   the end of warm-up, as in `residue report`)\n"                                                 \
    "  --to MOMENT      end of the window: seconds, or the name of a mark\n"                                           \
    "  --at MOMENT      end of the window: teardown (default), exit, or end\n"
bool rsd_window_argument(const char *command, int option, struct rsd_window_options *window, struct rsd_places *places);

/* Each problem as a line on stderr. */
void rsd_print_problems(const char *command, const struct rsd_problems *problems);

/* Finish stdout. Returns RSD_OK, or RSD_FAILED with a message when not everything could be written. */
int rsd_flush_output(void);

#endif
