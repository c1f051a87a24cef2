/*
 * Whether the program's malloc is our hook. See first.c.
 */
#ifndef RSD_FIRST_H
#define RSD_FIRST_H

/* Find out, and say so if it is not; from the constructor, between rsd_ours_begin and rsd_ours_end. */
void rsd_first_check(void);

#endif
