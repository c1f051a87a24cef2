/*
 * From a position in a script to a line and a column. See lines.c.
 */
#ifndef RSD_JS_LINES_H
#define RSD_JS_LINES_H

#include "js/object.h"

struct rsd_js_line {
    uint32_t line, column; /* from 1; 0: not known */
};

/* `position` counts characters from the start of the script's source, from 0. */
struct rsd_js_line rsd_js_line(struct rsd_js *js, struct rsd_js_object script, int32_t position);

/* Line ends in `text` from `from` up to `to`, and the position behind the last one in `last_end` if there is one. The
 * text has `size` characters and can be read up to it. */
uint32_t rsd_js_count_lines(const void *text, bool wide, uint32_t size, uint32_t from, uint32_t to, uint32_t *last_end);

#endif
