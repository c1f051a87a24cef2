/* Lines of a report for people: no colour, within a width. */
#ifndef RSD_LAYOUT_H
#define RSD_LAYOUT_H

#include <stddef.h>
#include <stdio.h>

#define RSD_WIDTH 80 /* columns, where nobody says otherwise */
#define RSD_WIDTH_LEAST 80
#define RSD_WIDTH_MOST 400

/* Columns of a report. */
size_t rsd_width(void);
/* Set it, within reason; 0: as wide as the terminal is (COLUMNS, else what stdout says), else RSD_WIDTH. */
void rsd_set_width(size_t width);

/* `label` and a text that is escaped, and wrapped at spaces. */
void rsd_field(FILE *out, const char *label, const char *text);
/* The same for a text that is then freed. */
void rsd_take_field(FILE *out, const char *label, char *text);

#endif
