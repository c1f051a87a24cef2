/*
 * Whether the program's malloc is our hook. See first.c.
 */
#ifndef RSD_FIRST_H
#define RSD_FIRST_H

#include <stdbool.h>

/* Whether the program has a sanitizer's runtime in it. Any time. */
bool rsd_first_is_sanitizer(void);

/* Find out, the first time that blocks are recorded, and say so if it is not. Between rsd_ours_begin and rsd_ours_end. */
void rsd_first_check(void);

#endif
