/* Lines of a report for people: 80 columns, no colour. */
#ifndef RSD_LAYOUT_H
#define RSD_LAYOUT_H

#include <stdio.h>

#define RSD_WIDTH 80

/* `label` and a text that is escaped, and wrapped at spaces. */
void rsd_field(FILE *out, const char *label, const char *text);
/* The same for a text that is then freed. */
void rsd_take_field(FILE *out, const char *label, char *text);

#endif
