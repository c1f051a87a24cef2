/* One line to the people: "residue: ..." on stderr, by one write, without allocating. */
#ifndef RSD_SAY_H
#define RSD_SAY_H

void rsd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
