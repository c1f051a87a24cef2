/* Text for people: escaped, grouped, with units. */
#ifndef RSD_TEXT_H
#define RSD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A size that was computed as a double; whatever that says, an integer: 0 for what is below it or no number at all. */
static inline uint64_t rsd_whole(double size) {
    return size >= 0x1p64 ? UINT64_MAX : size > 0 ? (uint64_t)size : 0;
}

/* Short texts by value, for printf: rsd_bytes(n).text */
struct rsd_short {
    char text[48];
};

struct rsd_short rsd_count(uint64_t number);                     /* 1,234,567 */
struct rsd_short rsd_counted(uint64_t number, const char *word); /* "1 block", "2,000 blocks" */
struct rsd_short rsd_bytes(uint64_t bytes);                      /* 512 B, 1.5 MiB */
struct rsd_short rsd_change(int64_t bytes);                      /* +1.5 MiB, -512 B, 0 B */
struct rsd_short rsd_seconds(double seconds);                    /* 0.8 ms, 12.3 s, 5 min 20 s, 3 h 12 min */
struct rsd_short rsd_percent(double part, double whole);         /* 97.1 %, or - when whole is 0 */

/* Bytes of the UTF-8 sequence at `text`, 0 when it is not a valid one or stands for something that steers a terminal
 * (C0, C1, DEL, bidirectional controls). */
size_t rsd_printable(const char *text, size_t size);
/* The text with everything that is not printable as \xNN; to be freed. */
char *rsd_escape(const char *text, size_t size);
char *rsd_escape_string(const char *text);
/* The same as valid UTF-8 for JSON: only what is no UTF-8 is escaped, controls stay (JSON escapes them itself). */
char *rsd_utf8(const char *text, size_t size);
void rsd_print_escaped(FILE *out, const char *text, size_t size);

#endif
