/* Names as the programmer wrote them. */
#ifndef RSD_DEMANGLE_H
#define RSD_DEMANGLE_H

/* The readable name of a C++ or Rust symbol, without parameters; any other name as it is. To be freed. */
char *rsd_demangle(const char *name);

#endif
