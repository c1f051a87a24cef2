/*
 * A field: a label of at most 13 characters, the text from column 16 on; what does not fit goes to further lines below it.
 */
#include "report/layout.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

#define COLUMN 16u

void rsd_field(FILE *out, const char *label, const char *text) {
    char *escaped = rsd_escape_string(text);
    size_t room = RSD_WIDTH - COLUMN;
    fprintf(out, "  %-*s", (int)COLUMN - 2, label);
    const char *at = escaped;
    while (strlen(at) > room) {
        size_t length = room;
        while (length && at[length] != ' ')
            length--;
        if (!length)
            length = room;
        fprintf(out, "%.*s\n%*s", (int)length, at, (int)COLUMN, "");
        at += length;
        while (*at == ' ')
            at++;
    }
    fprintf(out, "%s\n", at);
    free(escaped);
}

void rsd_take_field(FILE *out, const char *label, char *text) {
    rsd_field(out, label, text);
    free(text);
}
