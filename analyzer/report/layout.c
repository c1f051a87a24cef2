/*
 * How wide a report is, and its fields.
 *
 * Into a file, a pipe or a log viewer a report is 80 columns wide; a terminal shows as much as it has room for. What is
 * meant for others to read (residue issue) keeps to 80.
 *
 * A field: a label of at most 13 characters, the text from column 16 on; what does not fit goes to further lines below it.
 */
#include "report/layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

#define COLUMN 16u

static size_t width = RSD_WIDTH;

size_t rsd_width(void) {
    return width;
}

static size_t width_of_terminal(void) {
    const char *columns = getenv("COLUMNS");
    unsigned long said = columns ? strtoul(columns, NULL, 10) : 0;
    struct winsize size = {.ws_col = 0};
    if (!said && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        said = size.ws_col;
    return said ? said : RSD_WIDTH;
}

void rsd_set_width(size_t wanted) {
    width = wanted ? wanted : width_of_terminal();
    width = width < RSD_WIDTH_LEAST ? RSD_WIDTH_LEAST : width > RSD_WIDTH_MOST ? RSD_WIDTH_MOST : width;
}

void rsd_field(FILE *out, const char *label, const char *text) {
    char *escaped = rsd_escape_string(text);
    size_t room = width - COLUMN;
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
