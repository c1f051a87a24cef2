/* meta.json: who, what, when. FORMAT.md, section 6. */
#ifndef RSD_META_H
#define RSD_META_H

#include "config.h"

/* Write it into the trace directory; a negative errno on failure. */
long rsd_meta_write(const struct rsd_config *config);

#endif
