/* A live file made anew from what was copied of one (FORMAT.md 3). */
#ifndef RSD_LIVE_IMAGE_H
#define RSD_LIVE_IMAGE_H

#include "trace.h"

/* To be freed. */
uint8_t *rsd_live_image(const struct rsd_writer *writer, const struct rsd_meta *meta, size_t *size);

#endif
